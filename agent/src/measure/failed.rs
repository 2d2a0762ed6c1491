//! Why a heavier test has no figures, or not all, as told to a person and in JSON.

use hearth_proto::{Cause, SkipReason};
use serde::Serialize;

use super::figures::name;
use crate::probe::heavy::TestError;

/// Why a measurement failed, as in JSON.
#[derive(Debug, Serialize)]
pub struct Failed {
    /// The cause's name; "refused": by the server, for now.
    pub cause: Option<String>,
    /// For a person.
    pub why: String,
}

impl Failed {
    /// Whether it lies before the link: what the test needs is not there.
    pub fn is_from_here(&self) -> bool {
        [Cause::NoRoute, Cause::Local, Cause::Name]
            .into_iter()
            .any(|cause| self.cause.as_deref() == Some(name(cause).as_str()))
    }

    /// In a line: `partial` where there are figures all the same.
    pub fn line(&self, partial: bool) -> String {
        let word = if partial { "broken off, what follows is partial" } else { "no result" };
        format!("{word}: {}", self.why)
    }
}

impl From<TestError> for Failed {
    fn from(error: TestError) -> Self {
        match error {
            TestError::GaveWay => Self { cause: None, why: "stopped".to_owned() },
            TestError::Refused(refusal) => {
                let cause = Some(SkipReason::Refused.name().to_owned());
                Self { cause, why: refusal.to_string() }
            }
            TestError::Failed { cause, why } => Self { cause: Some(name(cause)), why },
        }
    }
}
