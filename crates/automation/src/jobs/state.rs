//! The states of a job and what leads from one to the other: a pure table, without the database.
//!
//! Final states are frozen. What a change brings along (times, slots, history, events) is in [`super::change`].

use super::enums::{JOB_STATE, KILL, SOFT_STOP};

/// State of a job; the number is the stored one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i64)]
pub enum State {
    /// Waits for a robot, or is reserved for one that has not accepted yet.
    Pending = 0,
    /// A robot accepted it.
    Running = 1,
    /// Was asked to end.
    Stopping = 2,
    /// Is being killed.
    Terminating = 3,
    /// Failed. Final.
    Faulted = 4,
    /// Ended by itself without an error. Final.
    Successful = 5,
    /// Was ended before it was done. Final.
    Stopped = 6,
    /// Waits for something, without a robot.
    Suspended = 7,
    /// Waits for a robot again.
    Resumed = 8,
}

use State::{Faulted, Pending, Resumed, Running, Stopped, Stopping, Successful, Suspended, Terminating};

impl State {
    /// Every state, in the order of the numbers.
    pub const ALL: [State; 9] =
        [Pending, Running, Stopping, Terminating, Faulted, Successful, Stopped, Suspended, Resumed];

    /// The state of a stored number.
    pub fn of(number: i64) -> Option<State> {
        usize::try_from(number).ok().and_then(|n| State::ALL.get(n).copied())
    }

    /// The stored number.
    pub fn number(self) -> i64 {
        self as i64
    }

    /// The published name.
    pub fn name(self) -> &'static str {
        JOB_STATE.label(self.number()).unwrap_or("Unknown")
    }

    /// A state as robots write it: name or number.
    pub fn read(value: &serde_json::Value) -> Option<State> {
        let number = match value {
            serde_json::Value::String(text) => JOB_STATE.number(text),
            serde_json::Value::Number(n) => n.as_i64(),
            _ => None,
        };
        number.and_then(State::of)
    }

    /// Whether nothing follows.
    pub fn is_final(self) -> bool {
        matches!(self, Faulted | Successful | Stopped)
    }

    /// Whether it waits for a robot.
    pub fn waits(self) -> bool {
        matches!(self, Pending | Resumed)
    }

    /// Whether a robot works on it.
    pub fn is_active(self) -> bool {
        matches!(self, Running | Stopping | Terminating)
    }
}

/// What happens to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A robot tells that it runs the job: the acceptance, or progress later on.
    Started,
    /// A robot tells how it ended.
    Ended(State),
    /// Somebody, or a timer, asks it to end: [`SOFT_STOP`] or [`KILL`].
    Stop(i64),
    /// Its robot is gone, or it did not die when it was killed.
    Lost,
}

/// What an event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The job enters this state.
    Enters(State),
    /// Nothing changes and nothing is wrong.
    Stays,
    /// Not possible in this state.
    Refused,
}

/// What an event does to a job in a state.
pub fn after(state: State, event: Event) -> Outcome {
    use Outcome::{Enters, Refused, Stays};
    match (state, event) {
        (Faulted | Successful | Stopped, _) => Refused,
        (Pending | Resumed, Event::Started) => Enters(Running),
        (Running | Stopping | Terminating, Event::Started) => Stays,
        // A robot that could not start it reports the end at once.
        (Pending | Resumed | Running | Stopping | Terminating, Event::Ended(end)) if end.is_final() => Enters(end),
        (Pending | Suspended | Resumed, Event::Stop(_)) => Enters(Stopped),
        (Running, Event::Stop(SOFT_STOP)) => Enters(Stopping),
        (Running | Stopping, Event::Stop(KILL)) => Enters(Terminating),
        (Terminating, Event::Stop(KILL)) => Stays,
        (Running | Stopping | Terminating, Event::Lost) => Enters(Faulted),
        (_, Event::Started | Event::Ended(_) | Event::Stop(_) | Event::Lost) => Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SOFT: Event = Event::Stop(SOFT_STOP);
    const HARD: Event = Event::Stop(KILL);
    const OK: Event = Event::Ended(Successful);
    const BAD: Event = Event::Ended(Faulted);

    /// One row a state; the columns are the events. `-` refused, `=` stays, else the state entered.
    #[test]
    fn the_whole_table() {
        let events = [Event::Started, OK, BAD, Event::Ended(Stopped), SOFT, HARD, Event::Lost];
        let table: [(State, [&str; 7]); 9] = [
            (Pending, ["Running", "Successful", "Faulted", "Stopped", "Stopped", "Stopped", "-"]),
            (Running, ["=", "Successful", "Faulted", "Stopped", "Stopping", "Terminating", "Faulted"]),
            (Stopping, ["=", "Successful", "Faulted", "Stopped", "-", "Terminating", "Faulted"]),
            (Terminating, ["=", "Successful", "Faulted", "Stopped", "-", "=", "Faulted"]),
            (Faulted, ["-"; 7]),
            (Successful, ["-"; 7]),
            (Stopped, ["-"; 7]),
            (Suspended, ["-", "-", "-", "-", "Stopped", "Stopped", "-"]),
            (Resumed, ["Running", "Successful", "Faulted", "Stopped", "Stopped", "Stopped", "-"]),
        ];
        for (state, expected) in table {
            for (event, want) in events.into_iter().zip(expected) {
                let got = match after(state, event) {
                    Outcome::Enters(next) => next.name(),
                    Outcome::Stays => "=",
                    Outcome::Refused => "-",
                };
                assert_eq!(got, want, "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn nothing_leaves_a_final_state_and_no_end_is_open() {
        for state in State::ALL {
            for event in
                [Event::Started, OK, BAD, SOFT, HARD, Event::Lost, Event::Ended(Running), Event::Ended(Pending)]
            {
                let outcome = after(state, event);
                if state.is_final() {
                    assert_eq!(outcome, Outcome::Refused);
                }
                if let (Event::Ended(end), Outcome::Enters(next)) = (event, outcome) {
                    assert!(end.is_final() && next == end);
                }
            }
        }
    }

    #[test]
    fn robots_write_names_and_numbers() {
        for (value, state) in [
            (json!("Running"), Some(Running)),
            (json!("running"), Some(Running)),
            (json!("1"), Some(Running)),
            (json!(5), Some(Successful)),
            (json!(9), None),
            (json!(-1), None),
            (json!("Dancing"), None),
            (json!(null), None),
        ] {
            assert_eq!(State::read(&value), state, "{value}");
        }
        for state in State::ALL {
            assert_eq!(State::of(state.number()), Some(state));
        }
    }
}
