//! Large lists come in parts: each answer is bounded in bytes, and the pages have every entry once.

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use reqwest::Method;
use serde_json::{Value, json};
use support::{Client, System};

/// More bytes than any page of a list has: a mebibyte of data, and the rest around its entries.
const ANSWER_MAX: usize = 1_200_000;

/// A customer of about 25 kB for each byte of a character.
fn customer(name: &str, character: &str) -> Value {
    let value = character.repeat(500);
    let entries = (0..50).map(|n| (format!("k{n}"), json!(value)));
    json!({ "name": name, "metadata": Value::Object(entries.collect()) })
}

/// Creates `count` large customers, with some small ones between.
async fn create(client: &Client, count: usize, character: &str) {
    let made = iter(0..count).map(|n| {
        let client = client.clone();
        let large = customer(&format!("c{n}"), if n % 7 == 0 { "x" } else { character });
        async move { client.json(Method::POST, "/v1/customers", &large).await.id() }
    });
    let made: Vec<String> = made.buffer_unordered(4).collect().await;
    assert_eq!(made.len(), count);
}

fn ids(page: &Value, id: &str) -> Vec<String> {
    let entries = page["data"].as_array().expect("entries");
    entries.iter().map(|entry| entry.pointer(id).and_then(Value::as_str).expect("an id").to_owned()).collect()
}

/// All of a list as the official packages go through it: after the last entry, or before the first. And the
/// number of pages.
async fn whole(client: &Client, path: &str, id: &str, before: Option<String>) -> (Vec<String>, usize) {
    let (mut all, mut pages, mut cursor) = (Vec::new(), 0, before.clone());
    loop {
        let direction = if before.is_some() { "ending_before" } else { "starting_after" };
        let cursor_of = cursor.map(|cursor| format!("&{direction}={cursor}")).unwrap_or_default();
        let answer = client.get(&format!("{path}limit=100{cursor_of}")).await;
        assert!(answer.text.len() < ANSWER_MAX, "{path} is answered with {} bytes", answer.text.len());
        let page = answer.ok();
        let mut found = ids(&page, id);
        pages += 1;
        if before.is_some() {
            found.reverse();
        }
        cursor = found.last().cloned();
        all.extend(found);
        if page["has_more"] == json!(false) {
            return (all, pages);
        }
        assert!(cursor.is_some(), "a page that has more has something");
    }
}

/// Checks that every entry of a list comes once, in order, in both directions.
async fn goes_both_ways(client: &Client, path: &str, id: &str, expected: &[String]) {
    let (forth, pages) = whole(client, path, id, None).await;
    assert!(pages > 1, "{path} came at once");
    assert_eq!(forth, expected, "{path}");
    let (mut back, _) = whole(client, path, id, expected.last().cloned()).await;
    back.reverse();
    assert_eq!(back, &expected[..expected.len() - 1], "{path}, forwards");
}

