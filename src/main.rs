//! The `flespi-gitops` program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    flespi_gitops::cli::main()
}
