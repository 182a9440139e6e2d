//! The binary `bandmaster`: command line only; everything else is in the library beside it.

use std::process::ExitCode;

/// A request makes and drops a few hundred small texts on several threads, which this allocator does in less time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    bandmaster_server::cli::main()
}
