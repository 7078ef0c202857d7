//! The fault suite: clients, receivers that misbehave and two workers, while processes die and connections
//! break at random.
//!
//! `make test` runs a few faults, `make torture` hundreds (`CALMONY_FAULTS`). The schedule follows from a
//! seed, which is printed; `CALMONY_SEED` repeats it.

mod inject;
mod ledger;
mod load;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::Database;
use support::random::Random;
use tokio::time::Instant;

use inject::{Kind, World};
use ledger::Ledger;

/// The longest time until everything is delivered, once the faults have stopped.
const DRAIN: Duration = Duration::from_mins(4);

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The faults, in their order.
fn schedule(count: usize, random: &mut Random) -> Vec<Kind> {
    let mut schedule = Vec::new();
    while schedule.len() < count {
        let mut round = if count < Kind::ALL.len() { Kind::SHORT.to_vec() } else { Kind::ALL.to_vec() };
        random.shuffle(&mut round);
        schedule.extend(round);
    }
    schedule.truncate(count);
    schedule
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dies_nothing_is_lost_and_nothing_is_out_of_order() {
    let seed = number("CALMONY_SEED").unwrap_or_else(|| calmony_pay::clock::now().millis());
    let count = usize::try_from(number("CALMONY_FAULTS").unwrap_or(5)).unwrap();
    eprintln!("seed {seed}, {count} faults; CALMONY_SEED={seed} repeats the schedule");
    let mut random = Random::seeded(seed);
    let mut world = World::start().await;
    let ledger = Arc::new(Ledger::default());
    let _receivers = ledger::receivers(&world.system.client, &ledger).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|n| tokio::spawn(load::run(world.system.client.clone(), n, random.next(), stop.clone())))
        .collect();
    let mut recoveries = Vec::new();
    for kind in schedule(count, &mut random) {
        tokio::time::sleep(Duration::from_millis(200 + random.below(800))).await;
        let began = Instant::now();
        world.inject(kind, &mut random).await;
        let injected = Instant::now();
        ledger.fault(began, kind);
        load::recovered(&world.system.client, &ledger).await;
        recoveries.push((kind, injected.elapsed()));
        eprintln!("{kind:?} took {:?}, recovered after {:?}", injected - began, injected.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = load::Acknowledged::default();
    for client in clients {
        acknowledged.extend(client.await.unwrap());
    }
    drained(&world.direct).await;
    inject::tell_recoveries(&recoveries);
    let log = ledger::Log::read(&world.direct).await;
    ledger.check(&log);
    acknowledged.check(&log);
    let environment = [("CALMONY_DATABASE_URL", world.direct.url.as_str())];
    let said = crate::cli::run("calmony", &["verify"], &environment).await;
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    eprintln!("{}", said.stdout);
    world.end().await;
}

/// Waits until every receiver has taken every event.
async fn drained(database: &Database) {
    let admin = database.admin().await;
    let waits = "select (select count(*) from calmony.outbox) + (select count(*) from calmony.delivery)";
    let began = Instant::now();
    while admin.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        let states = "select string_agg(state || ' ' || attempts || ' ' || due_at, '; ') \
                      from (select * from calmony.delivery limit 5) d";
        let left: Option<String> = admin.query_one(states, &[]).await.unwrap().get(0);
        assert!(began.elapsed() < DRAIN, "still waiting: {left:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
