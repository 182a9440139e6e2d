-- Exports: lists written to files in the background, each for the one who asked.

-- kind: 0 OrchestratorAudit, 1 TestAutomationAudit, 2 Queues, 3 Logs, 4 Jobs. status: 0 New, 1 InProgress,
-- 2 Completed, 3 Failed. folders: a JSON list of the ids of those that the caller saw, NULL for all. options: the query
-- options as they came, a JSON list of pairs. parent_id: the queue whose items they are. run names the attempt that
-- holds an export in progress, beat_at is its last sign of life. file_id has no reference: a file that was given up
-- may go before its export.
CREATE TABLE exports (
  id {{id}},
  organization_id BIGINT NOT NULL,
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  requester_key TEXT NOT NULL,
  user_id BIGINT,
  kind BIGINT NOT NULL,
  name TEXT NOT NULL,
  status BIGINT NOT NULL DEFAULT 0,
  folders TEXT,
  parent_id BIGINT,
  options TEXT NOT NULL,
  requested_at BIGINT NOT NULL,
  executed_at BIGINT,
  size BIGINT,
  file_id TEXT,
  run TEXT,
  beat_at BIGINT,
  attempts BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX exports_unfinished ON exports (requested_at) WHERE status < 2;
CREATE INDEX exports_age ON exports (requested_at);
CREATE INDEX exports_tenant ON exports (tenant_id, requested_at);
CREATE INDEX exports_file ON exports (file_id) WHERE file_id IS NOT NULL;

-- The order in which the audit is listed.
CREATE INDEX audit_entries_list ON audit_entries (tenant_id, id);
