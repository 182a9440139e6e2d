//! Why a job waits, in words and in the published codes.

use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// Something that keeps a job from being placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The published code; several reasons may share one.
    pub code: &'static str,
    /// In words, a whole sentence.
    pub text: Cow<'static, str>,
}

impl Reason {
    /// A reason whose words name something.
    pub fn new(code: &'static str, text: impl Into<Cow<'static, str>>) -> Reason {
        Reason { code, text: text.into() }
    }
}

macro_rules! reasons {
    ($($name:ident $code:ident $text:literal;)*) => {
        $(#[doc = $text] pub const $name: Reason = Reason { code: stringify!($code), text: Cow::Borrowed($text) };)*

        /// Every reason with fixed words.
        #[cfg(test)]
        const ALL: &[Reason] = &[$($name),*];
    };
}

reasons! {
    NO_ROBOT RobotNotFound "No account with an unattended robot is assigned to this folder. An account must be assigned itself; a group is not enough.";
    ROBOT_ELSEWHERE RobotNotAssignedToFolder "The account that should run the job has no unattended robot in this folder.";
    ROBOT_OFF RobotNotFound "The robots that may run the job are switched off.";
    NO_CREDENTIALS RobotNoCredentials "The job needs a desktop, and no account that may run it has credentials to log on with.";
    ONE_AT_A_TIME RobotConcurrencyLimit "The accounts that may run the job run one job at a time and are busy.";
    DESKTOP_TAKEN RobotBusy "The accounts that may run the job have a desktop job on every host that is free.";
    OTHER_USER RobotNoMatchingUsernames "The agents on the free hosts run as a user that no account of the job logs on as.";
    PAIR_NOT_ALLOWED DynamicJobConnectedMachinesUserCredentialsInvalid "The free machines are limited to other accounts than those that may run the job.";
    NO_MACHINE TemplateNotAssignedToFolder "No machine is assigned to this folder.";
    MACHINE_ELSEWHERE TemplateNotAssignedToFolder "The machine that should run the job is not assigned to this folder.";
    NO_RUNTIME TemplateNoRuntime "No machine that may run the job has a runtime of the type that it needs.";
    NO_HOST TemplateNoHostsAvailable "No host of a machine that may run the job has ever connected.";
    NONE_CONNECTED DynamicJobConnectedMachinesInvalid "None of the connected machines can run the job.";
    ALL_IN_USE TemplateFullCapacity "All runtimes that may run the job are in use.";
    PROCESS_GONE RobotNotFound "The process of the job was deleted.";
}

/// The reasons found, each once, in the order in which they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reasons(Vec<Reason>);

impl Reasons {
    /// Adds one.
    pub fn add(&mut self, reason: Reason) {
        if !self.0.contains(&reason) {
            self.0.push(reason);
        }
    }

    /// Only this one.
    pub fn only(reason: Reason) -> Reasons {
        Reasons(vec![reason])
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The published codes, each once.
    pub fn codes(&self) -> Vec<&'static str> {
        let mut codes = Vec::new();
        for reason in &self.0 {
            if !codes.contains(&reason.code) {
                codes.push(reason.code);
            }
        }
        codes
    }

    /// The words.
    pub fn texts(&self) -> Vec<&str> {
        self.0.iter().map(|r| r.text.as_ref()).collect()
    }

    /// A `ValidationResultDto`; without reasons it is valid.
    pub fn verdict(&self) -> Map<String, Value> {
        Map::from_iter([
            ("IsValid".to_owned(), json!(self.is_empty())),
            ("Errors".to_owned(), json!(self.texts())),
            ("ErrorCodes".to_owned(), json!(self.codes())),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_model::{TypeRef, contract};

    #[test]
    fn codes_are_published_ones() {
        let ty = &contract().type_def("ValidationResultDto").unwrap().property("ErrorCodes").unwrap().ty;
        let TypeRef::List(inner) = ty else { panic!("no list") };
        let TypeRef::Enum(words) = &**inner else { panic!("no enumeration") };
        for reason in ALL {
            assert!(words.iter().any(|w| w == reason.code), "{reason:?}");
            assert!(reason.text.ends_with('.'));
        }
    }

    #[test]
    fn verdicts_name_each_code_once() {
        let mut reasons = Reasons::default();
        assert_eq!(reasons.verdict()["IsValid"], true);
        for reason in [NO_ROBOT, ROBOT_OFF, NO_ROBOT] {
            reasons.add(reason);
        }
        let verdict = reasons.verdict();
        assert_eq!(verdict["ErrorCodes"], json!(["RobotNotFound"]));
        assert_eq!(verdict["Errors"].as_array().unwrap().len(), 2);
        assert_eq!(verdict["IsValid"], false);
    }
}
