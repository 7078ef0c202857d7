//! Groups: facts that are appended together, all or none, beside lone facts, both through the log; and
//! beside `pgbench` of the same statement.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use calmony_pay::clock;
use calmony_pay::contract;
use calmony_pay::database::Databases;
use calmony_pay::domain::customer::{Changes, Customer};
use calmony_pay::domain::{Command, Create, New, Objects, Stop};
use calmony_pay::id::Id;
use calmony_pay::log::{Cause, Log};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::appends::{How, pgbench_of};
use super::process::{Helper, plan, say};
use super::report::{Report, bounds, median};
use super::stage::Stage;

const CLIENTS: u32 = 32;
/// The repetitions, and the length of one measurement: a minute and a half together.
const ROUNDS: usize = 5;
const SLICE: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_millis(300);

/// A way to append, in turns with the others.
#[derive(Debug, Clone, Copy)]
enum Way {
    Log(Facts),
    Pgbench(How),
}

/// The facts of one decision.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Facts {
    count: usize,
    /// True if the objects keep something to themselves.
    keep: bool,
}

/// The ways, each with its name, the events of one transaction, and the row of `pgbench` beside which it is
/// shown.
const WAYS: [(&str, Way, usize, usize); 7] = [
    ("lone facts", Way::Log(Facts { count: 1, keep: false }), 1, 4),
    ("lone facts that keep something", Way::Log(Facts { count: 1, keep: true }), 1, 4),
    ("groups of two", Way::Log(Facts { count: 2, keep: false }), 2, 5),
    ("groups of five", Way::Log(Facts { count: 5, keep: false }), 5, 6),
    ("pgbench, the statement for an event that comes alone", Way::Pgbench(How::Alone), 1, 4),
    ("pgbench, the statement for a group, of two", Way::Pgbench(How::Group(2)), 2, 5),
    ("pgbench, the statement for a group, of five", Way::Pgbench(How::Group(5)), 5, 6),
];

pub(super) async fn measure(stage: &Stage, report: &mut Report) {
    let mut rates: [Vec<f64>; WAYS.len()] = Default::default();
    for _ in 0..ROUNDS {
        for ((_, way, events, _), rates) in WAYS.iter().zip(&mut rates) {
            let rate = match way {
                Way::Log(facts) => through_the_log(stage, *facts).await,
                Way::Pgbench(how) => pgbench_of(stage, *how, CLIENTS, SLICE).await.rate * *events as f64,
            };
            rates.push(rate);
        }
        stage.forget().await;
    }
    let [lone, ..] = &rates;
    report.head(&["objects created together, 32 clients", "events/s", "min", "max", "to lone", "to pgbench"]);
    for ((name, _, _, beside), own) in WAYS.iter().zip(&rates) {
        let to = |base: &[f64]| median(own.iter().zip(base).map(|(rate, base)| rate / base).collect());
        let (low, high) = bounds(own);
        let beside = rates.get(*beside).map(|base| to(base)).unwrap_or_default();
        report.line(&format!(
            "| {name} | {:.0} | {low:.0} | {high:.0} | {:.2} | {beside:.2} |",
            median(own.clone()),
            to(lone)
        ));
    }
}

/// Events a second through the log, in a process of its own.
async fn through_the_log(stage: &Stage, facts: Facts) -> f64 {
    let work = Work { database: stage.system.database.url.clone(), facts };
    Helper::start("appender", &work).await.says().await
}

/// The plan of a process that appends.
#[derive(Debug, Serialize, Deserialize)]
struct Work {
    database: String,
    facts: Facts,
}

/// Creates customers, all or none.
struct CreateTogether {
    creates: Vec<Create<Customer>>,
    keep: bool,
}

impl CreateTogether {
    fn new(facts: Facts, changes: &Changes) -> Self {
        let create = |_| Create {
            new: New { id: Id::generate(clock::now()), livemode: false },
            params: changes.clone(),
        };
        Self { creates: (0..facts.count).map(create).collect(), keep: facts.keep }
    }
}

impl Command for CreateTogether {
    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let mut answered = String::new();
        for create in &self.creates {
            if self.keep {
                let kept = json!({ "due": 4_102_444_800_u64, "secret": "not shown", "attempts": 3 });
                objects.keep::<contract::Customer>(create.new.id, Some(&kept));
            }
            answered = create.decide(objects)?;
        }
        Ok(answered)
    }
}

/// The role of the process.
pub(super) async fn run() {
    let work: Work = plan();
    let log = Log::open(&Databases::only(work.database.parse().unwrap())).unwrap();
    let changes = json!({ "name": "Ada Lovelace", "metadata": { "plan": "pro" } });
    let changes: Changes = serde_json::from_value(changes).unwrap();
    let (events, end) = (Rc::new(Cell::new(0_usize)), Instant::now() + WARM_UP + SLICE);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (log, changes, events) = (log.clone(), changes.clone(), events.clone());
            tokio::task::spawn_local(async move {
                while Instant::now() < end {
                    let event = Id::<contract::Event>::generate(clock::now()).to_string();
                    let request_id = Some(event.replace("evt_", "req_"));
                    let cause = Cause { request_id, ..Cause::service(1) };
                    log.append(&cause, &CreateTogether::new(work.facts, &changes)).await.unwrap();
                    events.set(events.get() + work.facts.count);
                }
            })
        })
        .collect();
    tokio::time::sleep(WARM_UP).await;
    let (before, began) = (events.get(), Instant::now());
    tokio::time::sleep_until(end.into()).await;
    let rate = (events.get() - before) as f64 / began.elapsed().as_secs_f64();
    for client in clients {
        client.await.unwrap();
    }
    say(&rate);
}
