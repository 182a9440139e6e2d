//! Why the agent itself could not run a job, in the shape in which the server is told. Errors of
//! the running code come from its outcome file (`outcome.rs`).

use crate::journal::Outcome;
use crate::wire::{JobError, JobState};

/// An error with a code for programs and words for people.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure(pub JobError);

impl Failure {
    /// Something about this host.
    pub fn system(code: &str, title: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(code, title.into(), detail.into(), "System")
    }

    /// Something about the package or how it was published.
    pub fn deployment(code: &str, title: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(code, title.into(), detail.into(), "Deployment")
    }

    fn new(code: &str, title: String, detail: String, category: &str) -> Self {
        Self(JobError { code: code.into(), title, detail, category: category.into(), status: 0 })
    }

    /// The job's end.
    pub fn outcome(self) -> Outcome {
        Outcome { state: JobState::Faulted, output: None, info: Some(self.0.title.clone()), error: Some(self.0) }
    }
}

/// A job whose process is gone without a trace of how it ended.
pub(crate) fn lost() -> Outcome {
    Failure::system(
        "Robot.ProcessLost",
        "The job's process was lost",
        "The robot was restarted while the job ran, and its process ended without leaving an \
         outcome. The job is not started again by itself.",
    )
    .outcome()
}
