//! The agent's program: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    hearth_agent::cli::main()
}
