//! The mutating routes of the one list. A call of each appends exactly the events that the list says, each
//! with one outbox row and its object, in one transaction. A new mutating route without a scenario here, or
//! without an event, fails.

use std::collections::HashMap;

use calmony_pay::http::{Route, routes};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Client, System};

/// The call of a route: the path with a real id, and the body.
pub(super) async fn scenario(route: &Route, client: &Client) -> (String, Value) {
    let path = |id: String| route.path.replace("{id}", &id);
    match (route.method.as_str(), route.path) {
        ("POST", "/v1/customers") => (route.path.to_owned(), json!({ "name": "Ada" })),
        ("POST" | "PATCH", "/v1/customers/{id}") => {
            (path(client.customer("Ada").await), json!({ "name": "Bob" }))
        }
        ("DELETE", "/v1/customers/{id}") => (path(client.customer("Ada").await), json!({})),
        ("POST", "/v1/payment_methods") => {
            (route.path.to_owned(), json!({ "type": "card", "card": { "token": "tok_visa" } }))
        }
        ("POST" | "PATCH", "/v1/payment_methods/{id}") => {
            (path(attached(client).await), json!({ "metadata": { "a": "b" } }))
        }
        ("POST", "/v1/payment_methods/{id}/attach") => {
            (path(method(client).await), json!({ "customer": client.customer("Ada").await }))
        }
        ("POST", "/v1/payment_methods/{id}/detach") => (path(attached(client).await), json!({})),
        ("POST", "/v1/payment_intents") => {
            (route.path.to_owned(), json!({ "amount": 1000, "currency": "usd" }))
        }
        ("POST" | "PATCH", "/v1/payment_intents/{id}") => {
            (path(intent(client, "").await), json!({ "description": "a" }))
        }
        ("POST", "/v1/payment_intents/{id}/confirm") => {
            (path(intent(client, &format!("payment_method={}", method(client).await)).await), json!({}))
        }
        ("POST", "/v1/payment_intents/{id}/capture") => {
            let more = "payment_method=pm_card_visa&capture_method=manual&confirm=true";
            (path(intent(client, more).await), json!({}))
        }
        ("POST", "/v1/payment_intents/{id}/cancel") => (path(intent(client, "").await), json!({})),
        ("POST", "/v1/refunds") => {
            let paid = intent(client, "payment_method=pm_card_visa&confirm=true").await;
            (route.path.to_owned(), json!({ "payment_intent": paid }))
        }
        ("POST" | "PATCH", "/v1/refunds/{id}") => {
            (path(refund(client).await), json!({ "metadata": { "a": "b" } }))
        }
        ("POST", "/v1/setup_intents") => (route.path.to_owned(), json!({})),
        ("POST" | "PATCH", "/v1/setup_intents/{id}") => {
            (path(setup_intent(client).await), json!({ "description": "a" }))
        }
        ("POST", "/v1/setup_intents/{id}/confirm") => {
            (path(setup_intent(client).await), json!({ "payment_method": method(client).await }))
        }
        ("POST", "/v1/setup_intents/{id}/cancel") => (path(setup_intent(client).await), json!({})),
        ("POST", "/v1/products") => (route.path.to_owned(), json!({ "name": "Gold" })),
        ("POST" | "PATCH", "/v1/products/{id}") => (path(product(client).await), json!({ "active": false })),
        ("DELETE", "/v1/products/{id}") => (path(product(client).await), json!({})),
        ("POST", "/v1/webhook_endpoints") => {
            (route.path.to_owned(), json!({ "url": "https://example.com/hook", "enabled_events": ["*"] }))
        }
        ("POST" | "PATCH", "/v1/webhook_endpoints/{id}") => {
            (path(client.endpoint("https://example.com/", &["*"]).await.0), json!({ "disabled": true }))
        }
        ("DELETE", "/v1/webhook_endpoints/{id}")
        | ("POST", "/v1/webhook_endpoints/{id}/replay" | "/v1/webhook_endpoints/{id}/roll_secret") => {
            (path(client.endpoint("https://example.com/", &["*"]).await.0), json!({}))
        }
        ("POST", "/v1/replays/{id}/cancel") => (path(replay(client).await), json!({})),
        ("POST", "/v1/events/{id}/retry") => {
            let (endpoint, _) = client.endpoint("https://example.com/", &["*"]).await;
            (path(newest_event(client).await), json!({ "webhook_endpoint": endpoint }))
        }
        (method, path) => panic!("{method} {path} changes something and has no scenario in this test"),
    }
}

