//! The command line of the benchmarks and of the fault harness.

use std::process::ExitCode;

fn main() -> ExitCode {
    bandmaster_bench::cli::main()
}
