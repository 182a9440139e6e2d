-- Actions on all items of a queue or folder that a filter selects, carried out in the background.

-- action: 0 Retry, 1 Delete, 2 SetPriority, 3 Requeue. state: 0 New, 1 InProgress, 2 Completed, 3 Cancelled, 4 Failed.
-- priority: what SetPriority sets. total: how many items were selected then, null while nobody could count them. filter: the text as it came; requested_at is what now() means in it. ceiling: the
-- greatest id of an item when the action was asked for; reached: items up to this id are behind it. reasons: a JSON list
-- of why items were passed over, and how many. failures: a JSON list of the first items that failed. client_id: the
-- application that asked, else null. run: the node that works on it, beat_at: its last sign of life. attempts: how often
-- the present place failed, not_before: when it is tried again. queue_id has no reference: an action may outlive it.
CREATE TABLE queue_item_actions (
  id {{id}},
  organization_id BIGINT NOT NULL,
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  folder_id BIGINT NOT NULL,
  queue_id BIGINT,
  action BIGINT NOT NULL,
  priority BIGINT,
  filter TEXT,
  state BIGINT NOT NULL DEFAULT 0,
  message TEXT,
  total BIGINT,
  done BIGINT NOT NULL DEFAULT 0,
  skipped BIGINT NOT NULL DEFAULT 0,
  failed BIGINT NOT NULL DEFAULT 0,
  reasons TEXT NOT NULL DEFAULT '[]',
  failures TEXT NOT NULL DEFAULT '[]',
  user_id BIGINT,
  user_name TEXT NOT NULL,
  client_id TEXT,
  requested_at BIGINT NOT NULL,
  started_at BIGINT,
  ended_at BIGINT,
  ceiling BIGINT NOT NULL,
  reached BIGINT NOT NULL DEFAULT 0,
  run TEXT,
  beat_at BIGINT,
  attempts BIGINT NOT NULL DEFAULT 0,
  not_before BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX queue_item_actions_unfinished ON queue_item_actions (tenant_id, id) WHERE state < 2;
CREATE INDEX queue_item_actions_ended ON queue_item_actions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX queue_item_actions_folder ON queue_item_actions (folder_id, id);
