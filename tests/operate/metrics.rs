//! `/metrics` of both programs: they show the activity, name no account, and agree with docs/METRICS.md.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use support::client::http;
use support::{Receiver, Reply, System, eventually};

const TABLE: &str = include_str!("../../docs/METRICS.md");

/// The metrics of a program.
pub(crate) async fn scrape(url: &str) -> String {
    let answer = http().get(format!("{url}/metrics")).send().await.unwrap();
    assert!(answer.status().is_success());
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    let text = answer.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    text
}

/// The value of a series; `None` if there is no such series.
pub(super) fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// The names of the metrics, from the lines for people.
pub(super) fn names(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next())
        .map(ToOwned::to_owned)
        .collect()
}

/// The first column of the tables, for the program that the second one names.
pub(super) fn documented(program: &str) -> BTreeSet<String> {
    TABLE
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            let name = cells.next()?.trim_end_matches('`');
            (cells.next()? == program).then(|| name.to_owned())
        })
        .collect()
}

#[tokio::test]
async fn requests_are_counted_by_route_and_by_nothing_that_clients_choose() {
    let system = System::start().await;
    let customer = system.client.customer("Ada").await;
    for path in [format!("/v1/customers/{customer}"), "/v1/nothing/at/all".to_owned()] {
        system.client.get(&path).await;
    }
    let made_up = system.client.request("BREW".parse().unwrap(), "/v1/customers");
    support::client::send(made_up).await;
    let text = scrape(&system.metrics_url).await;
    let count = |method: &str, route: &str, status: u16| {
        let labels = format!("{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}");
        value(&text, &format!("calmony_http_requests_total{labels}"))
    };
    assert_eq!(count("POST", "/v1/customers", 200), Some(1.0), "{text}");
    assert_eq!(count("GET", "/v1/customers/{id}", 200), Some(1.0), "{text}");
    assert_eq!(count("GET", "other", 404), Some(1.0), "{text}");
    assert_eq!(count("other", "/v1/customers", 405), Some(1.0), "{text}");
    let took = "calmony_http_request_duration_seconds_count{method=\"GET\",route=\"/v1/customers/{id}\"}";
    assert_eq!(value(&text, took), Some(1.0));
    assert_eq!(value(&text, "calmony_http_requests_in_flight"), Some(0.0));
    assert!(value(&text, "calmony_appended_together_sum").unwrap() >= 1.0);
    for chosen in [&customer, "nothing", "BREW", system.client.key()] {
        assert!(!text.contains(chosen), "{chosen} is no label");
    }
}

#[tokio::test]
async fn the_condition_of_the_system_is_told_by_every_api() {
    let system = System::start().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    system.client.customer("Ada").await;
    // The condition is cached for some seconds, so the order of these checks matters.
    let text = scrape(&system.metrics_url).await;
    assert_eq!(value(&text, "calmony_condition_known"), Some(1.0));
    assert!(value(&text, "calmony_outbox_events").unwrap() >= 1.0, "{text}");
    let oldest_due = "calmony_oldest_due_seconds{endpoints=\"working\"}";
    assert!(value(&text, oldest_due).unwrap() > 0.0, "nobody delivers");
    assert_eq!(value(&text, "calmony_workers"), Some(0.0));
    assert_eq!(value(&text, "calmony_endpoints{state=\"enabled\"}"), Some(1.0));

    let worker = system.worker().await;
    receiver.next().await;
    system.client.post(&format!("/v1/webhook_endpoints/{endpoint}"), "paused=true").await.ok();
    system.client.customer("Bob").await;
    eventually("the condition is that with a worker and a paused endpoint", async || {
        let text = scrape(&system.metrics_url).await;
        let all = value(&text, "calmony_buckets_owned") == Some(64.0)
            && value(&text, "calmony_workers") == Some(1.0)
            && value(&text, "calmony_endpoints{state=\"paused\"}") == Some(1.0)
            && value(&text, "calmony_deliveries_waiting{state=\"parked\"}") == Some(1.0)
            && value(&text, oldest_due) == Some(0.0);
        all.then_some(())
    })
    .await;
    drop(worker);
}

#[tokio::test]
async fn a_worker_tells_how_attempts_went_and_what_it_has_lost() {
    let system = System::start().await;
    let worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "1h")]).await;
    let works = Receiver::start().await;
    let (fails, switch) = Receiver::switched(false).await;
    let odd = Receiver::behaving(|_| Reply::Status(302)).await;
    for receiver in [&works, &fails, &odd] {
        system.client.endpoint(&receiver.url, &["customer.created"]).await;
    }
    let made = 60;
    for n in 0..made {
        system.client.customer(&format!("c{n}")).await;
    }
    let standing = |text: &str, state: &str| {
        value(text, &format!("calmony_worker_endpoints{{state=\"{state}\"}}")).unwrap_or_default()
    };
    let attempts = |text: &str, outcome: &str, reason: &str| {
        let labels = format!("{{outcome=\"{outcome}\",reason=\"{reason}\"}}");
        value(text, &format!("calmony_attempts_total{labels}")).unwrap_or_default()
    };
    let text = eventually("both breakers are open, and all that works is delivered", async || {
        let text = scrape(&worker.url).await;
        let delivered = value(&text, "calmony_deliveries_total{outcome=\"delivered\"}");
        (delivered == Some(f64::from(made)) && standing(&text, "open") + standing(&text, "probing") >= 2.0)
            .then_some(text)
    })
    .await;
    assert!((attempts(&text, "delivered", "") - f64::from(made)).abs() < 0.5);
    assert!(attempts(&text, "failed", "status_5xx") >= 5.0, "{text}");
    assert!(attempts(&text, "failed", "status_3xx") >= 5.0, "{text}");
    assert!(value(&text, "calmony_deliveries_total{outcome=\"owed\"}").unwrap() > 5.0);
    assert!(value(&text, "calmony_attempt_phase_seconds_count{phase=\"first_byte\"}").unwrap() >= 60.0);
    assert!(value(&text, "calmony_attempt_phase_seconds_count{phase=\"connect\"}").unwrap() >= 1.0);
    assert_eq!(value(&text, "calmony_worker_buckets"), Some(64.0));
    let head = system.database.number("select max(position) from calmony.event").await;
    assert!(
        value(&text, "calmony_worker_cursor_position").unwrap() >= f64::from(i32::try_from(head).unwrap())
    );
    assert!(!text.contains("we_") && !text.contains("127.0.0.1"), "endpoints are no labels");

    switch.store(true, Ordering::Relaxed);
    let admin = system.database.admin().await;
    let end = "select pg_terminate_backend(pid) from pg_stat_activity \
               where datname = current_database() and application_name = 'calmony_worker'";
    admin.batch_execute(end).await.unwrap();
    eventually("the lost session is counted, and what it owned", async || {
        let text = scrape(&worker.url).await;
        let lost = (
            value(&text, "calmony_worker_sessions_lost_total"),
            value(&text, "calmony_worker_buckets_lost_total"),
        );
        (lost == (Some(1.0), Some(64.0))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_table_of_metrics_is_what_the_programs_export() {
    let (system, _sandbox) = System::paying().await;
    system.client.post("/v1/payment_methods", "type=card&card[token]=tok_visa").await.ok();
    let worker = system.worker().await;
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    system.client.customer("Ada").await;
    receiver.next().await;
    eventually("the worker has done everything once", async || {
        let text = scrape(&worker.url).await;
        (names(&text) == documented("worker")).then_some(())
    })
    .await;
    assert_eq!(names(&scrape(&system.metrics_url).await), documented("API"));
}