async fn texts(system: &System, sql: &str) -> Vec<String> {
    let rows = system.database.admin().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn three_hundred_large_customers_are_paged_through_in_both_directions() {
    let system = System::start().await;
    create(&system.client, 300, "ä").await;
    let customers = texts(&system, "select id::text from calmony.object order by id desc").await;
    assert_eq!(customers.len(), 300);
    goes_both_ways(&system.client, "/v1/customers?", "/id", &customers).await;
    let events = texts(&system, "select id::text from calmony.event order by position desc").await;
    goes_both_ways(&system.client, "/v1/events?", "/id", &events).await;
}

#[tokio::test]
async fn a_page_shows_its_first_entry_whatever_it_has() {
    let system = System::start().await;
    // As many characters as allowed, each of which is six bytes in JSON: an event takes more than half a
    // page.
    let text = json!("\u{1}".repeat(5_000));
    let address = json!({
        "city": text, "country": text, "line1": text, "line2": text, "postal_code": text, "state": text
    });
    let mut largest = customer("largest", "\u{1}");
    largest["address"] = address.clone();
    largest["shipping"] = json!({ "name": "largest", "address": address });
    largest["description"] = text;
    let id = system.client.json(Method::POST, "/v1/customers", &largest).await.id();
    for character in ["\u{2}", "\u{3}", "\u{4}"] {
        let change = customer("changed", character);
        system.client.json(Method::POST, &format!("/v1/customers/{id}"), &change).await.ok();
    }
    let events = texts(&system, "select id::text from calmony.event order by position desc").await;
    assert_eq!(whole(&system.client, "/v1/events?", "/id", None).await, (events, 4));
}

#[tokio::test]
async fn what_a_search_finds_comes_in_parts_too() {
    let system = System::start().await;
    create(&system.client, 40, "𝄞").await;
    let customers = texts(&system, "select id::text from calmony.object order by id desc").await;
    for query in ["created%3E0", "email:null OR phone:null OR name:'c1'"] {
        let (mut all, mut pages, mut token) = (Vec::new(), 0, String::new());
        loop {
            let query = query.replace(' ', "%20");
            let path = format!("/v1/customers/search?query={query}&limit=100{token}");
            let answer = system.client.get(&path).await;
            assert!(answer.text.len() < ANSWER_MAX, "{} bytes", answer.text.len());
            let page = answer.ok();
            all.extend(ids(&page, "/id"));
            pages += 1;
            let Some(next) = page["next_page"].as_str() else { break };
            assert_eq!(page["has_more"], true);
            token = format!("&page={next}");
        }
        assert_eq!(all, customers, "{query}");
        assert!(pages > 2, "{pages}");
    }
}

/// Records `times` attempts of every endpoint for every customer's creation, with long answers.
async fn attempted(system: &System, times: usize) {
    let attempts = format!(
        "insert into calmony.attempt \
                (account, position, endpoint, number, started_at, duration_us, status, response) \
         select e.account, e.position, p.id, n, now() - n * interval '1 ms', 1000, 200, repeat('x', 1024) \
           from calmony.event e, calmony.endpoint p, generate_series(1, {times}) n \
          where e.type = 'customer.created'"
    );
    system.database.admin().await.batch_execute(&attempts).await.unwrap();
}

#[tokio::test]
async fn a_list_ends_before_what_would_be_expanded_too_much() {
    let system = System::start().await;
    let mut endpoints = Vec::new();
    for _ in 0..14 {
        endpoints.push(system.client.endpoint("http://127.0.0.1:65000/", &["customer.created"]).await.0);
    }
    create(&system.client, 30, "𝄞").await;
    attempted(&system, 1).await;
    let created = "select id::text from calmony.event where type = 'customer.created' order by position desc";
    let events = texts(&system, created).await;
    let deliveries = format!("/v1/webhook_endpoints/{}/deliveries?", endpoints[0]);
    let (plain, pages) = whole(&system.client, &deliveries, "/event", None).await;
    assert_eq!((&plain, pages), (&events, 1), "without them it is small");
    // The cursor is the event's id, which is in the event now.
    let (mut all, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let path =
            format!("{deliveries}limit=100&expand[]=data.event&expand[]=data.webhook_endpoint{cursor}");
        let answer = system.client.get(&path).await;
        assert!(answer.text.len() < 2 * ANSWER_MAX, "{} bytes", answer.text.len());
        let page = answer.ok();
        assert_eq!(page["data"][0]["webhook_endpoint"]["id"], endpoints[0].as_str());
        all.extend(ids(&page, "/event/id"));
        pages += 1;
        if page["has_more"] == json!(false) {
            break;
        }
        cursor = format!("&starting_after={}", all.last().unwrap());
    }
    assert_eq!(all, events);
    assert!(pages > 2, "{pages}");
    let mut newer = Vec::new();
    loop {
        let before = newer.last().unwrap_or(&events[29]);
        let path = format!("{deliveries}limit=100&expand[]=data.event&ending_before={before}");
        let page = system.client.get(&path).await.ok();
        newer.extend(ids(&page, "/event/id").into_iter().rev());
        if page["has_more"] == json!(false) {
            break;
        }
    }
    newer.reverse();
    assert_eq!(newer, events[..29]);
    // A list without pages can't be continued, so it is refused.
    let largest = "select id::text from calmony.event order by octet_length(data::text) desc limit 1";
    let large = format!("/v1/events/{}/deliveries", texts(&system, largest).await[0]);
    assert_eq!(system.client.get(&large).await.ok()["data"].as_array().unwrap().len(), 14);
    let refused = system.client.get(&format!("{large}?expand[]=data.event")).await;
    assert_eq!(refused.error(), (400, "invalid_request_error", "parameter_invalid", "expand"));
    assert!(refused.text.contains("larger than 1 MiB"), "{}", refused.text);
}

#[tokio::test]
async fn attempts_share_the_bytes_of_a_page() {
    let system = System::start().await;
    let (endpoint, _) = system.client.endpoint("http://127.0.0.1:65000/", &["customer.created"]).await;
    for n in 0..100 {
        system.client.customer(&format!("c{n}")).await;
    }
    attempted(&system, 21).await;
    let path = format!("/v1/webhook_endpoints/{endpoint}/deliveries");
    let shown = async |limit: usize, count: usize| {
        let answer = system.client.get(&format!("{path}?limit={limit}")).await;
        assert!(answer.text.len() < 2 * ANSWER_MAX, "{} bytes", answer.text.len());
        let page = answer.ok();
        let deliveries = page["data"].as_array().unwrap();
        assert_eq!(deliveries.len(), limit);
        for delivery in deliveries {
            let attempts = &delivery["attempts"];
            assert_eq!(attempts["data"].as_array().unwrap().len(), count);
            assert_eq!((&attempts["has_more"], &attempts["data"][0]["number"]), (&json!(true), &json!(1)));
        }
    };
    shown(10, 20).await;
    shown(100, 10).await;
}