async fn method(client: &Client) -> String {
    client.post("/v1/payment_methods", "type=card&card[token]=tok_visa").await.id()
}

/// A payment method of a customer's.
async fn attached(client: &Client) -> String {
    attached_to(client, &client.customer("Ada").await).await
}

/// A payment method of that customer's.
pub(super) async fn attached_to(client: &Client, customer: &str) -> String {
    let path = format!("/v1/payment_methods/{}/attach", method(client).await);
    client.post(&path, &format!("customer={customer}")).await.id()
}

async fn intent(client: &Client, more: &str) -> String {
    client.post("/v1/payment_intents", &format!("amount=1000&currency=usd&{more}")).await.id()
}

/// Confirmations that end otherwise than a route's scenario.
pub(super) async fn other_ends(client: &Client) {
    for (more, card) in [
        ("", "pm_card_chargeDeclined"),
        ("", "pm_card_authenticationRequired"),
        ("capture_method=manual", "pm_card_visa"),
    ] {
        let path = format!("/v1/payment_intents/{}/confirm", intent(client, more).await);
        client.post(&path, &format!("payment_method={card}")).await;
    }
    for card in ["pm_card_chargeDeclined", "pm_card_authenticationRequired"] {
        let path = format!("/v1/setup_intents/{}/confirm", setup_intent(client).await);
        client.post(&path, &format!("payment_method={card}")).await;
    }
}

async fn setup_intent(client: &Client) -> String {
    client.post("/v1/setup_intents", "").await.id()
}

async fn refund(client: &Client) -> String {
    let paid = intent(client, "payment_method=pm_card_visa&confirm=true").await;
    client.post("/v1/refunds", &format!("payment_intent={paid}")).await.id()
}

async fn product(client: &Client) -> String {
    client.post("/v1/products", "name=Gold").await.id()
}

/// An object of those under `/v1/…`.
pub(super) async fn object(parts: &str, client: &Client) -> String {
    match parts {
        "customers" => client.customer("Ada").await,
        "payment_methods" => method(client).await,
        "payment_intents" => intent(client, "").await,
        "setup_intents" => setup_intent(client).await,
        "charges" => {
            let paid = intent(client, "payment_method=pm_card_visa&confirm=true").await;
            let intent = client.get(&format!("/v1/payment_intents/{paid}")).await.ok();
            intent["latest_charge"].as_str().unwrap().to_owned()
        }
        "refunds" => refund(client).await,
        "products" => product(client).await,
        "webhook_endpoints" => client.endpoint("https://example.com/", &["*"]).await.0,
        "replays" => replay(client).await,
        "events" => {
            client.customer("Ada").await;
            newest_event(client).await
        }
        other => panic!("/v1/{other} has no object in this test"),
    }
}

/// A running replay.
async fn replay(client: &Client) -> String {
    let (endpoint, _) = client.endpoint("https://example.com/", &["*"]).await;
    client.post(&format!("/v1/webhook_endpoints/{endpoint}/replay"), "").await.id()
}

async fn newest_event(client: &Client) -> String {
    client.get("/v1/events?limit=1").await.ok()["data"][0]["id"].as_str().unwrap().to_owned()
}

fn mutates(route: &Route) -> bool {
    route.method != Method::GET
}

