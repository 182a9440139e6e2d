-- What a change leaves behind: audit entries, events for others to react to, stored replies.

CREATE TABLE audit_entries (
  id {{id}},
  organization_id BIGINT NOT NULL,
  tenant_id BIGINT,
  folder_id BIGINT,
  at BIGINT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_key TEXT,
  actor_id BIGINT,
  actor_name TEXT NOT NULL,
  client_id TEXT,
  component TEXT NOT NULL,
  action TEXT NOT NULL,
  entity_id BIGINT,
  entity_key TEXT,
  entity_name TEXT,
  operation TEXT NOT NULL,
  trace_id TEXT,
  before_json TEXT,
  after_json TEXT
);
CREATE INDEX audit_entries_tenant ON audit_entries (tenant_id, at);
CREATE INDEX audit_entries_entity ON audit_entries (tenant_id, component, entity_id);

-- The outbox: facts in the order of their making, taken by state and never by number alone.
CREATE TABLE events (
  id {{id}},
  tenant_id BIGINT NOT NULL,
  folder_id BIGINT,
  at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  entity_key TEXT,
  actor_id BIGINT,
  payload TEXT NOT NULL,
  state BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX events_waiting ON events (id) WHERE state = 0;
CREATE INDEX events_age ON events (at);

-- Replies kept for repeated calls with the same Idempotency-Key; sealed, since a reply may hold a one-time secret.
CREATE TABLE stored_replies (
  scope TEXT NOT NULL,
  key_hash TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  status BIGINT,
  reply_sealed TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (scope, key_hash)
);
CREATE INDEX stored_replies_expiry ON stored_replies (expires_at);

-- Work that one node at a time does: who holds it, until when (the database's own time on PostgreSQL).
CREATE TABLE leases (
  name TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  until_at BIGINT NOT NULL
);

-- Small facts of the installation (its own id, the version that wrote the data, when it was made).
CREATE TABLE installation (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);
