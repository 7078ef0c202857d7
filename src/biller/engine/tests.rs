use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::*;
use crate::clock::Timestamp;
use crate::log::AppendError;

/// Steps by the kind of the object.
#[derive(Debug, Default)]
struct Scripted {
    under_way: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Steps for Scripted {
    async fn step(&self, due: &Due) -> Result<Step, FlowError> {
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        match kind_of(&due.id) {
            "moves" => Ok(Step::Moved),
            "waits" => Ok(Step::Waits),
            "fails" => Err(AppendError::Conflict.into()),
            "panics" => panic!("a defect"),
            "hangs" => std::future::pending().await,
            _ => Ok(Step::NotMine),
        }
    }
}

/// An engine that owns all buckets.
fn engine() -> Engine<Scripted> {
    let moment = Duration::from_millis(50);
    let bounds = Bounds { steps_max: 8, step_timeout: moment, drain_timeout: moment };
    let mut engine = Engine::new(bounds, Scripted::default(), Metrics::default(), Progress::default());
    engine.ownership.took(&(0..64).collect::<Vec<_>>());
    engine
}

fn found(account: i64, id: &str) -> Found {
    let due = Due { account, livemode: false, id: id.to_owned(), due: Timestamp::from_seconds(1) };
    Found { due, bucket: 1 }
}

/// Begins steps and notes their ends, until nothing waits any more.
async fn run(engine: &mut Engine<Scripted>) {
    loop {
        engine.launch(Instant::now());
        let Some(stepped) = engine.steps.join_next().await else { break };
        engine.land(stepped);
    }
    engine.tell();
}

/// The metrics, as they are exported.
fn metrics(engine: &Engine<Scripted>) -> String {
    let (mut registry, mut text) = (Registry::default(), String::new());
    engine.metrics.register(&mut registry);
    encode(&mut text, &registry).unwrap();
    text
}

fn counted(engine: &Engine<Scripted>, kind: &str, outcome: &str) -> u64 {
    let series = format!("calmony_biller_steps_total{{kind=\"{kind}\",outcome=\"{outcome}\"}} ");
    let text = metrics(engine);
    text.lines().find_map(|line| line.strip_prefix(&series)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn what_moves_is_asked_for_again_until_it_runs_away_and_nobody_else_is_stopped() {
    let mut engine = engine();
    for id in ["waits_1", "waits_2"] {
        engine.turns.add(found(1, id)).unwrap();
    }
    for _ in 0..101 {
        // As the reads that follow find it.
        engine.next_read = Instant::now() + POLL_MIN * 20;
        engine.turns.add(found(1, "moves_1")).unwrap();
        run(&mut engine).await;
    }
    assert_eq!(counted(&engine, "moves", "moved"), 100);
    assert_eq!(counted(&engine, "waits", "waits"), 2);
    assert!(metrics(&engine).contains("\ncalmony_biller_runaway_objects 1\n"));
    let later = Instant::now() + Duration::from_secs(2);
    assert_eq!(engine.objects_to_pass_over(later), ["moves_1"], "the others have rested");
}

#[tokio::test]
async fn what_moved_is_looked_for_soon_and_what_waits_rests() {
    let mut engine = engine();
    engine.next_read = Instant::now() + Duration::from_secs(10);
    engine.turns.add(found(1, "moves_1")).unwrap();
    run(&mut engine).await;
    assert!(engine.next_read < Instant::now() + Duration::from_secs(1));
    engine.turns.add(found(1, "waits_1")).unwrap();
    run(&mut engine).await;
    assert_eq!(engine.objects_to_pass_over(Instant::now()), ["waits_1"]);
}

#[tokio::test]
async fn what_fails_hangs_or_panics_rests_and_the_others_go_on() {
    let mut engine = engine();
    for id in ["fails_1", "hangs_1", "panics_1", "waits_1"] {
        engine.turns.add(found(1, id)).unwrap();
    }
    run(&mut engine).await;
    assert_eq!(counted(&engine, "fails", "failed"), 1);
    assert_eq!(counted(&engine, "panics", "failed"), 1);
    assert_eq!(counted(&engine, "hangs", "timed_out"), 1);
    assert_eq!(counted(&engine, "waits", "waits"), 1);
    let mut resting = engine.objects_to_pass_over(Instant::now());
    resting.sort();
    assert_eq!(resting, ["fails_1", "hangs_1", "panics_1", "waits_1"]);
    assert!(engine.flying.is_empty() && engine.places.held_by_all() == 0, "every place is free again");
}

#[tokio::test]
async fn a_kind_that_this_version_does_not_know_is_passed_over() {
    let mut engine = engine();
    engine.turns.add(found(1, "later_1")).unwrap();
    run(&mut engine).await;
    assert_eq!(counted(&engine, "later", "not_mine"), 1);
    assert_eq!(engine.unknown.keys().collect::<Vec<_>>(), ["later"]);
}

#[tokio::test]
async fn an_account_alone_has_half_of_the_places() {
    let mut engine = engine();
    for n in 0..50 {
        engine.turns.add(found(1, &format!("waits_{n}"))).unwrap();
    }
    run(&mut engine).await;
    assert_eq!(engine.tools.most_at_once.load(Ordering::SeqCst), 4);
    assert_eq!(counted(&engine, "waits", "waits"), 50);
}

#[tokio::test]
async fn live_mode_is_stepped_once_the_database_is_adopted() {
    let mut engine = engine();
    let live = |n: u8| {
        let found = found(1, &format!("waits_{n}"));
        Found { due: Due { livemode: true, ..found.due }, ..found }
    };
    engine.turns.add(live(1)).unwrap();
    run(&mut engine).await;
    assert_eq!(counted(&engine, "waits", "waits"), 0);
    engine.is_adopted = true;
    engine.turns.add(live(2)).unwrap();
    run(&mut engine).await;
    assert_eq!(counted(&engine, "waits", "waits"), 1);
}

#[tokio::test]
async fn a_stop_waits_for_steps_and_not_for_ever() {
    let mut engine = engine();
    engine.bounds.step_timeout = Duration::from_mins(1);
    for id in ["hangs_1", "waits_1"] {
        engine.turns.add(found(1, id)).unwrap();
    }
    engine.launch(Instant::now());
    engine.drain().await;
    assert_eq!(counted(&engine, "waits", "waits"), 1);
    assert_eq!(engine.flying.len(), 1, "the other is gone on with by others");
}
