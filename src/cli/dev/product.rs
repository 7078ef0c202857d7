//! The programs of the product, as `calmony dev` starts them.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, bail};

use super::children::Program;
use super::state::Environment;
use crate::retry::RetrySchedule;

/// The networks that webhooks may be sent to besides the public internet. Receivers under development are on
/// this machine.
const LOOPBACK: &str = "127.0.0.0/8,::1/128";

fn address_of(url: &str) -> String {
    url.trim_start_matches("http://").to_owned()
}

/// The API.
pub(super) fn api(address: SocketAddr, environment: &Environment) -> anyhow::Result<Program> {
    let [api_url, ..] = &environment.program_urls;
    Ok(Program {
        name: "the API",
        path: own_path()?,
        arguments: vec!["serve".to_owned()],
        environment: vec![
            ("CALMONY_DATABASE_URL", api_url.clone()),
            ("CALMONY_SECRET_KEY", environment.secret_key.clone()),
            ("CALMONY_LISTEN", address.to_string()),
            ("CALMONY_METRICS_LISTEN", address_of(&environment.metrics_url)),
            ("CALMONY_PROCESSOR_URL", environment.processor_url.clone()),
            ("CALMONY_PROCESSOR_SECRET", environment.processor_secret.clone()),
            ("CALMONY_RATE_LIMIT", "off".to_owned()),
            ("CALMONY_BYTES_LIMIT", "off".to_owned()),
            ("CALMONY_ALLOW_NETWORKS", LOOPBACK.to_owned()),
            ("CALMONY_LOG", child_log()),
        ],
    })
}

/// The worker.
pub(super) fn worker(environment: &Environment, schedule: &RetrySchedule) -> anyhow::Result<Program> {
    let [_, worker_url, ..] = &environment.program_urls;
    let path = own_path()?.with_file_name("outbox-worker");
    if !path.exists() {
        bail!("{} is missing: build it with `cargo build --workspace`", path.display());
    }
    Ok(Program {
        name: "the worker",
        path,
        arguments: Vec::new(),
        environment: vec![
            ("CALMONY_DATABASE_URL", worker_url.clone()),
            ("CALMONY_SECRET_KEY", environment.secret_key.clone()),
            ("CALMONY_WORKER_LISTEN", address_of(&environment.worker_url)),
            ("CALMONY_RETRY_SCHEDULE", schedule.to_string()),
            ("CALMONY_ALLOW_NETWORKS", LOOPBACK.to_owned()),
            ("CALMONY_LOG", child_log()),
        ],
    })
}

/// The sandbox processor.
pub(super) fn processor(environment: &Environment) -> anyhow::Result<Program> {
    let [.., processor_url] = &environment.program_urls;
    Ok(Program {
        name: "the sandbox processor",
        path: own_path()?,
        arguments: vec!["sandbox-processor".to_owned()],
        environment: vec![
            ("CALMONY_DATABASE_URL", processor_url.clone()),
            ("CALMONY_PROCESSOR_SECRET", environment.processor_secret.clone()),
            ("CALMONY_SANDBOX_LISTEN", address_of(&environment.processor_url)),
            ("CALMONY_PROCESSOR_NOTICE_URL", format!("{}/processor/notices", environment.url)),
            ("CALMONY_LOG", child_log()),
        ],
    })
}

/// The biller with that address.
pub(super) fn biller(url: &str, environment: &Environment) -> anyhow::Result<Program> {
    let [_, _, biller_url, _] = &environment.program_urls;
    Ok(Program {
        name: "a biller",
        path: own_path()?,
        arguments: vec!["biller".to_owned()],
        environment: vec![
            ("CALMONY_DATABASE_URL", biller_url.clone()),
            ("CALMONY_BILLER_LISTEN", address_of(url)),
            ("CALMONY_PROCESSOR_URL", environment.processor_url.clone()),
            ("CALMONY_PROCESSOR_SECRET", environment.processor_secret.clone()),
            ("CALMONY_LOG", child_log()),
        ],
    })
}

/// This program's own file.
fn own_path() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("can't find this program's own file (/proc/self/exe)")
}

/// The log filter of the children: warnings, unless `CALMONY_LOG` asks for more.
fn child_log() -> String {
    std::env::var("CALMONY_LOG").unwrap_or_else(|_| "warn".to_owned())
}
