//! The `calmony` command.

use calmony_pay::cli;
use mimalloc::MiMalloc;

/// A quarter of what a request cost went into allocating (docs/decisions/0018).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    cli::run(calmony_pay::config::parse()).await
}
