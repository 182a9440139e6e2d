-- Indexes for pages of large queues, and counters for their totals.

-- Equality, beginnings and order of references. It was partial before, and then neither planner uses it: SQLite does not see
-- that the condition holds, PostgreSQL knows no statistics of it. Items without a reference are first.
DROP INDEX queue_items_reference;
-- sqlite: CREATE INDEX queue_items_reference ON queue_items (queue_id, fold(reference));
-- postgres: CREATE INDEX queue_items_reference ON queue_items (queue_id, fold(reference) NULLS FIRST, id);

-- Everything in the order of time; a queue in the order of its ids and of time, and of these the items of one state. SQLite has
-- no statistics and takes the newest of indexes that look alike to it, hence this order: first the tenant, then the queue.
CREATE INDEX queue_items_tenant_created ON queue_items (tenant_id, created_at, id);
CREATE INDEX queue_items_queue ON queue_items (queue_id, id);
CREATE INDEX queue_items_created ON queue_items (queue_id, created_at, id);
CREATE INDEX queue_items_status_created ON queue_items (queue_id, status, created_at, id);

-- The order of processing among the items of one reference. Items without one are not in it: that a text equals another
-- implies for both planners that it is not null.
CREATE INDEX queue_items_next_reference ON queue_items (queue_id, fold(reference), no_due, priority, due_at, id)
  WHERE status = 0 AND ready = 1 AND fold(reference) IS NOT NULL;

-- How many items of a queue have which state, as far as their history is counted (queue_item_events.counted = 1).
CREATE TABLE queue_totals (
  tenant_id BIGINT NOT NULL,
  queue_id BIGINT NOT NULL REFERENCES queue_definitions (id) ON DELETE CASCADE,
  status BIGINT NOT NULL,
  items BIGINT NOT NULL,
  PRIMARY KEY (queue_id, status)
);
INSERT INTO queue_totals (tenant_id, queue_id, status, items)
SELECT q.tenant_id, q.id, part.status, sum(part.items) FROM (
  SELECT queue_id, status, count(*) AS items FROM queue_items GROUP BY queue_id, status
  UNION ALL SELECT queue_id, status, -count(*) FROM queue_item_events WHERE counted = 0 GROUP BY queue_id, status
  UNION ALL SELECT queue_id, was, count(*) FROM queue_item_events WHERE counted = 0 AND was IS NOT NULL GROUP BY queue_id, was
) AS part JOIN queue_definitions q ON q.id = part.queue_id GROUP BY q.tenant_id, q.id, part.status;
