//! What an action does to an item in which state. One rule serves the dry run, which asks it about groups of items, and
//! the run, which asks it about each.
//!
//! | state of the item | Retry | Requeue | SetPriority | Delete |
//! | --- | --- | --- | --- | --- |
//! | New | – | the deferral goes, if there is one | the priority changes | Deleted |
//! | InProgress | – | – | – | – |
//! | Failed, Abandoned | Retried, and a new attempt | the same, without deferral | – | Deleted |
//! | … whose review says Verified | – | as above | – | Deleted |
//! | Successful | – | – | – | Deleted |
//! | Retried | – | – | – | Deleted |
//! | Deleted | – | – | – | – |
//!
//! A verified item was set aside by a person; a retry of everything must not override that, a requeue says that it shall.

use crate::attempt::Attempt;
use crate::items::STATUS;
use bandmaster_model::EnumType;

/// Actions by name; the numbers are stored.
pub static ACTION: EnumType = EnumType {
    name: "QueueItemActionKind",
    members: &[("Retry", 0), ("Delete", 1), ("SetPriority", 2), ("Requeue", 3)],
};

/// What is done to items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A new attempt of what failed or was abandoned.
    Retry,
    /// Mark as deleted.
    Delete,
    /// Give new items this priority.
    SetPriority(i64),
    /// Have a robot process it as soon as possible.
    Requeue,
}

impl Action {
    /// The action of a stored number; none for a number of a newer version, or a priority that is missing.
    pub fn of(number: i64, priority: Option<i64>) -> Option<Action> {
        match number {
            0 => Some(Action::Retry),
            1 => Some(Action::Delete),
            2 => priority.map(Action::SetPriority),
            3 => Some(Action::Requeue),
            _ => None,
        }
    }

    /// Its stored number.
    pub fn number(self) -> i64 {
        match self {
            Action::Retry => 0,
            Action::Delete => 1,
            Action::SetPriority(_) => 2,
            Action::Requeue => 3,
        }
    }

    /// The permission that the single operation asks for.
    pub fn permission(self) -> &'static str {
        match self {
            Action::Retry => "Queues.View&Transactions.Edit",
            Action::Delete => "Queues.View&Transactions.Delete",
            Action::SetPriority(_) => "Queues.Edit&Transactions.Edit",
            Action::Requeue => "Queues.View&Queues.Edit&Transactions.Edit",
        }
    }

    /// Word of the audit; the one of the single operation.
    pub fn audited(self) -> &'static str {
        match self {
            Action::Retry | Action::Requeue => "ChangeStatus",
            Action::Delete => "Delete",
            Action::SetPriority(_) => "Update",
        }
    }

    /// What becomes of an item in that state.
    pub fn verdict(self, item: Standing) -> Verdict {
        let state = Verdict::Skip(STATUS.label(item.status).unwrap_or("Unknown"));
        match (self, item.status) {
            (_, IN_PROGRESS | DELETED) => state,
            (Action::Delete, _) => Verdict::Change,
            (Action::Retry, FAILED | ABANDONED) if item.review == VERIFIED => Verdict::Skip("Verified"),
            (Action::Retry | Action::Requeue, FAILED | ABANDONED) if item.review != RETRIED => Verdict::Change,
            (Action::Requeue, NEW) if item.deferred => Verdict::Change,
            (Action::SetPriority(priority), NEW) if item.priority == priority => Verdict::Skip("SamePriority"),
            (Action::SetPriority(_), NEW) => Verdict::Change,
            _ => state,
        }
    }
}

const NEW: i64 = 0;
const IN_PROGRESS: i64 = 1;
const FAILED: i64 = 2;
const ABANDONED: i64 = 4;
const DELETED: i64 = 6;
/// Review states.
const VERIFIED: i64 = 2;
const RETRIED: i64 = 3;

/// What becomes of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is changed.
    Change,
    /// It stays as it is, for this reason.
    Skip(&'static str),
}

/// What the rule has to know of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Number of its state.
    pub status: i64,
    /// Number of its review state.
    pub review: i64,
    /// Number of its priority.
    pub priority: i64,
    /// It must not be processed yet.
    pub deferred: bool,
}

impl Standing {
    /// An SQL expression whose value [`Standing::read`] understands; `?` is the present moment.
    pub const SQL: &'static str = "({t}.status * 100 + {t}.review_status * 10 + {t}.priority) * 2 \
         + CASE WHEN {t}.defer_at > ? THEN 1 ELSE 0 END";

    /// Reads a value of [`Standing::SQL`].
    pub fn read(value: i64) -> Standing {
        let digits = value / 2;
        Standing { status: digits / 100, review: digits / 10 % 10, priority: digits % 10, deferred: value % 2 == 1 }
    }

    /// The same of an item that was read.
    pub fn of(item: &Attempt, now: i64) -> Standing {
        Standing {
            status: item.status,
            review: item.review_status,
            priority: item.item.priority,
            deferred: item.item.defer_at.is_some_and(|d| d > now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_the_table() {
        let standing = |status, review, deferred| Standing { status, review, priority: 1, deferred };
        let cases: [(&str, Standing, [&str; 4]); 9] = [
            ("new", standing(0, 0, false), ["New", "New", "", ""]),
            ("deferred", standing(0, 0, true), ["New", "", "", ""]),
            ("in progress", standing(1, 0, false), ["InProgress"; 4]),
            ("failed", standing(2, 0, false), ["", "", "Failed", ""]),
            ("failed, verified", standing(2, 2, false), ["Verified", "", "Failed", ""]),
            ("successful", standing(3, 0, false), ["Successful", "Successful", "Successful", ""]),
            ("abandoned, in review", standing(4, 1, false), ["", "", "Abandoned", ""]),
            ("retried", standing(5, 3, false), ["Retried", "Retried", "Retried", ""]),
            ("deleted", standing(6, 0, false), ["Deleted"; 4]),
        ];
        for (name, standing, expected) in cases {
            let actions = [Action::Retry, Action::Requeue, Action::SetPriority(0), Action::Delete];
            for (action, reason) in actions.into_iter().zip(expected) {
                let expected = if reason.is_empty() { Verdict::Change } else { Verdict::Skip(reason) };
                assert_eq!(action.verdict(standing), expected, "{action:?} of {name}");
            }
        }
        assert_eq!(Action::SetPriority(1).verdict(standing(0, 0, false)), Verdict::Skip("SamePriority"));
    }

    #[test]
    fn numbers_are_read_back() {
        let standing = Standing { status: 6, review: 3, priority: 2, deferred: true };
        assert_eq!(Standing::read((600 + 30 + 2) * 2 + 1), standing);
        for action in [Action::Retry, Action::Delete, Action::SetPriority(2), Action::Requeue] {
            assert_eq!(Action::of(action.number(), Some(2)), Some(action));
        }
        assert_eq!(Action::of(2, None), None);
    }
}
