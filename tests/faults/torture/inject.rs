//! The faults, and their injection.

use std::collections::BTreeMap;
use std::time::Duration;

use calmony_pay::cli::dev::cluster::Cluster;
use support::database::{Folder, own_database};
use support::proxy::Proxy;
use support::random::Random;
use support::system::kill;
use support::{Database, System, Worker};

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `kill -9` of a worker, which is started again.
    KillWorker,
    /// `kill -9` of the API, which is started again.
    KillApi,
    /// `kill -9` of PostgreSQL, which is started again.
    KillPostgres,
    /// Every connection to PostgreSQL is reset.
    CutConnections,
    /// `pg_terminate_backend` of some of our sessions.
    TerminateBackends,
    /// Another session pins a snapshot for a while.
    PinSnapshot,
    /// A worker is stopped (SIGSTOP) until PostgreSQL has given its buckets to the other, then goes on.
    PauseWorker,
}

impl Kind {
    pub(super) const ALL: [Self; 7] = [
        Self::KillWorker,
        Self::KillApi,
        Self::KillPostgres,
        Self::CutConnections,
        Self::TerminateBackends,
        Self::PinSnapshot,
        Self::PauseWorker,
    ];
    /// The faults of a short run.
    pub(super) const SHORT: [Self; 5] =
        [Self::KillWorker, Self::KillApi, Self::KillPostgres, Self::CutConnections, Self::PauseWorker];
}

/// The running programs.
pub(super) struct World {
    cluster: Cluster,
    proxy: Proxy,
    /// The database, past the proxy.
    pub(super) direct: Database,
    pub(super) system: System,
    workers: [Worker; 2],
    _folder: Folder,
}

impl World {
    pub(super) async fn start() -> Self {
        let (cluster, folder, direct) = own_database("torture").await;
        let proxy = Proxy::start(cluster.port()).await;
        let system = System::on(Database { url: proxy.url(&direct.url) }).await;
        let schedule = ["200ms"; 31].join(",");
        let options = [("CALMONY_RETRY_SCHEDULE", schedule.as_str()), ("CALMONY_ATTEMPT_TIMEOUT", "2s")];
        let workers = [system.worker_with(&options).await, system.worker_with(&options).await];
        Self { cluster, proxy, direct, system, workers, _folder: folder }
    }

    /// Injects a fault, and mends it if it wouldn't mend itself.
    pub(super) async fn inject(&mut self, kind: Kind, random: &mut Random) {
        let one = usize::try_from(random.below(2)).unwrap();
        let pause = Duration::from_millis(random.below(500));
        match kind {
            Kind::KillWorker => {
                let process = &mut self.workers[one].process;
                kill(process.pid());
                process.ended().await;
                tokio::time::sleep(pause).await;
                process.restart().unwrap();
            }
            Kind::KillApi => {
                kill(self.system.api.pid());
                self.system.api.ended().await;
                tokio::time::sleep(pause).await;
                self.system.api.restart().unwrap();
            }
            Kind::KillPostgres => {
                kill(self.cluster.pid().unwrap());
                self.cluster.ended().await;
                self.cluster.start().await.unwrap();
            }
            Kind::CutConnections => self.proxy.cut(),
            Kind::TerminateBackends => {
                let some = "select pg_terminate_backend(pid) from pg_stat_activity \
                            where application_name like 'calmony%' and random() < 0.5";
                self.direct.admin().await.batch_execute(some).await.unwrap();
            }
            Kind::PinSnapshot => {
                let admin = self.direct.admin().await;
                let pin = "begin isolation level repeatable read; select count(*) from calmony.outbox";
                admin.batch_execute(pin).await.unwrap();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    let _ = admin.batch_execute("rollback").await;
                });
            }
            Kind::PauseWorker => self.pause(one).await,
        }
    }

    /// Stops a worker until PostgreSQL has ended its session and the other has taken its buckets.
    async fn pause(&self, one: usize) {
        let pid = self.workers[one].process.pid().to_string();
        self.direct.shared_as(&[32, 32]).await;
        signal("-STOP", &pid);
        self.direct.shared_as(&[64]).await;
        signal("-CONT", &pid);
    }

    pub(super) async fn end(mut self) {
        self.cluster.stop().await.unwrap();
    }
}

fn signal(name: &str, pid: &str) {
    assert!(std::process::Command::new("kill").args([name, pid]).status().unwrap().success());
}

/// Prints the time after each kind of fault until a new event was delivered.
pub(super) fn tell_recoveries(recoveries: &[(Kind, Duration)]) {
    let mut by_kind: BTreeMap<Kind, Vec<Duration>> = BTreeMap::new();
    for (kind, took) in recoveries {
        by_kind.entry(*kind).or_default().push(*took);
    }
    for (kind, mut times) in by_kind {
        times.sort_unstable();
        let (median, most) = (times[times.len() / 2], times[times.len() - 1]);
        eprintln!("recovery after {kind:?}: {} times, median {median:?}, most {most:?}", times.len());
    }
}
