//! PgBouncer with its deployed settings, before a database of a test.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use calmony_pay::cli::dev::cluster::free_port;
use calmony_pay::cli::dev::programs::unprivileged;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::database::{Folder, PASSWORD};
use super::{Database, eventually};

/// The deployed settings.
pub const SETTINGS: &str = include_str!("../../deploy/pgbouncer/pgbouncer.ini");

/// A running PgBouncer. It ends when this is dropped, or with the test.
pub struct Pooler {
    /// Its URL, for `CALMONY_POOLER_URL`.
    pub url: String,
    _process: Child,
    _folder: Folder,
}

impl Pooler {
    /// Starts PgBouncer as deployed, with `sessions` sessions of PostgreSQL for each role. `rewrite` changes
    /// its settings.
    pub async fn start(database: &Database, sessions: u16, rewrite: impl Fn(String) -> String) -> Self {
        let port = free_port().unwrap();
        let folder = Folder::new(&format!("pooler-{port}"));
        std::fs::set_permissions(&folder.0, PermissionsExt::from_mode(0o755)).unwrap();
        let (logins, settings) = (folder.0.join("userlist.txt"), folder.0.join("pgbouncer.ini"));
        std::fs::write(&logins, format!("\"pooled\" \"{PASSWORD}\"\n")).unwrap();
        // A login as docs/SCALING.md recommends.
        let login = format!(
            "do $$ begin create role pooled login noinherit password '{PASSWORD}' \
             in role calmony_api, calmony_reader; \
             alter role pooled set statement_timeout = '5s'; \
             exception when duplicate_object or unique_violation then null; end $$"
        );
        database.admin().await.batch_execute(&login).await.unwrap();
        let (address, name) = database.url.rsplit_once('/').unwrap();
        let (_, server_port) = address.rsplit_once(':').unwrap();
        let text = SETTINGS
            .replace("port=5432 dbname=calmony", &format!("port={server_port} dbname={name}"))
            .replace("pool_size=16", &format!("pool_size={sessions}"))
            .replace("listen_port = 6432", &format!("listen_port = {port}"))
            .replace("/etc/pgbouncer/userlist.txt", logins.to_str().unwrap());
        std::fs::write(&settings, rewrite(text)).unwrap();
        let process = run(&settings);
        eventually("PgBouncer listens", async || TcpStream::connect(("127.0.0.1", port)).await.ok()).await;
        let url = format!("postgresql://pooled:{PASSWORD}@127.0.0.1:{port}");
        Self { url, _process: process, _folder: folder }
    }
}

/// Runs PgBouncer. It refuses root, and must end with the thread that runs this test.
fn run(settings: &Path) -> Child {
    let mut command = Command::new("setpriv");
    if let Some(user) = unprivileged().unwrap() {
        command
            .args([format!("--reuid={}", user.uid), format!("--regid={}", user.gid)])
            .arg("--clear-groups");
    }
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    command.args(["--pdeathsig", "KILL", "pgbouncer", "-q"]).arg(settings).env("PATH", path);
    command.kill_on_drop(true).spawn().expect("make pgbouncer, or install it: apt-get install pgbouncer")
}
