//! `calmony dev`: the output for a newcomer, the file for scripts, and an end that leaves nothing behind.

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use support::database::{Folder, connect};
use support::system::{kill, program};
use support::{Client, PATIENCE, eventually};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::variables;

struct Dev {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    folder: std::path::PathBuf,
}

impl Dev {
    fn start(folder: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(program("calmony"))
            .args(["dev", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder)
            .args(more)
            .env("CALMONY_LOG", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, folder: folder.to_owned() }
    }

    /// The lines of its output up to and with the one that has `text` in it.
    async fn says(&mut self, text: &str) -> Vec<String> {
        let mut said: Vec<String> = Vec::new();
        while !said.last().is_some_and(|line| line.contains(text)) {
            let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("waited for '{text}' after {said:#?}")).unwrap();
            said.push(line.unwrap_or_else(|| panic!("it ended before '{text}': {said:#?}")));
        }
        said
    }

    /// A variable of the file it writes for scripts.
    fn variable(&self, name: &str) -> String {
        variables(&std::fs::read_to_string(self.folder.join("env")).unwrap())[name].clone()
    }

    fn client(&self) -> Client {
        Client::new(&self.variable("CALMONY_URL"), &self.variable("CALMONY_API_KEY"))
    }

    async fn interrupt(mut self) {
        let pid = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it stops").unwrap();
        assert!(status.success(), "{status}");
        assert!(!self.folder.join("env").exists(), "nobody is told of processes that are gone");
    }
}

fn runs(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}

async fn postgres_pid(url: &str) -> u32 {
    let admin = connect(url).await;
    // The parent of any backend is the server.
    let row = admin.query_one("select pg_read_file('postmaster.pid')", &[]).await.unwrap();
    row.get::<_, String>(0).lines().next().unwrap().parse().unwrap()
}

/// Checks that the programs work by logins of their own, and that no process shows the database's password
/// in its arguments.
async fn no_more_than_needed(dev: &Dev, programs: &[String]) {
    let url = dev.variable("CALMONY_DATABASE_URL");
    let sql = "select distinct usename::text from pg_stat_activity \
               where application_name in ('calmony_api', 'calmony_worker', 'calmony_biller') order by 1";
    let logins = connect(&url).await.query(sql, &[]).await.unwrap();
    let logins: Vec<String> = logins.iter().map(|row| row.get(0)).collect();
    assert_eq!(logins, ["calmony_bill", "calmony_deliver", "calmony_serve"]);
    let password = url.split([':', '@']).nth(2).unwrap();
    for pid in programs.iter().chain([&postgres_pid(&url).await.to_string()]) {
        let arguments = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(!arguments.is_empty() && !arguments.contains(password), "{arguments}");
    }
    let said = super::run("calmony", &["doctor"], &[("CALMONY_DATABASE_URL", &url)]).await;
    assert!(said.stdout.contains("the programs may work under their roles"), "{}", said.stdout);
}

/// Runs the printed curl commands.
async fn try_curls(said: &[String]) {
    for line in said.iter().filter(|line| line.trim_start().starts_with("curl ")) {
        let output = Command::new("sh").arg("-c").arg(format!("{line} -s")).output().await.unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect(line);
        assert!(answer["error"].is_null() && answer["object"].is_string(), "{line}: {answer}");
    }
}

#[tokio::test]
async fn a_newcomer_sees_three_verified_webhooks_and_how_to_go_on() {
    let folder = Folder::new("newcomer");
    let mut dev = Dev::start(&folder.0, &[]);
    let said = dev.says("Ctrl-C").await;
    let verified: Vec<_> = said.iter().filter(|line| line.contains("verified")).collect();
    assert_eq!(verified.len(), 3, "{said:#?}");
    for kind in ["customer.created", "customer.updated", "customer.deleted"] {
        assert!(verified.iter().any(|line| line.contains(kind)), "{said:#?}");
    }
    assert_eq!(said.iter().filter(|line| line.trim_start().starts_with("curl ")).count(), 4);
    assert!(said.iter().any(|line| line.contains(&dev.variable("CALMONY_API_KEY"))));

    try_curls(&said).await;
    assert!(dev.says("customer.created").await.last().unwrap().contains("verified"), "the inbox goes on");

    // Only one at a time, and the second one says so.
    let second = super::run("calmony", &["dev", "--data-dir", folder.0.to_str().unwrap()], &[]).await;
    assert!(second.code == Some(1) && second.stderr.contains("another `calmony dev`"), "{}", second.stderr);
    let pids = ["CALMONY_API_PID", "CALMONY_WORKER_PID", "CALMONY_BILLER_PID"].map(|pid| dev.variable(pid));
    assert!(pids.iter().all(|pid| runs(pid)));
    no_more_than_needed(&dev, &pids).await;
    dev.interrupt().await;
    assert!(!pids.iter().any(|pid| runs(pid)), "nothing is left behind");

    // The next start keeps the data, and the inbox still verifies.
    let mut dev = Dev::start(&folder.0, &[]);
    dev.says("Ctrl-C").await;
    let customers = dev.client().get("/v1/customers").await.ok();
    assert_eq!(customers["data"][0]["name"], json!("Grace Hopper"));
    dev.client().customer("again").await;
    assert!(dev.says("customer.created").await.last().unwrap().contains("verified"));
    dev.interrupt().await;
}

