//! `ordering: "per_object"` and groups: the facts of one decision come in its order, across objects.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use calmony_pay::contract::EventType;
use calmony_pay::database::Databases;
use calmony_pay::domain::customer::Customer;
use calmony_pay::domain::{Command, Objects, Stop};
use calmony_pay::log::{Cause, Log};
use serde_json::json;
use support::groups::{CustomerId, Give};
use support::system::{Worker, kill};
use support::{Delivery, Receiver, Reply, System, eventually};
use tokio::sync::Notify;

/// Deletes the first customer, and changes the others: a fact of each.
#[derive(Debug, Clone)]
struct Close {
    first: CustomerId,
    others: Vec<CustomerId>,
}

impl Command for Close {
    fn reads(&self) -> Vec<String> {
        std::iter::once(&self.first).chain(&self.others).map(ToString::to_string).collect()
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let first: Customer = objects.get(self.first)?;
        let answered = objects.delete(EventType::CustomerDeleted, &first)?;
        for other in &self.others {
            let mut state = serde_json::to_value(objects.get::<Customer>(*other)?)?;
            state["description"] = json!("the first is closed");
            objects.put(EventType::CustomerUpdated, &serde_json::from_value::<Customer>(state)?)?;
        }
        Ok(answered)
    }
}

/// The arrivals at a receiver, in order: the event, and true if it was taken.
type Seen = Arc<Mutex<Vec<(String, bool)>>>;

/// A receiver that notes its arrivals and answers 200 to those that `is_good` is true of, and 500 to others.
async fn noting(is_good: impl Fn(&Delivery) -> bool + Send + Sync + 'static) -> (Receiver, Seen) {
    let seen = Seen::default();
    let notes = seen.clone();
    let receiver = Receiver::behaving(move |delivery| {
        let taken = is_good(delivery);
        notes.lock().unwrap().push((delivery.id(), taken));
        Reply::Status(if taken { 200 } else { 500 })
    })
    .await;
    (receiver, seen)
}

/// A receiver that refuses the first arrival and every so many after it.
async fn refusing_every(many: usize) -> (Receiver, Seen) {
    let tries = AtomicUsize::new(0);
    noting(move |_| !tries.fetch_add(1, Ordering::Relaxed).is_multiple_of(many)).await
}

async fn ordered(system: &System, url: &str, events: &[&str]) -> String {
    let params = json!({ "url": url, "enabled_events": events, "ordering": "per_object" });
    system.client.json(reqwest::Method::POST, "/v1/webhook_endpoints", &params).await.id()
}

async fn customers(system: &System, count: usize) -> Vec<CustomerId> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(system.client.customer(&format!("c{n}")).await.parse().unwrap());
    }
    system.drained().await;
    ids
}

async fn append<C: Command>(system: &System, command: &C) {
    let log = Log::open(&Databases::only(system.database.url.parse().unwrap())).unwrap();
    let account = system.database.number("select min(account) from calmony.event").await;
    log.append(&Cause::service(account), command).await.unwrap();
}

fn give(ids: &[CustomerId]) -> Give {
    Give { from: ids[0], to: ids[1..].to_vec(), amount: 1 }
}

