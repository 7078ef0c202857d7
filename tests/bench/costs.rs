//! Row versions an event: PostgreSQL's inserts, updates and deletes for it.

use std::time::Duration;

use super::deliver::worker;
use super::generator::Ask;
use super::report::Report;
use super::stage::Stage;

const SLICE: Duration = Duration::from_secs(2);
/// Customers that are updated.
const CUSTOMERS: u32 = 2_000;

pub(super) async fn measure(report: &mut Report) {
    report.head(&["row versions an event", "inserted", "updated", "of them in place (HOT)", "deleted"]);
    let plain = |stage: &mut Stage| stage.creates();
    measured(report, "a customer is created", false, plain).await;
    measured(report, "a customer is created, and delivered to one endpoint", true, plain).await;
    measured(report, "a customer is changed", false, |_| Ask::Update(Vec::new())).await;
}

/// Each on a stage of its own, because a session's counts of rows are complete only when it has ended.
async fn measured(report: &mut Report, name: &str, delivers: bool, ask: impl FnOnce(&mut Stage) -> Ask) {
    let mut stage = Stage::open(&[]).await;
    let mut ask = ask(&mut stage);
    if let Ask::Update(ids) = &mut ask {
        stage.append(CUSTOMERS).await;
        *ids = stage.customers(CUSTOMERS).await;
    }
    if delivers {
        stage.endpoints(1).await;
    }
    let worker = if delivers { Some(worker(&stage).await) } else { None };
    let before = rows(&stage).await;
    let count = stage.plan(ask, 32, SLICE).run().await.done_in_all as f64;
    if delivers {
        stage.drained().await;
    }
    drop(worker);
    stage.system.api.stop().await;
    stage
        .emptied(
            "select exists (select from pg_stat_activity where backend_type = 'client backend' \
                             and datname = current_database() and pid <> pg_backend_pid())",
        )
        .await;
    let after = rows(&stage).await;
    let cells: Vec<String> =
        after.iter().zip(before).map(|(after, before)| format!("{:.2}", (after - before) / count)).collect();
    report.line(&format!("| {name} | {} |", cells.join(" | ")));
    stage.close().await;
}

async fn rows(stage: &Stage) -> [f64; 4] {
    stage.admin.batch_execute("select pg_stat_force_next_flush()").await.unwrap();
    let sql = "select sum(n_tup_ins)::float8, sum(n_tup_upd)::float8, sum(n_tup_hot_upd)::float8, \
               sum(n_tup_del)::float8 \
                 from pg_stat_user_tables";
    let row = stage.admin.query_one(sql, &[]).await.unwrap();
    [0, 1, 2, 3].map(|column| row.get(column))
}
