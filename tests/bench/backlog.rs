//! A million deliveries owed to one dead endpoint. Measured is the wait of another endpoint for its first
//! attempts, beside the same without them.

use std::time::Duration;

use support::database::past_triggers;

use super::deliver::worker;
use super::report::{Report, median, percentile};
use super::sink::{Mode, Waits, waits};
use super::stage::Stage;

const OWED: u32 = 1_000_000;
const ROUNDS: usize = 3;
/// Events a second.
const PACE: f64 = 100.0;
const DEAD: usize = 0;
const GOOD: usize = 1;

pub(super) async fn measure(stage: &mut Stage, report: &mut Report, slice: Duration) {
    stage.forget().await;
    stage.sink.set(DEAD, Mode::Fails).await;
    let dead = endpoint(stage, DEAD, "customer.deleted").await;
    let good = endpoint(stage, GOOD, "customer.created").await;
    report.head(&[
        "request to arrival elsewhere, a million owed to a dead endpoint",
        "p50 ms",
        "p99 ms",
        "wanted",
    ]);
    let worker = worker(stage).await;
    run(stage, slice).await;
    let without = rounds("without", stage, report, slice).await;
    owe(stage, &dead).await;
    let with = rounds("with", stage, report, slice).await;
    report.line(&format!(
        "| ratio of the medians | {:.2} | {:.2} | ≤ 1.2 |",
        with.0 / without.0,
        with.1 / without.1
    ));
    drop(worker);
    stage.clear(vec![dead, good]).await;
}

async fn endpoint(stage: &Stage, number: usize, event: &str) -> String {
    stage.system.client.endpoint(&stage.sink.url_of(number), &[event]).await.0
}

/// Makes the rows as they would be after an outage, past the triggers, because a million appends take
/// minutes.
async fn owe(stage: &Stage, endpoint: &str) {
    let rows = format!(
        "with appended as ( \
             insert into calmony.event (account, id, stream, version, type, data, created_at) \
             select 1, 'evt_01' || u, 'cus_01' || u, 1, 'customer.deleted', \
                    '{{\"object\":\"customer\"}}', now() \
               from generate_series(1, {OWED}) n, \
                    lateral (select upper(substr(md5(n::text || random()), 1, 24)) u) m \
             returning account, position, stream) \
         insert into calmony.delivery (account, position, due_at, attempts, bucket, endpoint, state) \
         select account, position, now(), 0, calmony.bucket_of(stream), '{endpoint}', 'owed' from appended"
    );
    past_triggers(&stage.admin, &rows).await;
    for table in ["event", "delivery"] {
        stage.admin.batch_execute(&format!("vacuum analyze calmony.{table}")).await.unwrap();
    }
    // Otherwise the disk would be busy with these rows for a while. In an outage they come over hours.
    stage.admin.batch_execute("checkpoint").await.unwrap();
}

/// The medians of the rounds' percentiles.
async fn rounds(name: &str, stage: &mut Stage, report: &mut Report, slice: Duration) -> (f64, f64) {
    let (mut p50s, mut p99s) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (p50, p99) = run(stage, slice).await;
        report.line(&format!("| {name} | {p50:.2} | {p99:.2} | |"));
        p50s.push(p50);
        p99s.push(p99);
    }
    (median(p50s), median(p99s))
}

async fn run(stage: &mut Stage, slice: Duration) -> (f64, f64) {
    stage.sink.reset(true).await;
    let ask = stage.creates();
    let mut plan = stage.plan(ask, 1, slice);
    (plan.marks, plan.pace) = (true, Some(PACE));
    let seen = plan.run().await;
    // The last one is on its way.
    stage.emptied("select exists (select from calmony.outbox)").await;
    let sent = seen.sent();
    let Waits { sorted, duplicates } = waits(&sent, &stage.sink.arrivals().await);
    assert_eq!((sorted.len(), duplicates), (sent.len(), 0), "each has arrived once");
    (percentile(&sorted, 50), percentile(&sorted, 99))
}
