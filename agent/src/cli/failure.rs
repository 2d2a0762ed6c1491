//! Why a command ends without what was asked for, and how that is told.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;

use super::print_json;
use crate::chain::chain;
use crate::config::ConfigErrors;
use crate::link::discover::DiscoverError;
use crate::measure::MeasureError;
use crate::run::RunError;
use crate::status::scrape::ScrapeError;
use crate::status::socket::SocketError;

const EX_USAGE: u8 = 64;
pub(super) const EX_UNAVAILABLE: u8 = 69;
pub(super) const EX_CONFIG: u8 = 78;

/// Why a command ends without what was asked for.
#[derive(Debug)]
pub(super) enum Failure {
    Usage(String),
    Config(ConfigErrors),
    Unavailable(anyhow::Error),
    /// The result was printed, and is that nothing answered.
    NoAnswer,
    /// All was printed, and ends with this status.
    Told(u8),
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::Config(errors)
    }
}

macro_rules! unavailable {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Unavailable(error.into())
            }
        }
    )*};
}

unavailable!(MeasureError, DiscoverError, RunError, ScrapeError, SocketError, io::Error);

/// Tells why, and with which status the program ends.
pub(super) fn end(failure: Failure, json: bool) -> ExitCode {
    let (text, status) = match failure {
        Failure::Usage(text) => (format!("error: {text}"), EX_USAGE),
        Failure::Config(errors) => (errors.to_string(), EX_CONFIG),
        Failure::Unavailable(error) if is_broken_pipe(&error) => return ExitCode::SUCCESS,
        // The whole chain: the causes are what helps.
        Failure::Unavailable(error) => {
            (format!("error: {}", chain(error.as_ref())), EX_UNAVAILABLE)
        }
        Failure::NoAnswer => return ExitCode::FAILURE,
        Failure::Told(status) => return ExitCode::from(status),
    };
    let text = text.trim_end();
    let _ = writeln!(io::stderr(), "{text}");
    if json {
        print_why(text);
    }
    ExitCode::from(status)
}

/// The same of arguments that can't be read; what was asked for about them is no failure.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    // Nothing more can be said where even this can't be written.
    let _ = error.print();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|argument| argument == "--json") {
        // How to use them is left out.
        let text = error.to_string();
        let lines: Vec<_> = text.lines().map(str::trim).take_while(|l| !l.is_empty()).collect();
        print_why(&lines.join(" "));
    }
    ExitCode::from(EX_USAGE)
}

/// Whoever reads JSON reads why there is no result, too.
fn print_why(text: &str) {
    let why = text.strip_prefix("error: ").unwrap_or(text);
    let _ = print_json(&serde_json::json!({ "error": { "why": why } }));
}

/// Whoever read the output has had enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
