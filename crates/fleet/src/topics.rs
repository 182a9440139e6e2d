//! Topics that fleet nudges.

use bandmaster_api::Unit;

/// Nudged when hosts may have become able (or unable) to take jobs: they connected, left or came back, slots,
/// assignments or limits changed, a robot was switched. Whoever hands out jobs looks again.
pub const CAPACITY: &str = "fleet";

/// Nudges [`CAPACITY`] and the machine's own topic.
pub(crate) fn capacity(unit: &mut Unit, machine_id: i64) {
    unit.nudge(CAPACITY);
    unit.nudge(crate::machines::topic(machine_id));
}
