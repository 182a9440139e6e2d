-- Queue definitions, their links to folders, and items.

CREATE TABLE queue_definitions (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  name TEXT NOT NULL,
  description TEXT,
  max_retries BIGINT NOT NULL DEFAULT 0,
  auto_retry BIGINT NOT NULL DEFAULT 0,
  retry_abandoned BIGINT NOT NULL DEFAULT 0,
  unique_reference BIGINT NOT NULL DEFAULT 0,
  encrypted BIGINT NOT NULL DEFAULT 0,
  sla_minutes BIGINT NOT NULL DEFAULT 0,
  risk_sla_minutes BIGINT NOT NULL DEFAULT 0,
  release_id BIGINT,
  tags TEXT NOT NULL DEFAULT '[]',
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX queue_definitions_tenant ON queue_definitions (tenant_id);

-- name is the folded name of the queue, so that names are unique in every folder.
CREATE TABLE queue_folders (
  queue_id BIGINT NOT NULL REFERENCES queue_definitions (id) ON DELETE CASCADE,
  folder_id BIGINT NOT NULL REFERENCES folders (id),
  name TEXT NOT NULL,
  PRIMARY KEY (queue_id, folder_id)
);
CREATE UNIQUE INDEX queue_folders_name ON queue_folders (folder_id, name);

-- status: 0 New, 1 InProgress, 2 Failed, 3 Successful, 4 Abandoned, 5 Retried, 6 Deleted. priority: 0 High, 1 Normal, 2 Low.
-- no_due: 1 for items without a deadline, which come after those with one. ready: 0 while a New item is deferred.
-- unique_reference: the folded reference while it must be unique, else null. Contents of encrypted queues are JSON
-- texts that hold the sealed content.
CREATE TABLE queue_items (
  id {{id}},
  tenant_id BIGINT NOT NULL,
  queue_id BIGINT NOT NULL REFERENCES queue_definitions (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  unique_key TEXT NOT NULL UNIQUE,
  status BIGINT NOT NULL,
  ready BIGINT NOT NULL DEFAULT 1,
  no_due BIGINT NOT NULL DEFAULT 1,
  priority BIGINT NOT NULL DEFAULT 1,
  due_at BIGINT,
  risk_at BIGINT,
  defer_at BIGINT,
  reference TEXT,
  unique_reference TEXT,
  encrypted BIGINT NOT NULL DEFAULT 0,
  content TEXT,
  output TEXT,
  analytics TEXT,
  progress TEXT,
  exception TEXT,
  exception_type BIGINT,
  review_status BIGINT NOT NULL DEFAULT 0,
  reviewer_user_id BIGINT,
  robot_id BIGINT,
  creator_job_key TEXT,
  executor_job_key TEXT,
  source TEXT,
  parent_operation_id TEXT,
  operation_id TEXT,
  created_at BIGINT NOT NULL,
  started_at BIGINT,
  ended_at BIGINT,
  seconds_previous BIGINT NOT NULL DEFAULT 0,
  ancestor_id BIGINT,
  ancestor_key TEXT,
  retry_number BIGINT NOT NULL DEFAULT 0,
  manual_ancestor_id BIGINT,
  manual_ancestor_key TEXT,
  manual_retry_number BIGINT NOT NULL DEFAULT 0,
  row_version TEXT NOT NULL
);
-- The order of processing: whoever asks for the next item reads one entry of this index.
CREATE INDEX queue_items_next ON queue_items (queue_id, no_due, priority, due_at, id) WHERE status = 0 AND ready = 1;
CREATE INDEX queue_items_deferred ON queue_items (queue_id, defer_at) WHERE status = 0 AND ready = 0;
CREATE INDEX queue_items_running ON queue_items (started_at) WHERE status = 1;
CREATE INDEX queue_items_status ON queue_items (queue_id, status, id);
CREATE INDEX queue_items_tenant ON queue_items (tenant_id, id);
CREATE INDEX queue_items_chain ON queue_items (key);
CREATE INDEX queue_items_reference ON queue_items (queue_id, fold(reference)) WHERE reference IS NOT NULL;
CREATE UNIQUE INDEX queue_items_unique_reference ON queue_items (queue_id, unique_reference) WHERE unique_reference IS NOT NULL;
