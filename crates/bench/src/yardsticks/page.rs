//! The page of queue items by hand: one statement with a join, every column read.

/// How the page is ordered.
#[derive(Debug, Clone, Copy)]
pub enum Order {
    /// By id, downwards.
    Id,
    /// By the time of creation, downwards.
    Created,
}

impl Order {
    fn sql(self) -> &'static str {
        match self {
            Order::Id => "i.id DESC",
            Order::Created => "i.created_at DESC, i.id DESC",
        }
    }

    /// As a client asks for it.
    pub fn odata(self) -> &'static str {
        match self {
            Order::Id => "Id desc",
            Order::Created => "CreationTime desc",
        }
    }
}

/// The page as one statement. The rows are chosen before anything is joined to them, which leaves SQLite no other way.
pub fn statement(queue: i64, order: Order) -> String {
    let order = order.sql();
    format!(
        "SELECT i.*, q.* FROM (SELECT i.* FROM queue_items i WHERE i.tenant_id = 1 AND i.queue_id = {queue} AND i.status = 0 \
         AND i.priority = 0 ORDER BY {order} LIMIT 100) AS i JOIN queue_definitions q ON q.id = i.queue_id ORDER BY {order}"
    )
}
