//! Card numbers in every place where they have no business: refused, and kept nowhere.

use calmony_pay::log::accounts::create_key;
use calmony_pay::secret::KeyKind;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use support::{Database, Receiver, System, client};

use super::card_world::{NUMBERS, World, encoded, leaves, operations, spelled};
use super::written::{files_with, tables};
use crate::cli::run;
use crate::operate::metrics::scrape;

/// A text that isn't a number, and is written in many places.
const MARKER: &str = "Ada of the marker";

/// Each parameter of each route, its path, names that nobody knows, and keys of metadata.
async fn in_every_parameter(world: &World) {
    let mut seen = 0;
    for (method, template, operation) in operations() {
        let path = template.replace("{id}", "cus_1");
        if template != path {
            let number = encoded(world.number()).replace('+', "%20");
            let answer = world.client.request(method.clone(), &template.replace("{id}", &number));
            world.refused(&client::send(answer).await, "", template);
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            if parameter["in"] == "query" {
                let place = format!("{path}?{name}={}", encoded(world.number()));
                let answer = client::send(world.client.request(method.clone(), &place)).await;
                world.refused(&answer, name, &place);
                seen += 1;
            }
        }
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let mut places =
            vec![vec!["unknown".to_owned()], vec!["a".to_owned(), "0".to_owned(), "b".to_owned()]];
        leaves(schema, &[], &mut places);
        for names in &places {
            let param = spelled(names);
            let is_in_place = template == "/v1/payment_methods" && param == "card[number]"
                || param == "payment_method_data[card][number]";
            if is_in_place {
                continue;
            }
            if method != Method::GET {
                world.in_body((&method, &path), names, &param).await;
                seen += 1;
            }
        }
        if method == Method::POST {
            for (names, param) in [(vec![world.number()], ""), (vec!["metadata", world.number()], "metadata")]
            {
                let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
                world.in_body((&method, &path), &names, param).await;
            }
        }
    }
    assert!(seen > 200, "{seen}");
}

