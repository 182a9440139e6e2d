-- Leases: how long an item may be without a sign of life of the job that holds it.

-- lease_minutes: 0 none. An item's last sign of life is the latest of started_at, renewed_at and what is heard of its job.
ALTER TABLE queue_definitions ADD COLUMN lease_minutes BIGINT NOT NULL DEFAULT 0;
CREATE INDEX queue_definitions_leases ON queue_definitions (id) WHERE lease_minutes > 0;

-- renewed_at: when the holder last renewed the lease; older than started_at it belongs to an earlier holder. handovers:
-- how often the item went back from a holder to the queue; with it a late holder is told from the present one.
-- lease_losses: how often that was because the lease ran out.
ALTER TABLE queue_items ADD COLUMN renewed_at BIGINT;
ALTER TABLE queue_items ADD COLUMN handovers BIGINT NOT NULL DEFAULT 0;
ALTER TABLE queue_items ADD COLUMN lease_losses BIGINT NOT NULL DEFAULT 0;
