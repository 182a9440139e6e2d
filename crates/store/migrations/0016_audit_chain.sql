-- The audit as a chain of hashes: one link for each entry, in the order of sealing, which need not be that of ids.
-- A link outlives its entry: with content_hash the chain can be followed without the entry itself.

CREATE TABLE audit_chain (
  sequence BIGINT NOT NULL PRIMARY KEY,
  entry_id BIGINT NOT NULL,
  sealed_at BIGINT NOT NULL,
  content_hash TEXT NOT NULL,
  hash TEXT NOT NULL
);
CREATE UNIQUE INDEX audit_chain_entry ON audit_chain (entry_id);

-- One row, the sealer's: entries up to closed_id are sealed or have never been; what appears there later was not
-- written by a server. watched_id is the next such bound, once watched_at is long enough ago.
CREATE TABLE audit_chain_state (
  id BIGINT NOT NULL PRIMARY KEY,
  closed_id BIGINT NOT NULL,
  watched_id BIGINT NOT NULL,
  watched_at BIGINT NOT NULL
);
INSERT INTO audit_chain_state (id, closed_id, watched_id, watched_at) VALUES (1, 0, 0, 0);
