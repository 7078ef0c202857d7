//! Events that are already in the log when a measurement begins, and waiting until they are delivered.

use std::time::{Duration, Instant};

use support::System;

/// How long a backlog may take to be drained.
const PATIENCE: Duration = Duration::from_mins(3);

/// Puts so many creations of customers into the log at once.
pub(super) async fn append(system: &System, count: u32) {
    let sql = format!(
        "insert into calmony.event (account, id, stream, version, type, data, created_at) \
         select 1, 'evt_01' || u, 'cus_01' || u, 1, 'customer.created', o.data, now() \
           from generate_series(1, {count}) n, lateral (select upper(substr(md5(n::text || random()), 1, 24)) u) m, \
                lateral (select data from calmony.object where id like 'cus%' limit 1) o"
    );
    system.database.admin().await.batch_execute(&sql).await.unwrap();
}

/// Seconds until nothing is owed to anybody.
pub(super) async fn drained(system: &System) -> f64 {
    emptied(system, "select exists (select from calmony.outbox) or exists (select from calmony.delivery)")
        .await
}

/// Seconds until a question is answered with no.
pub(super) async fn emptied(system: &System, question: &str) -> f64 {
    let admin = system.database.admin().await;
    let started = Instant::now();
    while admin.query_one(question, &[]).await.unwrap().get(0) {
        assert!(started.elapsed() < PATIENCE, "{question}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    started.elapsed().as_secs_f64()
}
