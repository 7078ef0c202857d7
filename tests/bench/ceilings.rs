//! The deliveries that the machine manages without the product: a loop of signed POSTs; the same loop fed
//! from a bare outbox table, with the outcomes written in batches.

use std::cell::RefCell;
use std::rc::Rc;

use calmony_pay::secret::SigningSecret;
use calmony_pay::signature::{self, Message};
use serde::{Deserialize, Serialize};
use support::client::http;
use tokio::sync::{Notify, Semaphore};
use tokio_postgres::Client;

use super::process::{Helper, micros, plan, say};
use super::report::Sample;
use super::stage::Stage;
use super::usage::{Usage, cpu_of_this};

/// Requests in flight, as many as a worker has for one endpoint.
const IN_FLIGHT: usize = 64;
/// Rows of the bare outbox that are read at once.
const ROWS: i64 = 500;

/// The plan of a courier.
#[derive(Debug, Serialize, Deserialize)]
struct Route {
    /// The receiver's URL.
    url: String,
    count: u64,
    /// The database that it is fed from. `None`: it makes up the bodies that it sends.
    database: Option<String>,
}

/// The CPU seconds that a courier has used.
#[derive(Debug, Serialize, Deserialize)]
struct CourierUsed {
    cpu: f64,
}

/// Makes `count` signed POSTs of a body of a webhook's size; from nothing, or from the bare outbox, which
/// holds that many.
pub(super) async fn courier(stage: &Stage, count: u32, database: Option<&str>) -> Sample {
    stage.sink.reset(false).await;
    let route =
        Route { url: stage.sink.url_of(0), count: count.into(), database: database.map(ToOwned::to_owned) };
    let before = stage.usage(None).await;
    let mut helper = Helper::start("courier", &route).await;
    let began: u64 = helper.says().await;
    let counts = stage.sink.has(count.into()).await;
    let CourierUsed { cpu } = helper.says().await;
    let rate = f64::from(count) / (counts.last - began) as f64 * 1e6;
    let usage = Usage { worker: cpu, ..stage.usage(None).await.since(before) };
    Sample { rate, count: count.into(), usage, ..Sample::default() }
}

/// Makes the bare outbox and fills it with `count` events of the log.
pub(super) async fn fill(stage: &Stage, count: u32) {
    let sql = format!(
        "create schema if not exists bare; drop table if exists bare.outbox, bare.outcome; \
         create table bare.outbox (position bigint primary key, event bigint not null); \
         create table bare.outcome (position bigint, status integer, at timestamptz); \
         insert into bare.outbox select row_number() over (order by position), position from calmony.event \
          where type = 'customer.created' order by position desc limit {count}; vacuum analyze bare.outbox"
    );
    for statement in sql.split(';') {
        stage.admin.batch_execute(statement).await.unwrap();
    }
}

/// The role of the process.
pub(super) async fn run() {
    let route: Route = plan();
    let database = match &route.database {
        Some(url) => Some(support::database::connect(url).await),
        None => None,
    };
    say(&micros());
    match database {
        None => loop_of(&route).await,
        Some(client) => fed(&route, Rc::new(client)).await,
    }
    say(&CourierUsed { cpu: cpu_of_this() });
}

/// Sends a request. Returns the answer's status.
async fn post(client: &reqwest::Client, url: &str, secret: &SigningSecret, id: &str, body: String) -> u16 {
    let timestamp = micros() / 1_000_000;
    let message = Message { id, timestamp, body: body.as_bytes() };
    let request = client
        .post(url)
        .header("content-type", "application/json; charset=utf-8")
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature::standard_webhooks(message, std::slice::from_ref(secret)));
    let answer = request.body(body).send().await.unwrap();
    let status = answer.status().as_u16();
    answer.bytes().await.unwrap();
    status
}