/// Heads and bodies that are no parameters.
async fn in_everything_else(world: &World) {
    let number = "4242424242424242";
    for (name, value) in [
        ("Idempotency-Key", number),
        ("Idempotency-Key", "order 4242 4242 4242 4242"),
        ("Stripe-Version", "2026-10-28.4242424242424242"),
        ("Stripe-Account", number),
        ("Stripe-Context", number),
        ("Last-Event-ID", number),
        ("Content-Type", number),
        ("Content-Encoding", number),
        ("traceparent", number),
    ] {
        let request = world.client.request(Method::POST, "/v1/customers").header(name, value);
        world.refused(&client::send(request.body("name=Ada")).await, name, name);
    }
    let made_up = Method::from_bytes(number.as_bytes()).unwrap();
    let encoded = "/v1/%34242%2D4242-4242-4242";
    for (method, path) in [
        (made_up, "/v1/customers"),
        (Method::GET, "/v1/4242424242424242"),
        (Method::PUT, "/v1/customers/4242424242424242"),
        (Method::GET, "/4242424242424242/x"),
        (Method::GET, encoded),
        (Method::GET, "/v1/customers/search?query=name:'4242%204242%204242%204242'"),
        (Method::GET, "/healthz?4242424242424242"),
        (Method::GET, "/v1/customers?4242+4242+4242+4242=1"),
    ] {
        let answer = client::send(world.client.request(method, path)).await;
        let param = if path.contains("query=") { "query" } else { "" };
        world.refused(&answer, param, path);
    }
    for (kind, body) in [
        ("application/json", r#"{"name": "4242424242424242""#),
        ("application/json", r#"{"4242424242424242": 1, "4242424242424242": 2}"#),
        ("application/json", r#"{"a": 1, "\u0034242\u002042424242\u00204242": 2, "#),
        ("application/json", r#""\u0034242424242424242""#),
        ("application/json", r#"["4242 4242 4242 4242"]"#),
        ("application/json", "4242424242424242"),
        ("application/x-www-form-urlencoded", "a[4242424242424242=1"),
        ("application/x-www-form-urlencoded", "a%5B4242+4242+4242+4242=1"),
        ("application/x-www-form-urlencoded", "a=4242424242424242&a[b]=%FF"),
        ("text/plain", "4242424242424242"),
    ] {
        let request = world.client.request(Method::POST, "/v1/customers").header(CONTENT_TYPE, kind);
        world.refused(&client::send(request.body(body)).await, "", body);
    }
    for (body, param) in [
        (json!({ "metadata": { "a": 4_242_424_242_424_242_i64 } }), "metadata[a]"),
        (json!({ "name": 4_242_424_242_424_242.0 }), "name"),
        (json!({ "a": { "b": [{ "c": [1, "4242 4242 4242 4242"] }] } }), "a[b][0][c][1]"),
    ] {
        let answer = world.client.json(Method::POST, "/v1/customers", &body).await;
        world.refused(&answer, param, &body.to_string());
    }
    let stranger = world.client.with_key("");
    let answer = stranger.post("/v1/customers", "name=4242424242424242").await;
    world.heard(&answer);
    assert_eq!(answer.status, 401);
    world.refused(&stranger.get("/v1/customers/4242424242424242").await, "", "without a key");
    let by_number = world.client.with_key(number).get("/v1/customers").await;
    world.heard(&by_number);
    assert_eq!(by_number.status, 401);
}

/// The dashboard's forms and boxes.
async fn in_the_dashboard(world: &World) {
    let token = world.browser.token().await;
    for (path, field) in [
        ("sign-in", "key"),
        ("sign-in", "next"),
        ("sign-out", "more"),
        ("events/evt_1/resend", "webhook_endpoint"),
        ("events/evt_1/resend", "once"),
        ("endpoints/we_1/change", "change"),
        ("endpoints/we_1/roll", "overlap"),
        ("endpoints/we_1/replay", "object"),
        ("endpoints/we_1/replay", "type"),
        ("replays/rpl_1/cancel", "once"),
        ("nothing/here", "a"),
    ] {
        let form = [("token", token.as_str()), (field, world.number())];
        let (status, page) = world.browser.post(&format!("/dashboard/{path}"), &form).await;
        world.keep(&page);
        assert_eq!(status, 400, "{path} {field}");
        assert!(page.starts_with("<!doctype html>") && page.contains("card_number_forbidden"), "{page}");
    }
    for path in [
        "find?id=",
        "events?object=",
        "events?type=",
        "customers?q=",
        "endpoints?starting_after=",
        "replays?starting_after=",
        "overview.json?after=",
        "customers/",
        "objects/",
        "events/",
        "nothing/",
        "sign-in?next=",
        "assets/",
    ] {
        let number = encoded(world.number()).replace('+', "%20");
        let (status, page) = world.browser.get(&format!("/dashboard/{path}{number}")).await;
        world.keep(&page);
        assert_eq!(status, 400, "{path}");
        assert!(page.starts_with("<!doctype html>") && page.contains("card_number_forbidden"), "{page}");
    }
    assert_eq!(world.browser.get("/dashboard").await.0, 200, "the session goes on");
}

/// Numbers where they may be: the processor judges them in test mode, and in live mode nobody takes them.
async fn in_their_place(world: &World) {
    let params = |number: &str, month: i64| {
        let card = json!({ "number": number, "exp_month": month, "exp_year": 2044 });
        json!({ "type": "card", "card": card })
    };
    let path = "/v1/payment_methods";
    for number in ["4242424242424242", "5555 5555 5555 4444", "3782-822463-10005", "4000002760003184"] {
        let made = world.client.json(Method::POST, path, &params(number, 12)).await;
        world.heard(&made);
        assert_eq!(made.status, 200, "{}", made.text);
        let once = world.client.request(Method::POST, path).header("idempotency-key", number.len());
        let once = once.header(CONTENT_TYPE, "application/json").body(params(number, 12).to_string());
        world.heard(&client::send(once).await);
    }
    for (number, month, status, param) in [
        ("4111 1111 1111 1111", 12, 402, "card[number]"),
        ("6011-1111-1111-1116", 12, 402, "card[number]"),
        ("4242424242424242", 13, 402, "card[exp_month]"),
    ] {
        let refused = world.client.json(Method::POST, path, &params(number, month)).await;
        world.heard(&refused);
        assert_eq!((refused.status, refused.error().3), (status, param), "{}", refused.text);
    }
    let listed = json!({ "type": "card", "card": { "number": ["4242424242424242"] } });
    let answer = world.client.json(Method::POST, path, &listed).await;
    world.refused(&answer, "card[number][0]", "a list");
    let elsewhere = world.client.json(Method::POST, "/v1/customers", &params("4242424242424242", 12)).await;
    world.refused(&elsewhere, "card[number]", "another route");
    let in_query = world.client.post(&format!("{path}?card[number]=4242424242424242"), "type=card").await;
    world.refused(&in_query, "card[number]", "the query is logged by others");
    let kind = KeyKind { livemode: true, ..KeyKind::default() };
    let live = create_key(&world.database.url.parse().unwrap(), "first", kind, None).await.unwrap();
    let live = world.client.with_key(live.reveal());
    for number in ["4242424242424242", "4539578763621486", "4242424242424241", "1"] {
        let answer = live.json(Method::POST, path, &params(number, 12)).await;
        world.refused(&answer, "card[number]", "live");
    }
}

/// All forms of these numbers that anything could have been written in.
fn needles() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for number in NUMBERS.iter().chain(&["4242 4242 4242 4242", "4539578763621486", "4242424242424241"]) {
        let digits: String = number.chars().filter(char::is_ascii_digit).take(13).collect();
        let text = number.trim_start_matches("My card is ");
        let text: String = text.chars().take(14).collect();
        all.extend([text.replace(' ', "+"), text.replace(' ', "%20"), encoded(&text), text]);
        all.extend((digits.len() == 13).then_some(digits));
    }
    all
}

#[tokio::test]
async fn card_numbers_are_refused_where_they_have_no_business_and_are_written_nowhere() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    world.client.endpoint(&receiver.url, &["customer.created"]).await;
    world.client.customer(MARKER).await;
    receiver.next().await;
    in_every_parameter(&world).await;
    in_everything_else(&world).await;
    in_the_dashboard(&world).await;
    in_their_place(&world).await;
    world.keep(&scrape(&world.api.metrics_url).await);
    let World { api, worker, mut sandbox, logs, cluster, database, spans, answers, .. } = world;
    api.stop().await;
    worker.stop().await;
    sandbox.process.stop().await;
    let write = |name: &str, text: &[u8]| std::fs::write(logs.0.join(name), text).unwrap();
    write("answers", answers.into_inner().as_bytes());
    write("spans", &spans.lock().unwrap().concat());
    let dump = tables(&database).await;
    for schema in ["calmony.event\n", "calmony.idempotency", "sandbox.method\n", "pg_authid\n"] {
        assert!(dump.contains(schema), "{schema} is dumped");
    }
    write("tables", dump.as_bytes());
    database.admin().await.batch_execute("checkpoint").await.unwrap();
    let folders = [logs.0.as_path(), cluster.0.data()];
    // A text that is there is found.
    for (text, file) in
        [(MARKER, "tables"), (MARKER, "pg_wal/"), ("answered", "api"), ("POST /v1/customers", "spans")]
    {
        let found = files_with(&[text.to_owned()], &folders);
        assert!(found.iter().any(|found| found.contains(file)), "{text} is in {file}: {found:?}");
    }
    for (name, word) in [("api", "answered"), ("worker", "attempted"), ("sandbox", "is listening")] {
        let log = std::fs::read_to_string(logs.0.join(name)).unwrap();
        assert!(log.contains(word), "{name} has logged: {log}");
    }
    let found = files_with(&needles(), &folders);
    assert_eq!(found, [""; 0], "these files have a card's number in them");
}

#[tokio::test]
async fn who_has_ids_that_look_like_card_numbers_turns_the_refusal_off() {
    let database = Database::fresh().await;
    let allowing = ("CALMONY_ALLOW_CARD_NUMBERS", "true");
    let system = System::with(database, &[allowing]).await;
    let made = system.client.post("/v1/customers", "metadata[order]=4242424242424242").await.ok();
    assert_eq!(made["metadata"]["order"], "4242424242424242");
    assert_eq!(system.client.get("/v1/customers/4242424242424242").await.status, 404);
    for (command, state) in [("check-config", "WARN"), ("doctor", "WARN")] {
        let known = [
            ("CALMONY_DATABASE_URL", system.database.url.as_str()),
            ("CALMONY_SECRET_KEY", support::system::SECRET_KEY),
        ];
        let of = |said: crate::cli::Said| {
            let line = said.stdout.lines().find(|line| line.contains("card numbers")).map(str::to_owned);
            line.unwrap_or_else(|| panic!("{said:?}"))
        };
        let off = of(run("calmony", &[command], &known).await);
        assert!(off.contains("ok") && off.contains("refused"), "{off}");
        let on = of(run("calmony", &[command], &[known[0], known[1], allowing]).await);
        assert!(on.contains(state) && on.contains("CALMONY_ALLOW_CARD_NUMBERS is on"), "{on}");
    }
}

/// Texts that only look a little like one: an SDK's idempotency key, times, phone numbers, ids of ours.
#[tokio::test]
async fn what_is_no_card_number_goes_through() {
    let system = System::start().await;
    for text in [
        "550e8400-e29b-41d4-a716-446655440000",
        "12345678-1234-4234-8234-123456789012",
        "1795845600123",
        "+49 151 23456789",
        "4242424242424241",
        "x4242424242424242",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    ] {
        let request = system.client.request(Method::POST, "/v1/customers").header("idempotency-key", text);
        let body = json!({ "description": text, "metadata": { text: text } }).to_string();
        let answer = client::send(request.header(CONTENT_TYPE, "application/json").body(body)).await;
        assert_eq!(answer.ok()["description"], text);
    }
}
