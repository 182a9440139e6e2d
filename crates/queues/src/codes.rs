//! Numbers of published error codes that only queues use.

/// The user cannot review items of this folder.
pub const REVIEWER_NOT_AVAILABLE: i32 = 1853;
/// There is no such kind of schema.
pub const INVALID_QUEUE_SCHEMA_TYPE: i32 = 1859;
/// The queue has no such schema.
pub const QUEUE_SCHEMA_NOT_FOUND: i32 = 1860;
