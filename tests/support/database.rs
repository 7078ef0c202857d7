//! Databases. One private PostgreSQL serves a whole test run. Every test gets a database of its own, copied
//! from a template that is migrated once. Tests that kill PostgreSQL start their own.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use calmony_pay::cli::dev::cluster::Cluster;
use calmony_pay::database::migrate::migrate;
use tokio::sync::Mutex;
use tokio_postgres::NoTls;

use super::eventually;

/// Settings for speed: a test doesn't have to survive a power failure. A commit still waits until the
/// operating system has it, so that killing PostgreSQL loses nothing that was acknowledged.
const SETTINGS: &[&str] = &["fsync=off", "full_page_writes=off", "shared_buffers=64MB"];
/// Every password in the tests.
pub const PASSWORD: &str = "test";

/// A database with the schema in it, for one test alone.
#[derive(Debug, Clone)]
pub struct Database {
    /// Its URL, for a superuser.
    pub url: String,
}

struct Shared {
    server: String,
    /// Held while the template is copied, one copy at a time.
    copying: Mutex<()>,
}

impl Database {
    /// A new database of the shared PostgreSQL.
    pub async fn fresh() -> Self {
        static SHARED: OnceLock<Shared> = OnceLock::new();
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let shared = SHARED.get_or_init(start_shared);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let _turn = shared.copying.lock().await;
        let admin = connect(&format!("{}/postgres", shared.server)).await;
        admin.batch_execute(&format!("create database {name} template template_calmony")).await.unwrap();
        Self { url: format!("{}/{name}", shared.server) }
    }

    /// A new database with nothing in it.
    pub async fn empty() -> Self {
        let database = Self::fresh().await;
        database
            .admin()
            .await
            .batch_execute("drop schema calmony cascade; drop schema sandbox cascade")
            .await
            .unwrap();
        database
    }

    /// A connection as the superuser.
    pub async fn admin(&self) -> tokio_postgres::Client {
        connect(&self.url).await
    }

    /// A connection of a login that has no rights but those of that group role.
    pub async fn login_in(&self, role: &str) -> tokio_postgres::Client {
        let login = format!("login_{role}");
        let sql = format!(
            "do $$ begin create role {login} login password '{PASSWORD}' in role {role}; \
             exception when duplicate_object or unique_violation then null; end $$"
        );
        self.admin().await.batch_execute(&sql).await.unwrap();
        connect(&self.url.replacen("calmony:", &format!("{login}:"), 1)).await
    }

    /// Waits until the workers own these numbers of buckets, the smallest share first.
    pub async fn shared_as(&self, wanted: &[i64]) {
        let admin = self.admin().await;
        let sql = "select count(*) from pg_locks where locktype = 'advisory' and classid = 1129270605 \
                   and objid < 64 and granted \
                   and database = (select oid from pg_database where datname = current_database()) \
                   group by pid order by 1";
        eventually("the buckets are shared", async || {
            let rows = admin.query(sql, &[]).await.unwrap();
            (rows.iter().map(|row| row.get::<_, i64>(0)).eq(wanted.iter().copied())).then_some(())
        })
        .await;
    }

    /// The first column of the first row.
    pub async fn number(&self, sql: &str) -> i64 {
        self.admin().await.query_one(sql, &[]).await.unwrap().get(0)
    }
}

