//! Customer creates through the API, beside `pgbench` of an append with one event a statement, under the API's role.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use calmony_pay::cli::dev::programs;
use reqwest::Method;
use support::client::send;
use support::{Client, System};
use tokio::process::Command;

use super::{ROUNDS, SLICE, Series, print, rate};

const CONNECTIONS: [usize; 4] = [1, 8, 32, 64];

/// One append as the API makes it for a customer, with ids that PostgreSQL makes up.
const APPEND: &str = "insert into calmony.event \
    (account, id, stream, version, type, data, request_id, created_at) \
    select 1, 'evt_01' || u, 'cus_01' || u, 1, 'customer.created', \
    json_build_object('id', 'cus_01' || u, 'object', 'customer', 'address', null, 'balance', 0, 'created', 1795297802, \
    'currency', null, 'default_source', null, 'delinquent', false, 'description', null, 'discount', null, 'email', null, \
    'invoice_settings', json_build_object('custom_fields', null, 'default_payment_method', null, 'footer', null, \
    'rendering_options', null), 'livemode', false, 'metadata', json_build_object('plan', 'pro'), 'name', 'Ada Lovelace', \
    'phone', null, 'preferred_locales', '[]'::json, 'shipping', null, 'tax_exempt', 'none', 'test_clock', null), \
    'req_01' || u, now() from (select upper(substr(md5(random()::text), 1, 24)) u) made;\n";

pub(super) async fn measure(system: &System) {
    let mut group = vec![Series::new("pgbench, append one by one, 32 clients")];
    group.extend(
        CONNECTIONS.iter().map(|count| Series::new(format!("API, create a customer, {count} connections"))),
    );
    group.push(Series::new("the same, 32 connections, each with an Idempotency-Key"));
    for _ in 0..ROUNDS {
        for (index, series) in group.iter_mut().enumerate() {
            series.rates.push(match index.checked_sub(1).map(|index| CONNECTIONS.get(index)) {
                None => pgbench(system).await,
                Some(Some(connections)) => creates(&system.client, *connections, false).await,
                Some(None) => creates(&system.client, 32, true).await,
            });
        }
        system.database.admin().await.batch_execute("truncate calmony.outbox").await.unwrap();
    }
    print(&group);
}

/// Creates a second over that many connections.
async fn creates(client: &Client, connections: usize, with_keys: bool) -> f64 {
    let (count, started) = (Arc::new(AtomicU32::new(0)), Instant::now());
    let workers: Vec<_> = (0..connections)
        .map(|n| {
            let (client, count) = (client.clone(), count.clone());
            tokio::spawn(async move {
                let run = calmony_pay::clock::now().millis();
                for made in 0_u64.. {
                    if started.elapsed() >= SLICE {
                        break;
                    }
                    let mut request = client.request(Method::POST, "/v1/customers");
                    if with_keys {
                        request = request.header("idempotency-key", format!("{n} {run} {made}"));
                    }
                    let form = request.header("content-type", "application/x-www-form-urlencoded");
                    send(form.body("name=Ada+Lovelace&metadata[plan]=pro")).await.ok();
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    rate(count.load(Ordering::Relaxed), started.elapsed().as_secs_f64())
}

/// Transactions a second of pgbench.
async fn pgbench(system: &System) -> f64 {
    let script = std::env::temp_dir().join(format!("calmony-bench-{}.sql", std::process::id()));
    std::fs::write(&script, APPEND).unwrap();
    let output = Command::new(programs::find().unwrap().join("pgbench"))
        .args(["-n", "-M", "prepared", "-c", "32", "-j", "2", "-T", &SLICE.as_secs().to_string(), "-f"])
        .arg(&script)
        .arg(&system.database.url)
        .env("PGOPTIONS", "-c role=calmony_api")
        .output()
        .await
        .unwrap();
    std::fs::remove_file(&script).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}
