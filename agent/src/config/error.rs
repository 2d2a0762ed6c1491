//! What is wrong with a configuration: all of it, each with its place.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// All problems of a configuration, in the order of the file. The program ends
/// with status 78 (`EX_CONFIG`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Problem>);

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub origin: Origin,
    /// The key's path, such as `link[0].technology`; empty for the whole file.
    pub key: String,
    /// The value as it is written there, if it is about one.
    pub value: Option<String>,
    /// What is wrong.
    pub fault: Fault,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The configuration file.
    File {
        /// Its path.
        path: PathBuf,
        /// The line, from 1; `None` for the whole file.
        line: Option<usize>,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// There is no such key.
    UnknownKey {
        /// The key that was probably meant.
        nearest: Option<String>,
        /// The keys that there are.
        accepted: String,
    },
    /// A key has to be given and isn't.
    Missing {
        /// What is accepted.
        accepted: String,
    },
    /// The value is not one of those accepted.
    NotAccepted {
        /// What is accepted.
        accepted: String,
    },
    /// It is not TOML.
    Syntax {
        /// What the reader of TOML says.
        message: String,
    },
    /// The file can't be read.
    Unreadable {
        /// What the system says.
        message: String,
    },
    /// The file is not there.
    Absent,
}

impl ConfigErrors {
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self(vec![Problem::of_file(path, Fault::Unreadable { message: error.to_string() })])
    }

    pub(super) fn with_absent_file(mut self, path: &Path) -> Self {
        self.0.insert(0, Problem::of_file(path, Fault::Absent));
        self
    }
}

impl Problem {
    fn of_file(path: &Path, fault: Fault) -> Self {
        let origin = Origin::File { path: path.to_owned(), line: None };
        Self { origin, key: String::new(), value: None, fault }
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        match (&self.value, self.key.is_empty()) {
            (Some(value), _) => write!(f, "{} = {value}: ", self.key)?,
            (None, false) => write!(f, "{}: ", self.key)?,
            (None, true) => {}
        }
        write!(f, "{}", self.fault)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Environment { variable } => write!(f, "environment variable {variable}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { nearest: Some(nearest), .. } => {
                write!(f, "unknown key; did you mean {nearest}?")
            }
            Self::UnknownKey { nearest: None, accepted } => {
                write!(f, "unknown key; accepted here: {accepted}")
            }
            Self::Missing { accepted } => write!(f, "missing; accepted: {accepted}"),
            Self::NotAccepted { accepted } => write!(f, "not accepted; accepted: {accepted}"),
            Self::Syntax { message } => write!(f, "not TOML: {message}"),
            Self::Unreadable { message } => write!(f, "can't be read: {message}"),
            Self::Absent => f.write_str("there is no such file"),
        }
    }
}
