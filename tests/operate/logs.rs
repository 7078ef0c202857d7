//! Logs that can't be written: work goes on, and lost lines are counted.

use std::io::PipeReader;
use std::process::Stdio;

use calmony_pay::cli::dev::cluster::free_port;
use support::client::http;
use support::system::{SECRET_KEY, program};
use support::{Client, Database, PATIENCE, Receiver, System, eventually};
use tokio::process::{Child, Command};

use super::metrics::{scrape, value};

/// A program that runs, with a log of the test's own.
pub(crate) struct Logging {
    pub(crate) child: Child,
    pub(crate) url: String,
    pub(crate) metrics_url: String,
}

impl Logging {
    /// Starts a program that logs there, with this filter. `signals` are options of `env` (GNU), or
    /// variables.
    pub(crate) async fn start(
        name: &str,
        database: &Database,
        (log, filter): (Stdio, &str),
        signals: &[&str],
    ) -> Self {
        let [address, metrics] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port().unwrap()));
        let child = Command::new("env")
            .args(signals)
            .arg(program(name))
            .args((name == "calmony").then_some("serve"))
            .envs([
                ("CALMONY_DATABASE_URL", database.url.as_str()),
                ("CALMONY_SECRET_KEY", SECRET_KEY),
                ("CALMONY_ALLOW_NETWORKS", "127.0.0.0/8"),
                ("CALMONY_RATE_LIMIT", "off"),
                ("CALMONY_LOG", filter),
                ("CALMONY_STOP_WITH_STDIN", "true"),
                ("CALMONY_LISTEN", address.as_str()),
                ("CALMONY_WORKER_LISTEN", address.as_str()),
                ("CALMONY_METRICS_LISTEN", metrics.as_str()),
            ])
            .stdin(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let url = format!("http://{address}");
        let metrics_url = if name == "calmony" { format!("http://{metrics}") } else { url.clone() };
        eventually("it is ready", async || {
            let answer = http().get(format!("{url}/readyz")).send().await;
            answer.is_ok_and(|answer| answer.status().is_success()).then_some(())
        })
        .await;
        Self { child, url, metrics_url }
    }

    /// The number of lines that it has lost.
    async fn lost(&self) -> f64 {
        value(&scrape(&self.metrics_url).await, "calmony_log_lines_lost_total").unwrap()
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits until it ends, with success.
    pub(super) async fn ends(mut self) {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap();
        assert!(status.success(), "{status}");
    }

    /// Tells it to stop, and waits.
    pub(crate) async fn stop(mut self) {
        drop(self.child.stdin.take());
        self.ends().await;
    }
}

/// Both programs work and count the lines that they lose.
async fn work_goes_on(api: Logging, worker: Logging, client: &Client) {
    let (receiver, client) = (Receiver::start().await, client.at(&api.url));
    client.endpoint(&receiver.url, &["customer.created"]).await;
    for n in 0..10 {
        client.customer(&format!("c{n}")).await;
        receiver.next().await;
    }
    for running in [&api, &worker] {
        // The line of an attempt may come after its receiver has it.
        eventually("lost lines are counted", async || (running.lost().await >= 1.0).then_some(())).await;
    }
    api.stop().await;
    worker.stop().await;
}

/// A pipe for a log, and the end that is read.
fn pipe() -> (PipeReader, Stdio) {
    let (reader, writer) = std::io::pipe().unwrap();
    (reader, writer.into())
}

#[tokio::test]
async fn a_full_log_volume_costs_log_lines_only() {
    let system = System::start().await;
    let full = || Stdio::from(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let api = Logging::start("calmony", &system.database, (full(), "debug"), &[]).await;
    let worker = Logging::start("outbox-worker", &system.database, (full(), "debug"), &[]).await;
    work_goes_on(api, worker, &system.client).await;
}

#[tokio::test]
async fn a_log_pipe_that_is_closed_costs_log_lines_only() {
    let system = System::start().await;
    let (of_api, of_worker) = (pipe(), pipe());
    let api = Logging::start("calmony", &system.database, (of_api.1, "debug"), &[]).await;
    let worker = Logging::start("outbox-worker", &system.database, (of_worker.1, "debug"), &[]).await;
    drop((of_api.0, of_worker.0));
    work_goes_on(api, worker, &system.client).await;
}

#[tokio::test]
async fn a_log_that_nobody_reads_costs_log_lines_only() {
    let system = System::start().await;
    let (unread, log) = pipe();
    let api = Logging::start("calmony", &system.database, (log, "debug"), &[]).await;
    // A line of the log has the path.
    let url = format!("{}/v1/{}", api.url, "x".repeat(8_000));
    eventually("the pipe and the memory are full", async || {
        for _ in 0..20 {
            http().get(&url).send().await.unwrap();
        }
        (api.lost().await >= 1.0).then_some(())
    })
    .await;
    system.client.at(&api.url).customer("Ada").await;
    api.stop().await;
    drop(unread);
}

#[tokio::test]
async fn the_last_lines_of_a_log_are_written() {
    let system = System::start().await;
    for (name, last) in [("calmony", "the API has stopped"), ("outbox-worker", "the worker has stopped")] {
        let running = Logging::start(name, &system.database, (Stdio::piped(), "info"), &[]).await;
        let Logging { mut child, .. } = running;
        drop(child.stdin.take());
        let output =
            tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && log.lines().last().unwrap().contains(last), "{log}");
    }
}
