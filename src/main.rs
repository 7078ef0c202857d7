//! The `calmony` command.

use calmony_pay::cli;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    cli::run(calmony_pay::config::parse()).await
}
