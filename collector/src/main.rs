//! The collector's program.

use std::process::ExitCode;

fn main() -> ExitCode {
    hearth_collector::cli::main()
}
