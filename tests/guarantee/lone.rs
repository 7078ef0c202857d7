//! Lone facts: those that wait at the same time share a statement, and each has its own columns in it.

use calmony_pay::contract::EventType;
use calmony_pay::database::Databases;
use calmony_pay::domain::customer::Customer;
use calmony_pay::domain::{Command, Objects, Stop};
use calmony_pay::log::idempotency::Fingerprint;
use calmony_pay::log::{Cause, Log, NewSecret};
use calmony_pay::seal::Sealed;
use futures_util::future::join_all;
use serde_json::{Value, json};
use support::System;
use support::groups::{CustomerId, Keep};
use tokio::sync::Semaphore;

/// The appends that wait together, half of which keep something.
const TOGETHER: usize = 12;
/// The most statements that they may take: one for each connection of the appender, and one for the rest.
const STATEMENTS_MAX: i64 = 3;

/// A time far away.
const DUE: usize = 4_102_444_800;

/// Gives a customer another name; with every second one the customer keeps something to itself.
struct Rename<'a> {
    who: CustomerId,
    number: usize,
    name: String,
    /// Has a permit for each decision that was made.
    decided: &'a Semaphore,
}

impl Rename<'_> {
    fn keeps(&self) -> bool {
        self.number.is_multiple_of(2)
    }
}

impl Command for Rename<'_> {
    fn reads(&self) -> Vec<String> {
        vec![self.who.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let mut state = serde_json::to_value(objects.get::<Customer>(self.who)?)?;
        state["name"] = Value::String(self.name.clone());
        let renamed: Customer = serde_json::from_value(state)?;
        if self.keeps() {
            objects.keep(self.who, Some(&json!({ "due": DUE + self.number, "name": self.name })));
        }
        let answered = objects.put(EventType::CustomerUpdated, &renamed)?;
        self.decided.add_permits(1);
        Ok(answered)
    }
}

/// The log, and customers of one account.
async fn opened(system: &System) -> (Log, i64, Vec<CustomerId>) {
    let log = Log::open(&Databases::only(system.database.url.parse().unwrap())).unwrap();
    let mut ids = Vec::new();
    for n in 0..TOGETHER {
        ids.push(system.client.customer(&format!("c{n}")).await.parse().unwrap());
    }
    (log, system.database.number("select min(account) from calmony.event").await, ids)
}

/// Nobody's fact takes a statement by itself because its object keeps something.
#[tokio::test]
async fn facts_that_keep_something_share_the_statement_of_those_that_do_not() {
    let system = System::start().await;
    let (log, account, ids) = opened(&system).await;
    let admin = system.database.admin().await;
    for keyed in [false, true] {
        let name = if keyed { "keyed" } else { "keyless" };
        let decided = Semaphore::new(0);
        // The first that come wait for the table, and the others for them.
        admin.batch_execute("begin; lock table calmony.event in share mode").await.unwrap();
        let appends = ids.iter().enumerate().map(async |(number, who)| {
            let fingerprint = Fingerprint { path: [1; 16], parameters: [2; 16] };
            let cause = Cause {
                idempotency_key: keyed.then(|| format!("key {number}")),
                fingerprint: keyed.then_some(fingerprint),
                ..Cause::service(account)
            };
            let rename = Rename { who: *who, number, name: name.to_owned(), decided: &decided };
            log.append(&cause, &rename).await.unwrap();
        });
        let release = async {
            // An append is queued as soon as it is decided.
            let _all = decided.acquire_many(u32::try_from(TOGETHER).unwrap()).await.unwrap();
            admin.batch_execute("commit").await.unwrap();
        };
        tokio::join!(join_all(appends), release);
        let events = format!("from calmony.event where data ->> 'name' = '{name}'");
        let statements = system.database.number(&format!("select count(distinct xmin::text) {events}")).await;
        assert!(statements <= STATEMENTS_MAX, "{name}: {statements} statements");
        // Each object keeps its own.
        let kept = format!(
            "select count(*) from calmony.object \
              where internal ->> 'name' = '{name}' and data ->> 'name' = '{name}' \
                and extract(epoch from due) = (internal ->> 'due')::bigint and (internal ->> 'due')::bigint \
                % 2 = 0"
        );
        let half = i64::try_from(TOGETHER / 2).unwrap();
        assert_eq!(system.database.number(&kept).await, half, "{name}");
        let without = format!("select count(*) {events} and internal is null and group_id is null");
        assert_eq!(system.database.number(&without).await, half, "{name}");
    }
    super::groups::verified(&system).await;
}

/// A fact that comes with a signing secret has its columns in their places, too.
#[tokio::test]
async fn a_fact_that_brings_a_secret_keeps_something() {
    let system = System::start().await;
    let (log, account, ids) = opened(&system).await;
    let cause = Cause {
        request_id: Some("req_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()),
        idempotency_key: Some("k".to_owned()),
        fingerprint: Some(Fingerprint { path: [1; 16], parameters: [2; 16] }),
        ..Cause::service(account)
    };
    let sealed = Sealed { key_id: "00000000".to_owned(), text: "sealed".to_owned() };
    let secret = NewSecret { sealed, overlap_seconds: None };
    let keep = Keep(ids[0], json!({ "due": DUE }));
    log.append(&cause, &keep).with_secret(&secret).await.unwrap();
    let stored = format!(
        "select count(*) from calmony.event e \
           join calmony.object o on o.account = e.account and o.id = e.stream and o.version = e.version \
           join calmony.endpoint_secret s \
             on s.account = e.account and s.endpoint = e.stream and s.version = e.version \
           join calmony.idempotency i on i.account = e.account and i.event = e.id \
          where e.stream = '{}' and e.internal ->> 'due' = '{DUE}' and extract(epoch from o.due) = {DUE} \
            and e.request_id = '{}' and e.idempotency_key = 'k' and i.key = 'k' \
            and i.request_id = e.request_id and s.sealed = 'sealed' and s.key_id = '00000000'",
        ids[0],
        cause.request_id.as_deref().unwrap()
    );
    assert_eq!(system.database.number(&stored).await, 1);
    super::groups::verified(&system).await;
}
