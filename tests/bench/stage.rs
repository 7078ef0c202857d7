//! The measured system: a private PostgreSQL as in production, everything durable, the release build of the
//! API, and workers if a scenario starts them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use calmony_pay::cli::dev::cluster::Cluster;
use calmony_pay::database::WAKE_CHANNEL;
use support::database::{Folder, own_database_with};
use support::{Sandbox, System, Worker, sandbox};
use tokio_postgres::Client;

use super::generator::{Ask, Plan, Seen};
use super::sink::Sink;
use super::usage::{Usage, Who};

/// PostgreSQL's settings, besides its defaults.
const SETTINGS: &[&str] = &[
    "shared_buffers=1GB",
    "max_wal_size=4GB",
    "checkpoint_timeout=15min",
    "random_page_cost=1.1",
    "wal_buffers=16MB",
];
/// The number of stages so far.
static STAGES: AtomicUsize = AtomicUsize::new(0);
/// The longest wait for a backlog to be drained.
const PATIENCE: Duration = Duration::from_mins(3);

/// Everything that runs.
pub(super) struct Stage {
    pub(super) system: System,
    pub(super) sink: Sink,
    sandbox: Option<Sandbox>,
    pub(super) admin: Client,
    cluster: Cluster,
    _folder: Folder,
    /// The number of the next customer.
    next: u64,
}

impl Stage {
    /// Starts PostgreSQL with more settings, the API and a sink.
    pub(super) async fn open(more: &[&str]) -> Self {
        let settings: Vec<&str> = SETTINGS.iter().chain(more).copied().collect();
        let number = STAGES.fetch_add(1, Ordering::Relaxed);
        let (cluster, folder, database) = own_database_with(&format!("bench{number}"), &settings).await;
        let system = System::on(database).await;
        Self::with(system, (cluster, folder)).await
    }

    /// The same with a sandbox processor, on the same PostgreSQL.
    pub(super) async fn paying() -> Self {
        let number = STAGES.fetch_add(1, Ordering::Relaxed);
        let (cluster, folder, database) = own_database_with(&format!("bench{number}"), SETTINGS).await;
        let sandbox = Sandbox::on(&database).await;
        let processor =
            [("CALMONY_PROCESSOR_URL", sandbox.url.as_str()), ("CALMONY_PROCESSOR_SECRET", sandbox::SECRET)];
        let system = System::with(database, &processor).await;
        Self { sandbox: Some(sandbox), ..Self::with(system, (cluster, folder)).await }
    }

    async fn with(system: System, (cluster, folder): (Cluster, Folder)) -> Self {
        system.client.customer("template").await;
        let admin = system.database.admin().await;
        Self { system, sink: Sink::start().await, sandbox: None, admin, cluster, _folder: folder, next: 0 }
    }

    pub(super) async fn close(mut self) {
        self.system.api.stop().await;
        self.cluster.stop().await.unwrap();
    }

    /// The address of the API.
    pub(super) fn address(&self) -> SocketAddr {
        address(&self.system.url)
    }

    /// A plan for `connections` connections over a slice of time, after a short warm-up.
    pub(super) fn plan(&self, ask: Ask, connections: u64, slice: Duration) -> Plan {
        Plan {
            to: vec![self.address()],
            key: self.system.client.key().to_owned(),
            connections,
            ask,
            warm_up: Duration::from_millis(500),
            slice,
            pace: None,
            count: None,
            until_arrived: None,
            marks: false,
        }
    }

    /// Numbers of customers that no plan had before.
    pub(super) fn creates(&mut self) -> Ask {
        self.next += 10_000_000;
        Ask::Create(self.next)
    }

    /// The newest customers.
    pub(super) async fn customers(&self, count: u32) -> Vec<String> {
        let sql = format!(
            "select id::text from calmony.object where account = 1 and id like 'cus%' order by id desc \
             limit {count}"
        );
        self.admin.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// Endpoints for new customers, at the sink.
    pub(super) async fn endpoints(&self, count: usize) -> Vec<String> {
        let mut made = Vec::new();
        for n in 0..count {
            made.push(self.system.client.endpoint(&self.sink.url_of(n), &["customer.created"]).await.0);
        }
        made
    }

    /// Deletes endpoints, and forgets all deliveries owed.
    pub(super) async fn clear(&self, endpoints: Vec<String>) {
        for endpoint in endpoints {
            self.system.client.delete(&format!("/v1/webhook_endpoints/{endpoint}")).await.ok();
        }
        self.forget().await;
    }

    /// Forgets all deliveries owed. Not while a worker runs.
    pub(super) async fn forget(&self) {
        self.admin.batch_execute("truncate calmony.outbox, calmony.delivery").await.unwrap();
    }

    /// The resources that everything has used until now.
    pub(super) async fn usage(&self, worker: Option<&Worker>) -> Usage {
        let mut processes = vec![
            Who::Postgres(self.cluster.pid().unwrap()),
            Who::Api(self.system.api.pid()),
            Who::Sink(self.sink.helper.pid()),
        ];
        processes.extend(self.sandbox.as_ref().map(|sandbox| Who::Processor(sandbox.process.pid())));
        processes.extend(worker.map(|worker| Who::Worker(worker.process.pid())));
        Usage::now(&processes, &self.admin).await
    }

    /// Runs a plan. Returns the measurements and the resources used.
    pub(super) async fn run(&self, plan: &Plan) -> (Seen, Usage) {
        let before = self.usage(None).await;
        let seen = plan.run().await;
        (seen, self.usage(None).await.since(before))
    }

    /// Puts `count` creations of customers into the log at once.
    pub(super) async fn append(&self, count: u32) {
        let sql = format!(
            "insert into calmony.event (account, id, stream, version, type, data, created_at) \
             select 1, 'evt_01' || u, 'cus_01' || u, 1, 'customer.created', o.data, now() \
               from generate_series(1, {count}) n, \
                    lateral (select upper(substr(md5(n::text || random()), 1, 24)) u) m, \
                    lateral (select data from calmony.object where id like 'cus%' limit 1) o"
        );
        self.admin.batch_execute(&sql).await.unwrap();
        // As the API does after a commit.
        self.admin.batch_execute(&format!("notify {WAKE_CHANNEL}")).await.unwrap();
    }

    /// The arrivals a second of events that are all committed at once, from the commit until the last
    /// arrival. The database isn't asked: a query for the remaining rows, in a table of dead rows perhaps,
    /// would be a load of its own.
    pub(super) async fn burst(&self, count: u32) -> f64 {
        self.sink.reset(false).await;
        self.append(count).await;
        let began = Instant::now();
        self.sink.has(count.into()).await;
        f64::from(count) / began.elapsed().as_secs_f64()
    }

    /// Waits until no delivery is owed.
    pub(super) async fn drained(&self) {
        self.emptied("select exists (select from calmony.outbox) or exists (select from calmony.delivery)")
            .await;
    }

    /// Waits until a question is answered with no.
    pub(super) async fn emptied(&self, question: &str) {
        let started = Instant::now();
        while self.admin.query_one(question, &[]).await.unwrap().get(0) {
            assert!(started.elapsed() < PATIENCE, "{question}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// The address in a URL.
pub(super) fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").trim_end_matches('/').parse().unwrap()
}
