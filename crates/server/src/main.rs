//! The binary `bandmaster`: command line only; everything else is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    bandmaster_server::cli::main()
}
