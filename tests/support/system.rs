//! The product, running: the real `calmony` and `outbox-worker` programs on a database of the test's own.

use std::path::PathBuf;

use calmony_pay::cli::dev::cluster::free_port;
use calmony_pay::cli::dev::{Program, Running};
use calmony_pay::log::accounts::create_key;
use calmony_pay::secret::KeyKind;

use super::client::http;
use super::sandbox::{self, Sandbox};
use super::{Client, Database, eventually};

/// The key that seals signing secrets in tests.
pub const SECRET_KEY: &str = "dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";

/// A running API, and workers if a test starts them.
pub struct System {
    /// The database.
    pub database: Database,
    /// A client of the first account.
    pub client: Client,
    /// The second account's key.
    pub other_key: String,
    /// The URL of the API.
    pub url: String,
    /// The URL of the API's metrics.
    pub metrics_url: String,
    /// The API's process.
    pub api: Running,
}

/// A running worker.
pub struct Worker {
    /// Its process.
    pub process: Running,
    /// The URL of its health.
    pub url: String,
}

impl System {
    /// A new database and the API on it, without a worker.
    pub async fn start() -> Self {
        Self::on(Database::fresh().await).await
    }

    /// A new database, the API on it, and a sandbox processor that tells the API.
    pub async fn paying() -> (Self, Sandbox) {
        Self::paying_with(&[]).await
    }