/// A connection, polled in the background.
pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Runs SQL past the triggers of the log and of deliveries: a million rows would take minutes through them.
/// They are on again afterwards, as they were made.
pub async fn past_triggers(admin: &tokio_postgres::Client, sql: &str) {
    let triggers = "select format('alter table %s %%s trigger %I', tgrelid::regclass, tgname) \
                      from pg_trigger \
                     where tgenabled = 'A' \
                       and tgrelid in ('calmony.event'::regclass, 'calmony.delivery'::regclass)";
    let triggers: Vec<String> =
        admin.query(triggers, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    for trigger in &triggers {
        admin.batch_execute(&trigger.replace("%s", "disable")).await.unwrap();
    }
    admin.batch_execute(sql).await.unwrap();
    for trigger in &triggers {
        admin.batch_execute(&trigger.replace("%s", "enable always")).await.unwrap();
    }
}

/// Starts the shared PostgreSQL on a thread of its own, because every test has a runtime of its own. It
/// stops when this process ends, however it ends.
fn start_shared() -> Shared {
    let (started, server) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (cluster, _folder) = own_cluster("shared", SETTINGS).await;
            let url = cluster.url("template_calmony").unwrap();
            cluster.url("postgres").unwrap().create_database("template_calmony").await.unwrap();
            migrate(&url).await.unwrap();
            started.send(cluster.url_text("").trim_end_matches('/').to_owned()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    Shared { server: server.recv().expect("PostgreSQL starts"), copying: Mutex::new(()) }
}

/// A PostgreSQL for one test, running, with the schema in a database of it. The folder goes when the
/// returned guard is dropped.
pub async fn own_database(name: &str) -> (Cluster, Folder, Database) {
    own_database_with(name, SETTINGS).await
}

/// The same with settings of the caller's.
pub async fn own_database_with(name: &str, settings: &[&str]) -> (Cluster, Folder, Database) {
    let (cluster, folder) = own_cluster(name, settings).await;
    cluster.url("postgres").unwrap().create_database("calmony").await.unwrap();
    migrate(&cluster.url("calmony").unwrap()).await.unwrap();
    let database = Database { url: cluster.url_text("calmony") };
    (cluster, folder, database)
}

/// A PostgreSQL with nothing in it.
async fn own_cluster(name: &str, settings: &[&str]) -> (Cluster, Folder) {
    let folder = Folder::new(name);
    let mut cluster = Cluster::open(&folder.0, PASSWORD, settings).await.unwrap();
    cluster.start().await.unwrap();
    (cluster, folder)
}

/// A synchronous standby of that cluster, which is restarted for it: every commit is on both.
pub async fn standby_of(primary: &mut Cluster) -> (Cluster, Folder) {
    let from = format!(
        "primary_conninfo=host=127.0.0.1 port={} user=calmony password={PASSWORD} application_name=standby",
        primary.port()
    );
    let (mut standby, folder) = own_cluster("standby", &["fsync=off", &from]).await;
    standby.stop().await.unwrap();
    primary.stop().await.unwrap();
    std::fs::remove_dir_all(standby.data()).unwrap();
    let copied = Command::new("cp").arg("-a").args([primary.data(), standby.data()]).status().unwrap();
    assert!(copied.success());
    std::fs::write(standby.data().join("standby.signal"), "").unwrap();
    primary.start().await.unwrap();
    standby.start().await.unwrap();
    let admin = Database { url: primary.url_text("postgres") }.admin().await;
    admin.batch_execute("alter system set synchronous_standby_names = 'standby'").await.unwrap();
    admin.batch_execute("select pg_reload_conf()").await.unwrap();
    eventually("the standby is synchronous", async || {
        let sync = "select count(*) from pg_stat_replication where sync_state = 'sync'";
        (admin.query_one(sync, &[]).await.unwrap().get::<_, i64>(0) == 1).then_some(())
    })
    .await;
    (standby, folder)
}

/// A folder for one test, removed when this is dropped. Those of test runs that were killed are removed by
/// the next.
#[derive(Debug)]
pub struct Folder(pub PathBuf);

impl Folder {
    /// Makes the folder.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let root = std::env::temp_dir();
        for entry in std::fs::read_dir(&root).into_iter().flatten().flatten() {
            let file_name = entry.file_name().to_string_lossy().into_owned();
            let owner = file_name.strip_prefix("calmony-test-").and_then(|rest| rest.split('-').next());
            if owner.is_some_and(|pid| !PathBuf::from(format!("/proc/{pid}")).exists()) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let folder = root.join(format!("calmony-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
