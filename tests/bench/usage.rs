//! The costs: CPU seconds by process, memory and WAL.

use support::system::children;
use tokio_postgres::Client;

/// The kernel counts CPU time in hundredths of a second (`USER_HZ`).
const TICKS: f64 = 100.0;

/// A process that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Api(u32),
    Worker(u32),
    Sink(u32),
    /// The sandbox processor.
    Processor(u32),
    /// PostgreSQL: its first process and all children, the ended ones included.
    Postgres(u32),
}

/// The resources used until now, or between two moments.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    /// CPU seconds.
    pub(super) api: f64,
    pub(super) worker: f64,
    pub(super) sink: f64,
    pub(super) processor: f64,
    pub(super) postgres: f64,
    /// As the generator itself reports it.
    pub(super) generator: f64,
    /// Bytes.
    pub(super) wal: f64,
    /// MiB at the most so far; of the API and of the worker.
    pub(super) api_memory: f64,
    pub(super) worker_memory: f64,
}

impl Usage {
    /// The resources used until now.
    pub(super) async fn now(processes: &[Who], admin: &Client) -> Self {
        let mut usage = Self::default();
        for process in processes {
            match *process {
                Who::Api(pid) => {
                    usage.api += cpu(pid, false);
                    usage.api_memory = usage.api_memory.max(peak_memory(pid));
                }
                Who::Worker(pid) => {
                    usage.worker += cpu(pid, false);
                    usage.worker_memory = usage.worker_memory.max(peak_memory(pid));
                }
                Who::Sink(pid) => usage.sink += cpu(pid, false),
                Who::Processor(pid) => usage.processor += cpu(pid, false),
                Who::Postgres(pid) => {
                    usage.postgres += cpu(pid, true);
                    usage.postgres += children(pid).into_iter().map(|child| cpu(child, false)).sum::<f64>();
                }
            }
        }
        let sql = "select (pg_current_wal_insert_lsn() - '0/0')::float8";
        usage.wal = admin.query_one(sql, &[]).await.unwrap().get(0);
        usage
    }

    /// The resources used since an earlier moment.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            api: self.api - earlier.api,
            worker: self.worker - earlier.worker,
            sink: self.sink - earlier.sink,
            processor: self.processor - earlier.processor,
            postgres: self.postgres - earlier.postgres,
            wal: self.wal - earlier.wal,
            ..self
        }
    }
}

/// CPU seconds of this process.
pub(super) fn cpu_of_this() -> f64 {
    cpu(std::process::id(), false)
}

/// CPU seconds of a process, and of its ended children on request.
fn cpu(pid: u32, with_ended_children: bool) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may have spaces; the fields that we need come after it.
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').skip(11);
    let ticks = fields.take(if with_ended_children { 4 } else { 2 });
    ticks.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// The most memory that a process has had, in MiB.
fn peak_memory(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}
