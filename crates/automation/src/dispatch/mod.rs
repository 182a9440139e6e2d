//! Dispatch: which waiting job goes to which account on which session.
//!
//! `demand` is what a job wants, `choose` decides over what `ground` read, `reasons` says why nothing was found,
//! `round` walks the waiting jobs of a tenant in their order, `reserve` binds a job to a slot and gives it back,
//! `duty` runs rounds in the background, `watch` looks after what was handed out: reservations that were not
//! accepted, robots that fell silent, time limits.
//!
//! What keeps a slot from being given away twice is in the database: a job is taken by a conditional update, a
//! slot by a unique index. The gate (one dispatcher a tenant at a time) only saves them from clashing.

pub mod choose;
pub mod demand;
pub mod duty;
pub mod ground;
pub mod reasons;
pub mod reserve;
pub mod round;
pub mod watch;

pub use choose::{Ground, Need, Place, Taken};
pub use demand::Demand;
pub use duty::Dispatcher;
pub use reasons::{Reason, Reasons};
pub use round::Round;
pub use watch::JobWatch;