async fn loop_of(route: &Route) {
    let (client, secret, left) =
        (http(), Rc::new(SigningSecret::generate()), Rc::new(RefCell::new(route.count)));
    let senders: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let (client, secret, left, url) =
                (client.clone(), secret.clone(), left.clone(), route.url.clone());
            tokio::task::spawn_local(async move {
                while *left.borrow() > 0 {
                    *left.borrow_mut() -= 1;
                    post(&client, &url, &secret, "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV", "x".repeat(1_000)).await;
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
}

/// Outcomes that are to be written.
#[derive(Debug, Default)]
struct Outcomes {
    positions: Vec<i64>,
    statuses: Vec<i32>,
}

async fn fed(route: &Route, database: Rc<Client>) {
    // As for a worker whose deliveries all succeed: pinned plans, and no waiting for the disk.
    database
        .batch_execute(
            "set enable_seqscan = off; set enable_bitmapscan = off; set enable_hashjoin = off; \
             set enable_mergejoin = off; \
             set plan_cache_mode = force_generic_plan; set synchronous_commit = off",
        )
        .await
        .unwrap();
    let (outcomes, gathered) = (Rc::new(RefCell::new(Outcomes::default())), Rc::new(Notify::new()));
    let settler =
        tokio::task::spawn_local(settle(database.clone(), outcomes.clone(), gathered.clone(), route.count));
    let (client, secret) = (http(), Rc::new(SigningSecret::generate()));
    let (room, read) = (
        Rc::new(Semaphore::new(IN_FLIGHT)),
        "with next as materialized \
        (select position, event from bare.outbox where position > $1 order by position limit $2) \
        select n.position, e.id::text, e.data::text, e.type from next n \
          join calmony.event e on e.account = 1 and e.position = n.event \
        order by n.position",
    );
    let read = database.prepare(read).await.unwrap();
    let mut cursor = 0_i64;
    loop {
        let rows = database.query(&read, &[&cursor, &ROWS]).await.unwrap();
        let Some(last) = rows.last() else { break };
        cursor = last.get(0);
        for row in rows {
            room.acquire().await.unwrap().forget();
            let (client, secret, url) = (client.clone(), secret.clone(), route.url.clone());
            let (room, outcomes, gathered) = (room.clone(), outcomes.clone(), gathered.clone());
            tokio::task::spawn_local(async move {
                let (id, data, kind): (&str, &str, &str) = (row.get(1), row.get(2), row.get(3));
                let body = format!(
                    "{{\"id\":\"{id}\",\"object\":\"event\",\"api_version\":\"2026-10-28.endive\",\
                     \"created\":1795297802,\
                     \"data\":{{\"object\":{data}}},\"livemode\":true,\"pending_webhooks\":1,\
                     \"request\":{{\"id\":null,\"idempotency_key\":null}},\"type\":\"{kind}\"}}"
                );
                let status = post(&client, &url, &secret, id, body).await;
                room.add_permits(1);
                let mut outcomes = outcomes.borrow_mut();
                outcomes.positions.push(row.get(0));
                outcomes.statuses.push(status.into());
                gathered.notify_one();
            });
        }
    }
    settler.await.unwrap();
}

/// Writes the gathered outcomes, again and again, until all are written.
async fn settle(database: Rc<Client>, outcomes: Rc<RefCell<Outcomes>>, gathered: Rc<Notify>, count: u64) {
    let write = "with r as (select * from unnest($1::bigint[], $2::integer[]) as t (position, status)), \
        gone as (delete from bare.outbox o using r where o.position = r.position \
                  returning o.position, r.status) \
        insert into bare.outcome select position, status, now() from gone";
    let write = database.prepare(write).await.unwrap();
    let mut written = 0;
    while written < count {
        gathered.notified().await;
        let Outcomes { positions, statuses } = outcomes.take();
        if !positions.is_empty() {
            written += database.execute(&write, &[&positions, &statuses]).await.unwrap();
        }
    }
}