#[tokio::test]
async fn every_mutating_route_appends_exactly_its_events_with_their_outbox_rows() {
    let (system, _sandbox) = System::paying().await;
    let admin = system.database.admin().await;
    let mut tried = 0;
    for route in routes().iter().filter(|route| mutates(route)) {
        assert!(
            !route.emits.is_empty(),
            "{} {} changes something and emits nothing",
            route.method,
            route.path
        );
        let (path, body) = scenario(route, &system.client).await;
        let last = system.database.number("select coalesce(max(position), 0) from calmony.event").await;
        let answer = system.client.json(route.method.clone(), &path, &body).await.ok();
        let appended = "select e.type, e.stream::text, e.version, e.data::text, \
                e.xmin = x.xmin and (o.version > e.version or o.version = e.version \
                and e.xmin = o.xmin and o.data::text = e.data::text), \
                (select count(*) from calmony.outbox c where c.position = e.position), \
                (select count(distinct xmin::text) from calmony.event where position > $1) \
           from calmony.event e left join calmony.object o on o.account = e.account and o.id = e.stream \
           left join calmony.outbox x on x.account = e.account and x.position = e.position \
          where e.position > $1 order by e.position";
        let rows = admin.query(appended, &[&last]).await.unwrap();
        let types: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        let promised: Vec<&str> = route.emits.iter().map(|emitted| emitted.as_str()).collect();
        assert_eq!(types, promised, "{} {}", route.method, route.path);
        // The attempt is appended before the processor is asked, and the processor's word after it.
        let transactions = if route.asks_processor { 2 } else { 1 };
        for row in &rows {
            assert_eq!(
                row.get::<_, Option<bool>>(4),
                Some(true),
                "event, object and outbox row are of one transaction"
            );
            assert_eq!(row.get::<_, i64>(5), 1, "one outbox row");
            assert_eq!(row.get::<_, i64>(6), transactions, "{} {}", route.method, route.path);
        }
        // A resend answers with the event that is resent, as Stripe does.
        if route.path != "/v1/events/{id}/retry" {
            let is_of_answer = rows.iter().any(|row| answer["id"] == row.get::<_, &str>(1));
            assert!(is_of_answer, "an event is of the object that was changed");
        }
        tried += 1;
    }
    assert_eq!(tried, routes().iter().filter(|route| mutates(route)).count());
}

#[tokio::test]
async fn a_reading_route_appends_nothing() {
    let (system, _sandbox) = System::paying().await;
    let mut objects = HashMap::new();
    for route in routes().iter().filter(|route| !mutates(route)) {
        let parts = route.path.split('/').nth(2).unwrap();
        objects.insert(parts.to_owned(), object(parts, &system.client).await);
    }
    let method = attached_to(&system.client, &objects["customers"]).await;
    let count = system.database.number("select count(*) from calmony.event").await;
    for route in routes().iter().filter(|route| !mutates(route)) {
        assert!(route.emits.is_empty(), "{}", route.path);
        let id = &objects[route.path.split('/').nth(2).unwrap()];
        let path = route.path.replace("{id}", id).replace("/search", "/search?query=created>0");
        let path = path.replace("{payment_method}", &method);
        if path.ends_with("/stream") {
            // The stream doesn't end by itself.
            let stream = system.client.request(Method::GET, &path).send().await.unwrap();
            assert_eq!(stream.status(), 200);
            continue;
        }
        system.client.get(&path).await.ok();
    }
    assert_eq!(system.database.number("select count(*) from calmony.event").await, count);
}

/// A refused call has changed nothing and sent nothing.
#[tokio::test]
async fn a_refused_call_appends_nothing() {
    let system = System::start().await;
    let id = system.client.customer("Ada").await;
    let count = system.database.number("select count(*) from calmony.event").await;
    for (path, form) in [
        ("/v1/customers".to_owned(), "email=nonsense"),
        ("/v1/customers".to_owned(), "foo=bar"),
        (format!("/v1/customers/{id}"), "balance=many"),
        ("/v1/webhook_endpoints".to_owned(), "url=ftp://example.com&enabled_events[]=*"),
        ("/v1/webhook_endpoints".to_owned(), "url=https://example.com&enabled_events[]=no.such"),
    ] {
        assert_eq!(system.client.post(&path, form).await.status, 400, "{form}");
    }
    assert_eq!(system.database.number("select count(*) from calmony.event").await, count);
}
