//! The `calmony` command.

use calmony_pay::cli;
use mimalloc::MiMalloc;

/// The allocator of the process. The system's own took a quarter of the cost of a request
/// (docs/decisions/0018).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    cli::run(calmony_pay::config::parse()).await
}
