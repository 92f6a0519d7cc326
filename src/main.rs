//! The command line of cardwright. What it shows, the library does.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