/// Two workers that share the buckets, and customers of which no two neighbours are one worker's.
async fn two_workers(
    system: &System,
    count: usize,
    options: &[(&'static str, &str)],
) -> ([Worker; 2], Vec<CustomerId>) {
    let workers = [system.worker_with(options).await, system.worker_with(options).await];
    system.database.shared_as(&[32, 32]).await;
    let admin = system.database.admin().await;
    let sql = "select l.pid from pg_locks l where l.locktype = 'advisory' and l.classid = 1129270605 \
               and l.objsubid = 2 and l.granted and l.mode = 'ExclusiveLock' \
               and l.database = (select oid from pg_database where datname = current_database()) \
               and l.objid::integer = calmony.bucket_of($1)";
    let (mut ids, mut last) = (Vec::new(), 0);
    while ids.len() < count {
        let id = system.client.customer("c").await;
        let owner: i32 = admin.query_one(sql, &[&id]).await.unwrap().get(0);
        if owner != last {
            ids.push(id.parse().unwrap());
            last = owner;
        }
    }
    system.drained().await;
    (workers, ids)
}

/// Waits until nothing is owed any more.
async fn everything_arrived(system: &System) {
    system.drained().await;
    let owed = "select count(*) from calmony.delivery where state <> 'exhausted'";
    eventually("nothing is owed", async || (system.database.number(owed).await == 0).then_some(())).await;
}

/// Checks that no event of a group came before all with lower places were taken, or given up after so many
/// attempts. Returns how many events of groups came.
async fn in_order(system: &System, seen: &Seen, given_up_after: usize) -> usize {
    let seen = seen.lock().unwrap().clone();
    let rows = system.database.admin().await;
    let sql = "select id::text, group_id, group_place::integer from calmony.event where group_id is not null";
    let rows = rows.query(sql, &[]).await.unwrap();
    let places: Vec<(String, String, i32)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let mut of_groups = 0;
    for (n, (id, _)) in seen.iter().enumerate() {
        let Some((_, group, place)) = places.iter().find(|(event, ..)| event == id) else { continue };
        of_groups += 1;
        for (earlier, ..) in places.iter().filter(|(_, of, before)| of == group && before < place) {
            let before = seen[..n].iter().filter(|(event, _)| event == earlier);
            let (taken, tries) =
                before.fold((false, 0), |(any, tries), (_, taken)| (any || *taken, tries + 1));
            let is_asked_for = seen.iter().any(|(event, _)| event == earlier);
            assert!(
                taken || tries >= given_up_after || !is_asked_for,
                "place {place} of {group} came before {earlier} was taken: {seen:?}"
            );
        }
    }
    of_groups
}

fn arrivals_of(seen: &Seen, ids: &[String]) -> usize {
    seen.lock().unwrap().iter().filter(|(event, _)| ids.contains(event)).count()
}

/// The events of the last group, in the order of their places.
async fn last_group(system: &System) -> Vec<String> {
    let sql = "select id::text from calmony.event where group_id = (select group_id from calmony.event \
               where group_id is not null order by position desc limit 1) order by group_place";
    let rows = system.database.admin().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The common case: one worker, and nothing fails.
#[tokio::test]
async fn a_group_comes_in_order_and_at_once() {
    let system = System::start().await;
    let _worker = system.worker().await;
    let (receiver, seen) = noting(|_| true).await;
    ordered(&system, &receiver.url, &["customer.updated"]).await;
    let ids = customers(&system, 3).await;
    let mut slowest = Duration::ZERO;
    for n in 1..=20 {
        append(&system, &give(&ids)).await;
        let began = Instant::now();
        eventually("it came", async || (seen.lock().unwrap().len() == 3 * n).then_some(())).await;
        slowest = slowest.max(began.elapsed());
    }
    eprintln!("the slowest group of three took {slowest:?}");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert_eq!(in_order(&system, &seen, usize::MAX).await, 60);
    let rows = "select count(*) from calmony.attempt where number > 1";
    assert_eq!(system.database.number(rows).await, 0, "each at the first attempt");
}

/// An answer that takes its time holds back the rest of the group, and nobody else.
#[tokio::test]
async fn a_group_waits_for_an_answer_where_order_is_asked_for_and_nowhere_else() {
    let system = System::start().await;
    let _worker = system.worker().await;
    let told = Arc::new(Notify::new());
    let ids = customers(&system, 3).await;
    let (first, waits) = (ids[0].to_string(), told.clone());
    let slow = Receiver::behaving(move |delivery| {
        let is_first = delivery.event["data"]["object"]["id"] == first.as_str();
        if is_first { Reply::When(waits.clone()) } else { Reply::Status(200) }
    })
    .await;
    ordered(&system, &slow.url, &["customer.updated", "customer.created"]).await;
    let (free, others) = (Receiver::start().await, Receiver::start().await);
    system.client.endpoint(&free.url, &["customer.updated"]).await;
    ordered(&system, &others.url, &["customer.updated"]).await;
    append(&system, &give(&ids)).await;
    for receiver in [&free, &others] {
        eventually("the others have it", async || (receiver.all().len() == 3).then_some(())).await;
    }
    // It is beyond the second that an event waits in the outbox.
    system.drained().await;
    let other = system.client.customer("another").await;
    eventually("another object isn't held back", async || {
        slow.all().iter().any(|got| got.event["data"]["object"]["id"] == other.as_str()).then_some(())
    })
    .await;
    assert_eq!(slow.all().iter().filter(|got| got.kind() == "customer.updated").count(), 1);
    told.notify_one();
    everything_arrived(&system).await;
    let came = slow.all();
    let came: Vec<_> = came
        .iter()
        .filter(|got| got.kind() == "customer.updated")
        .map(|got| got.event["data"]["object"]["id"].as_str().unwrap())
        .collect();
    assert_eq!(came, ids.iter().map(ToString::to_string).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_group_waits_until_what_was_refused_is_taken() {
    let system = System::start().await;
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", &["200ms"; 20].join(","))]).await;
    let ids = customers(&system, 3).await;
    let (refused, tries) = (ids[0].to_string(), AtomicUsize::new(0));
    let (receiver, seen) = noting(move |delivery| {
        delivery.event["data"]["object"]["id"] != refused.as_str()
            || tries.fetch_add(1, Ordering::Relaxed) >= 3
    })
    .await;
    ordered(&system, &receiver.url, &["customer.updated"]).await;
    append(&system, &give(&ids)).await;
    everything_arrived(&system).await;
    assert_eq!(in_order(&system, &seen, usize::MAX).await, 6, "three refusals");
}

#[tokio::test]
async fn a_group_goes_on_behind_what_was_given_up() {
    let system = System::start().await;
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "200ms,200ms")]).await;
    let ids = customers(&system, 3).await;
    let refused = ids[0].to_string();
    let (receiver, seen) =
        noting(move |delivery| delivery.event["data"]["object"]["id"] != refused.as_str()).await;
    ordered(&system, &receiver.url, &["customer.updated"]).await;
    append(&system, &give(&ids)).await;
    eventually("the rest came", async || (seen.lock().unwrap().len() == 5).then_some(())).await;
    assert_eq!(in_order(&system, &seen, 3).await, 5);
    let gaps = "select count(*) from calmony.attempt where order_gap and error is null";
    eventually("the attempts say so", async || (system.database.number(gaps).await == 2).then_some(())).await;
}

/// An endpoint that doesn't ask for the first event isn't held up by it, regardless of its outcome elsewhere.
#[tokio::test]
async fn a_group_waits_for_nothing_that_its_endpoint_does_not_ask_for() {
    let system = System::start().await;
    let (_workers, ids) = two_workers(&system, 3, &[]).await;
    let hangs = Receiver::behaving(|_| Reply::Never).await;
    ordered(&system, &hangs.url, &["customer.deleted"]).await;
    let (receiver, seen) = noting(|_| true).await;
    ordered(&system, &receiver.url, &["customer.updated"]).await;
    append(&system, &Close { first: ids[0], others: ids[1..].to_vec() }).await;
    let group = last_group(&system).await;
    eventually("the rest came", async || (arrivals_of(&seen, &group) == 2).then_some(())).await;
    assert_eq!(in_order(&system, &seen, usize::MAX).await, 2);
    eventually("the first is on its way", async || (hangs.all().len() == 1).then_some(())).await;
}

#[tokio::test]
async fn a_group_keeps_its_order_across_two_workers() {
    let system = System::start().await;
    let schedule = ["100ms"; 20].join(",");
    let (_workers, ids) = two_workers(&system, 4, &[("CALMONY_RETRY_SCHEDULE", &schedule)]).await;
    let (receiver, seen) = refusing_every(3).await;
    ordered(&system, &receiver.url, &["customer.updated"]).await;
    for _ in 0..10 {
        append(&system, &give(&ids)).await;
    }
    everything_arrived(&system).await;
    assert!(in_order(&system, &seen, usize::MAX).await >= 40);
    let (receiver, seen) = noting(|_| true).await;
    ordered(&system, &receiver.url, &["customer.updated"]).await;
    append(&system, &give(&ids)).await;
    let began = Instant::now();
    eventually("it came", async || (seen.lock().unwrap().len() == 4).then_some(())).await;
    let took = began.elapsed();
    eprintln!("a group of four across two workers took {took:?}");
    assert!(took < Duration::from_secs(1), "whoever takes an event calls the owner of the next: {took:?}");
    assert_eq!(in_order(&system, &seen, usize::MAX).await, 4);
}

#[tokio::test]
async fn a_group_keeps_its_order_through_pauses() {
    let system = System::start().await;
    let schedule = ["100ms"; 20].join(",");
    let (_workers, ids) = two_workers(&system, 3, &[("CALMONY_RETRY_SCHEDULE", &schedule)]).await;
    let (receiver, seen) = refusing_every(3).await;
    let endpoint = ordered(&system, &receiver.url, &["customer.updated"]).await;
    let path = format!("/v1/webhook_endpoints/{endpoint}");
    for _ in 0..3 {
        append(&system, &give(&ids)).await;
        system.client.post(&path, "paused=true").await.ok();
        append(&system, &give(&ids)).await;
        system.drained().await;
        system.client.post(&path, "paused=false").await.ok();
    }
    everything_arrived(&system).await;
    assert!(in_order(&system, &seen, usize::MAX).await >= 18);
}

#[tokio::test]
async fn a_group_keeps_its_order_while_its_endpoint_is_away() {
    let system = System::start().await;
    let schedule = ["500ms"; 32].join(",");
    let (_workers, ids) = two_workers(&system, 6, &[("CALMONY_RETRY_SCHEDULE", &schedule)]).await;
    let works = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let switch = works.clone();
    let (receiver, seen) = noting(move |_| switch.load(Ordering::Relaxed)).await;
    ordered(&system, &receiver.url, &["customer.updated"]).await;
    for n in 0..6 {
        let rotated: Vec<_> = (0..6).map(|m| ids[(n + m) % 6]).collect();
        append(&system, &give(&rotated)).await;
    }
    system.drained().await;
    eventually("it fails", async || (seen.lock().unwrap().len() >= 8).then_some(())).await;
    works.store(true, Ordering::Relaxed);
    everything_arrived(&system).await;
    assert!(in_order(&system, &seen, usize::MAX).await >= 36);
}

#[tokio::test]
async fn a_group_keeps_its_order_although_workers_are_killed() {
    let system = System::start().await;
    let schedule = ["200ms"; 30].join(",");
    let options = [("CALMONY_RETRY_SCHEDULE", schedule.as_str())];
    let (workers, ids) = two_workers(&system, 4, &options).await;
    let mut workers = std::collections::VecDeque::from(workers);
    let (receiver, seen) = refusing_every(4).await;
    ordered(&system, &receiver.url, &["customer.updated"]).await;
    for round in 1..=4 {
        for _ in 0..10 {
            append(&system, &give(&ids)).await;
        }
        eventually("it gets on", async || (seen.lock().unwrap().len() > 30 * round).then_some(())).await;
        let mut victim = workers.pop_front().unwrap();
        kill(victim.process.pid());
        victim.process.ended().await;
        workers.push_back(system.worker_with(&options).await);
    }
    everything_arrived(&system).await;
    assert!(in_order(&system, &seen, usize::MAX).await >= 160);
}

/// The facts that a replay owes once more come in their order again.
#[tokio::test]
async fn a_replayed_group_comes_in_order_across_two_workers() {
    let system = System::start().await;
    let schedule = ["100ms"; 30].join(",");
    let (_workers, ids) = two_workers(&system, 4, &[("CALMONY_RETRY_SCHEDULE", &schedule)]).await;
    for _ in 0..5 {
        append(&system, &give(&ids)).await;
    }
    system.drained().await;
    let (receiver, seen) = refusing_every(3).await;
    let endpoint = ordered(&system, &receiver.url, &["customer.updated"]).await;
    let path = format!("/v1/webhook_endpoints/{endpoint}/replay");
    system.client.json(reqwest::Method::POST, &path, &json!({})).await.ok();
    eventually("it begins", async || (!seen.lock().unwrap().is_empty()).then_some(())).await;
    let completed = "select count(*) from calmony.replay where status = 'completed'";
    eventually("it ends", async || (system.database.number(completed).await == 1).then_some(())).await;
    everything_arrived(&system).await;
    assert!(in_order(&system, &seen, usize::MAX).await >= 20);
}