    /// The same with more or other environment variables of the API.
    pub async fn paying_with(more: &[(&'static str, &str)]) -> (Self, Sandbox) {
        let database = Database::fresh().await;
        let address = format!("127.0.0.1:{}", free_port().unwrap());
        let sandbox = Sandbox::telling(&database, &format!("http://{address}/processor/notices")).await;
        let mut environment = vec![
            ("CALMONY_PROCESSOR_URL", sandbox.url.as_str()),
            ("CALMONY_PROCESSOR_SECRET", sandbox::SECRET),
            ("CALMONY_LISTEN", address.as_str()),
        ];
        environment.extend_from_slice(more);
        (Self::with(database, &environment).await, sandbox)
    }

    /// The API on that database.
    pub async fn on(database: Database) -> Self {
        Self::with(database, &[]).await
    }

    /// The same with more or other environment variables.
    pub async fn with(database: Database, more: &[(&'static str, &str)]) -> Self {
        let url = database.url.parse().unwrap();
        let keys = [
            create_key(&url, "first", KeyKind::default(), None).await.unwrap(),
            create_key(&url, "second", KeyKind::default(), None).await.unwrap(),
        ];
        let mut environment = vec![
            ("CALMONY_DATABASE_URL", database.url.clone()),
            ("CALMONY_SECRET_KEY", SECRET_KEY.to_owned()),
            ("CALMONY_ALLOW_NETWORKS", "127.0.0.0/8,::1/128".to_owned()),
            ("CALMONY_RATE_LIMIT", "off".to_owned()),
            ("CALMONY_BYTES_LIMIT", "off".to_owned()),
        ];
        environment.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let Started { process: api, url, metrics_url } =
            start("calmony", &["serve"], "CALMONY_LISTEN", environment).await;
        let client = Client::new(&url, keys[0].reveal());
        Self { database, client, other_key: keys[1].reveal().to_owned(), url, metrics_url, api }
    }

    /// A worker that may send to loopback, with short retry delays.
    pub async fn worker(&self) -> Worker {
        self.worker_with(&[]).await
    }

    /// The same with more or other environment variables.
    pub async fn worker_with(&self, more: &[(&'static str, &str)]) -> Worker {
        let mut environment = vec![
            ("CALMONY_DATABASE_URL", self.database.url.clone()),
            ("CALMONY_SECRET_KEY", SECRET_KEY.to_owned()),
            ("CALMONY_ALLOW_NETWORKS", "127.0.0.0/8".to_owned()),
            ("CALMONY_RETRY_SCHEDULE", "100ms,100ms,100ms".to_owned()),
            ("CALMONY_ATTEMPT_TIMEOUT", "5s".to_owned()),
        ];
        environment.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let Started { process, url, .. } =
            start("outbox-worker", &[], "CALMONY_WORKER_LISTEN", environment).await;
        Worker { process, url }
    }

    /// Waits until every event is fanned out.
    pub async fn drained(&self) {
        self.emptied("the outbox is empty", "select count(*) from calmony.outbox").await;
    }

    /// Waits until no delivery waits and none has been given up.
    pub async fn nothing_waits(&self) {
        self.emptied("no delivery waits", "select count(*) from calmony.delivery").await;
    }

    async fn emptied(&self, what: &str, sql: &str) {
        let admin = self.database.admin().await;
        eventually(what, async || {
            let row = admin.query_one(sql, &[]).await.unwrap();
            (row.get::<_, i64>(0) == 0).then_some(())
        })
        .await;
    }
}

/// The status of `/readyz` of an API that is started on that database.
pub async fn readiness_on(database: &Database) -> u16 {
    readiness_with(database, &[]).await
}

/// The same with more environment variables.
pub async fn readiness_with(database: &Database, more: &[(&'static str, &str)]) -> u16 {
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    let mut environment = vec![
        ("CALMONY_DATABASE_URL", database.url.clone()),
        ("CALMONY_SECRET_KEY", SECRET_KEY.to_owned()),
        ("CALMONY_LISTEN", address.clone()),
        ("CALMONY_METRICS_LISTEN", "off".to_owned()),
        ("CALMONY_LOG", "off".to_owned()),
    ];
    environment.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let arguments = vec!["serve".to_owned()];
    let _running =
        Program { name: "calmony", path: program("calmony"), arguments, environment }.start().unwrap();
    eventually("the API says whether it is ready", async || {
        let answer = http().get(format!("http://{address}/readyz")).send().await;
        answer.ok().map(|answer| answer.status().as_u16())
    })
    .await
}

/// The path of one of the product's programs, beside this test's own.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.ancestors().find(|folder| folder.join(name).is_file());
    folder.unwrap_or_else(|| panic!("{name} is not built: run `make test`")).join(name)
}

/// Ends a process at once, as a crash would.
pub fn kill(pid: u32) {
    assert!(pid > 0, "it runs");
    let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
}

/// The processes that a process has begun and that live.
#[must_use]
pub fn children(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// A program that runs, and its URLs.
pub(super) struct Started {
    pub(super) process: Running,
    pub(super) url: String,
    metrics_url: String,
}

fn free_address() -> String {
    format!("127.0.0.1:{}", free_port().unwrap())
}

/// Starts a program on a free port and waits until it is ready. A port that another program took meanwhile
/// is replaced.
pub(super) async fn start(
    name: &'static str,
    arguments: &[&str],
    listen: &'static str,
    environment: Vec<(&'static str, String)>,
) -> Started {
    for _ in 0..5 {
        let mut environment = environment.clone();
        let given = environment.iter().find(|(name, _)| *name == listen);
        let address = given.map_or_else(free_address, |(_, address)| address.clone());
        environment.retain(|(name, _)| *name != listen);
        environment.push((listen, address.clone()));
        let metrics = format!("127.0.0.1:{}", free_port().unwrap());
        environment.push(("CALMONY_METRICS_LISTEN", metrics.clone()));
        if !environment.iter().any(|(name, _)| *name == "CALMONY_LOG") {
            environment
                .push(("CALMONY_LOG", std::env::var("CALMONY_LOG").unwrap_or_else(|_| "off".to_owned())));
        }
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut running = Program { name, path: program(name), arguments, environment }.start().unwrap();
        let url = format!("http://{address}");
        let ready = async || {
            let answer = http().get(format!("{url}/readyz")).send().await;
            answer.is_ok_and(|answer| answer.status().is_success()).then_some(true)
        };
        let ready = tokio::select! {
            ready = eventually("a program is ready", ready) => ready,
            _ = running.ended() => false,
        };
        if ready {
            return Started { process: running, url, metrics_url: format!("http://{metrics}") };
        }
    }
    panic!("{name} does not start");
}
