-- Queue definitions, their links to folders, items with their history and comments, and figures about them.

-- schema_version changes with the JSON Schemas and is null while there are none. retention_action: 0 Delete, 2 None
-- (kept); retention_period: days; retention_done_at: the day for which old items are gone.
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
  specific_schema TEXT,
  output_schema TEXT,
  analytics_schema TEXT,
  schema_version TEXT,
  retention_action BIGINT NOT NULL DEFAULT 0,
  retention_period BIGINT NOT NULL DEFAULT 30,
  retention_done_at BIGINT NOT NULL DEFAULT 0,
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
-- unique_reference: the folded reference while it must be unique, else null. changed_at: the last change by a person. Contents of encrypted queues are JSON
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
  changed_at BIGINT,
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

-- One row a change of an item: its history. action: 0 Create, 1 Edit, 2 Delete, 3 Status, 4 Retry. was: the state
-- before, null for a new item. took: microseconds of processing, for changes that end it. counted: 1 once the figures
-- of queue_figures contain it. Items are not referenced, so that adding a row locks none.
CREATE TABLE queue_item_events (
  id {{id}},
  tenant_id BIGINT NOT NULL,
  queue_id BIGINT NOT NULL,
  item_id BIGINT NOT NULL,
  at BIGINT NOT NULL,
  action BIGINT NOT NULL,
  was BIGINT,
  status BIGINT NOT NULL,
  review_status BIGINT NOT NULL DEFAULT 0,
  reviewer_user_id BIGINT,
  user_id BIGINT,
  client_id TEXT,
  data TEXT,
  exception_type BIGINT,
  took BIGINT NOT NULL DEFAULT 0,
  counted BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX queue_item_events_item ON queue_item_events (item_id);
CREATE INDEX queue_item_events_uncounted ON queue_item_events (id) WHERE counted = 0;

CREATE TABLE queue_item_comments (
  id {{id}},
  tenant_id BIGINT NOT NULL,
  queue_id BIGINT NOT NULL,
  item_id BIGINT NOT NULL REFERENCES queue_items (id) ON DELETE CASCADE,
  user_id BIGINT,
  author_key TEXT NOT NULL,
  author_name TEXT NOT NULL,
  text TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX queue_item_comments_item ON queue_item_comments (item_id);
CREATE INDEX queue_item_comments_queue ON queue_item_comments (queue_id, id);

-- What the history adds up to. grain: 0 everything (begins_at 0), 1 minute, 2 hour, 3 day. new_delta and
-- running_delta are what New and InProgress changed by; times are microseconds of processing.
CREATE TABLE queue_figures (
  queue_id BIGINT NOT NULL REFERENCES queue_definitions (id) ON DELETE CASCADE,
  grain BIGINT NOT NULL,
  begins_at BIGINT NOT NULL,
  new_delta BIGINT NOT NULL DEFAULT 0,
  running_delta BIGINT NOT NULL DEFAULT 0,
  successful BIGINT NOT NULL DEFAULT 0,
  successful_time BIGINT NOT NULL DEFAULT 0,
  application BIGINT NOT NULL DEFAULT 0,
  application_time BIGINT NOT NULL DEFAULT 0,
  business BIGINT NOT NULL DEFAULT 0,
  business_time BIGINT NOT NULL DEFAULT 0,
  retried BIGINT NOT NULL DEFAULT 0,
  last_ended_at BIGINT,
  PRIMARY KEY (queue_id, grain, begins_at)
);