#[tokio::test]
async fn whatever_dies_is_started_again() {
    let folder = Folder::new("restarts");
    let mut dev = Dev::start(&folder.0, &["--no-demo", "--retry-schedule", "1s,2s,4s", "--billers", "2"]);
    let said = dev.says("Ctrl-C").await;
    assert!(!said.iter().any(|line| line.contains("verified")), "{said:#?}");
    let other = dev.client().with_key(&dev.variable("CALMONY_API_KEY_2"));
    other.customer("of the second account").await;
    let receiver = support::Receiver::start().await;
    dev.client().endpoint(&receiver.url, &["customer.created"]).await;

    let worker = dev.variable("CALMONY_WORKER_PID");
    kill(worker.parse().unwrap());
    dev.says("the worker ended").await;
    let told = eventually("the new process is told", async || {
        let now = dev.variable("CALMONY_WORKER_PID");
        (now != worker && runs(&now)).then_some(now)
    });
    told.await;
    dev.client().customer("a").await;
    assert_eq!(receiver.next().await.event["data"]["object"]["name"], "a");

    let metrics = dev.variable("CALMONY_BILLER_METRICS_URL");
    kill(dev.variable("CALMONY_BILLER_PID").parse().unwrap());
    dev.says("a biller ended").await;
    eventually("the new one is at the same address, and owns half of the buckets", async || {
        let text = reqwest::get(&metrics).await.ok()?.text().await.ok()?;
        text.contains("\ncalmony_biller_buckets 32\n").then_some(())
    })
    .await;

    kill(dev.variable("CALMONY_API_PID").parse().unwrap());
    dev.says("the API ended").await;
    created(&dev, "b").await;
    assert_eq!(receiver.next().await.event["data"]["object"]["name"], "b");

    kill(postgres_pid(&dev.variable("CALMONY_DATABASE_URL")).await);
    dev.says("PostgreSQL ended").await;
    created(&dev, "c").await;
    // Deliveries that had just been taken may come once more: no outcome waits for the disk.
    let mut names = Vec::new();
    while names.last().is_none_or(|name| name != "c") {
        names.push(receiver.next().await.event["data"]["object"]["name"].clone());
    }
    assert!(names.iter().all(|name| name == "b" || name == "c"), "{names:?}");
    dev.interrupt().await;
}

/// Creates a customer as soon as the API accepts it.
async fn created(dev: &Dev, name: &str) {
    let form = format!("name={name}");
    let post = async || {
        let request = dev.client().request(reqwest::Method::POST, "/v1/customers");
        let answer = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.clone())
            .send()
            .await;
        answer.is_ok_and(|answer| answer.status().is_success()).then_some(())
    };
    eventually("the API takes it", post).await;
}

#[tokio::test]
async fn killing_it_takes_its_processes_with_it_and_the_next_start_is_clean() {
    let folder = Folder::new("killed");
    let mut dev = Dev::start(&folder.0, &["--no-demo"]);
    dev.says("Ctrl-C").await;
    dev.client().customer("survivor").await;
    let postgres = postgres_pid(&dev.variable("CALMONY_DATABASE_URL")).await.to_string();
    let [api, worker, biller] =
        ["CALMONY_API_PID", "CALMONY_WORKER_PID", "CALMONY_BILLER_PID"].map(|pid| dev.variable(pid));
    let pids = [api, worker, biller, postgres];
    kill(dev.child.id().unwrap());
    eventually("they are gone", async || (!pids.iter().any(|pid| runs(pid))).then_some(())).await;
    let mut dev = Dev::start(&folder.0, &["--no-demo", "--billers", "0"]);
    dev.says("Ctrl-C").await;
    let environment = std::fs::read_to_string(folder.0.join("env")).unwrap();
    assert!(!environment.contains("BILLER"), "{environment}");
    assert_eq!(dev.client().get("/v1/customers").await.ok()["data"][0]["name"], json!("survivor"));
    dev.interrupt().await;
}
