//! The sandbox processor's operations, as its protocol has them.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use support::sandbox::{Caller, SECRET, authorize, moves, void_key};
use support::{Database, Sandbox};

async fn started() -> (Sandbox, Caller, Database) {
    let database = Database::fresh().await;
    let sandbox = Sandbox::on(&database).await;
    let caller = sandbox.caller();
    (sandbox, caller, database)
}

/// Kind, outcome and amount of rows.
fn told(rows: &[Value]) -> Vec<(&str, &str, i64)> {
    rows.iter().map(|row| (text(row, "kind"), text(row, "outcome"), amount(row))).collect()
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap()
}

fn amount(row: &Value) -> i64 {
    row["amount"].as_i64().unwrap()
}

#[tokio::test]
async fn who_does_not_know_the_secret_learns_nothing() {
    let (sandbox, caller, _database) = started().await;
    let (status, capabilities) = caller.get("/v1/capabilities").await;
    assert_eq!((status, &capabilities["protocol"], &capabilities["sandbox"]), (200, &json!(1), &json!(true)));
    assert_eq!(capabilities["hold_seconds"], 604_800);
    for path in ["/v1/capabilities", "/journal", "/v1/operations/x", "/nothing"] {
        for given in ["", "wrong", &SECRET[..SECRET.len() - 1]] {
            let request = support::client::http().get(format!("{}{path}", sandbox.url)).bearer_auth(given);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 401, "{path}");
            let error: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            assert!(error["error"]["message"].is_string(), "{error}");
        }
    }
    let health = support::client::http().get(format!("{}/healthz", sandbox.url)).send().await.unwrap();
    assert_eq!(health.status(), 200);
    assert_eq!(caller.get("/nothing").await.0, 404);
    assert_eq!(caller.call(Method::DELETE, "/journal", None).await.unwrap().0, 404);
}

#[tokio::test]
async fn a_wrong_request_is_refused_and_leaves_nothing() {
    let (_sandbox, caller, _database) = started().await;
    let method = caller.method("visa").await;
    let code = |answer: (u16, Value)| (answer.0, answer.1["error"]["code"].as_str().unwrap().to_owned());
    let with = |name: &str, value: Value| {
        let mut request = authorize("pi_1.1", &method, 900, true);
        request[name] = value;
        request
    };
    for request in [
        with("amount", json!(0)),
        with("amount", json!("900")),
        with("currency", json!("EUR")),
        with("unknown", json!(1)),
        with("return_url", json!("javascript:alert(1)")),
        with("kind", json!("steal")),
        void_key("pi_1.1", "pi_1.1"),
        json!([]),
    ] {
        assert_eq!(code(caller.perform(&request).await), (400, "invalid".to_owned()), "{request}");
    }
    let unknown = caller.perform(&authorize("pi_1.1", "card_unknown", 900, true)).await;
    assert_eq!(code(unknown), (404, "no_such_method".to_owned()));
    let unknown = caller.perform(&moves("capture", "pi_1.1", &json!("ref_unknown"), 900)).await;
    assert_eq!(code(unknown), (404, "no_such_reference".to_owned()));
    assert_eq!(code(caller.operation("pi_1.1").await), (404, "never_seen".to_owned()));
    let huge = json!({ "source": "x".repeat(70_000) });
    assert_eq!(caller.call(Method::POST, "/v1/methods", Some(&huge)).await.unwrap().0, 413);
    assert_eq!(caller.journal("").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_key_is_one_operation_however_many_bring_it_at_once() {
    let (_sandbox, caller, _database) = started().await;
    let method = caller.method("visa").await;
    let request = authorize("pi_1.1", &method, 900, true);
    let answers = join_all((0..32).map(|_| caller.done(&request))).await;
    let first = &answers[0];
    assert_eq!((&first["outcome"], &first["amount"]), (&json!("approved"), &json!(900)));
    assert!(answers.iter().all(|answer| answer == first), "{answers:?}");
    assert_eq!(caller.operation("pi_1.1").await, (200, first.clone()));
    let (status, conflict) = caller.perform(&authorize("pi_1.1", &method, 901, true)).await;
    assert_eq!((status, &conflict["error"]["code"]), (409, &json!("key_conflict")));
    let rows = caller.journal("").await;
    assert_eq!(told(&rows), [("authorize", "approved", 900), ("capture", "approved", 900)]);
    for (row, seq) in rows.iter().zip(1..) {
        assert_eq!(
            (&row["seq"], &row["key"], &row["currency"]),
            (&json!(seq), &json!("pi_1.1"), &json!("eur"))
        );
        assert_eq!(row["reference"], first["reference"]);
        let at = row["at"].as_str().unwrap();
        assert!(at.len() == 24 && at.ends_with('Z'), "{at}");
        assert_eq!(row.as_object().unwrap().len(), 8, "{row}");
    }
}

#[tokio::test]
async fn money_is_held_taken_in_part_and_given_back_and_the_journal_says_so() {
    let (_sandbox, caller, _database) = started().await;
    let method = caller.method("mastercard").await;
    let held = caller.done(&authorize("pi_1.1", &method, 900, false)).await;
    let reference = &held["reference"];
    let capture = caller.done(&moves("capture", "pi_1.2", reference, 600)).await;
    assert_eq!(
        (&capture["outcome"], &capture["amount"], &capture["reference"]),
        (&json!("approved"), &json!(600), reference)
    );
    let again = caller.done(&moves("capture", "pi_1.3", reference, 300)).await;
    assert_eq!(again["decline"]["code"], "charge_already_captured");
    caller.done(&moves("refund", "re_1.1", reference, 400)).await;
    let more = caller.done(&moves("refund", "re_2.1", reference, 201)).await;
    assert_eq!(more["decline"]["code"], "amount_too_large");
    caller.done(&moves("refund", "re_3.1", reference, 200)).await;
    let none = caller.done(&moves("refund", "re_4.1", reference, 1)).await;
    assert_eq!(none["decline"]["code"], "charge_already_refunded");
    let expected = [
        ("authorize", "approved", 900),
        ("capture", "approved", 600),
        ("capture", "declined", 300),
        ("refund", "approved", 400),
        ("refund", "declined", 201),
        ("refund", "approved", 200),
        ("refund", "declined", 1),
    ];
    let rows = caller.journal("").await;
    assert_eq!(told(&rows), expected);
    assert!(rows.iter().all(|row| &row["reference"] == reference), "{rows:?}");
    assert_eq!(caller.journal("?after=3").await, rows[3..]);
    assert_eq!(caller.journal("?key=re_1.1").await, rows[3..4]);
    assert_eq!(caller.journal("?key=re_1.1&after=4").await, Vec::<Value>::new());
    assert_eq!(caller.get("/journal?after=x").await.0, 400);
}

#[tokio::test]
async fn the_journal_is_read_whole_however_long_it_is() {
    let (_sandbox, caller, _database) = started().await;
    let method = caller.method("visa").await;
    let all: Vec<Value> = (0..700).map(|n| authorize(&format!("pi_{n}.1"), &method, 100, true)).collect();
    for some in all.chunks(50) {
        join_all(some.iter().map(|request| caller.done(request))).await;
    }
    let rows = caller.journal("").await;
    let numbers: Vec<i64> = rows.iter().map(|row| row["seq"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=1_400).collect::<Vec<_>>());
    let keys: BTreeSet<&str> = rows.iter().map(|row| row["key"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), 700);
    assert_eq!(caller.journal("?after=1399").await, rows[1_399..]);
}

#[tokio::test]
async fn a_void_by_key_undoes_what_was_done_and_refuses_what_comes_late() {
    let (_sandbox, caller, _database) = started().await;
    let method = caller.method("visa").await;
    let never = caller.done(&void_key("pi_1.2", "pi_1.1")).await;
    assert_eq!(never, json!({ "key": "pi_1.2", "reference": null, "outcome": "never" }));
    let late = caller.done(&authorize("pi_1.1", &method, 900, true)).await;
    assert_eq!(late, json!({ "key": "pi_1.1", "reference": null, "outcome": "never" }));
    assert_eq!(caller.operation("pi_1.1").await.1["outcome"], "never");
    let rows = caller.journal("").await;
    assert_eq!(told(&rows), [("void", "never", 0)]);
    assert_eq!((&rows[0]["key"], &rows[0]["reference"]), (&json!("pi_1.1"), &Value::Null));

    let held = caller.done(&authorize("pi_2.1", &method, 800, false)).await;
    let released = caller.done(&void_key("pi_2.2", "pi_2.1")).await;
    assert_eq!((&released["outcome"], &released["amount"]), (&json!("approved"), &json!(800)));
    assert_eq!(released["reference"], held["reference"]);
    let late = caller.done(&moves("capture", "pi_2.3", &held["reference"], 800)).await;
    assert_eq!(late["decline"]["code"], "charge_expired_for_capture");
    caller.done(&authorize("pi_3.1", &method, 700, true)).await;
    assert_eq!(caller.done(&void_key("pi_3.2", "pi_3.1")).await["amount"], 700);
    assert_eq!(told(&caller.journal("?key=pi_2.2").await), [("void", "approved", 800)]);
    assert_eq!(told(&caller.journal("?key=pi_3.2").await), [("refund", "approved", 700)]);
}

/// Posts the challenge's form. Returns the status, the address that it leads to, and the page.
async fn choose(url: &str, body: &'static str) -> (u16, String, String) {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    let client = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = client.post(url).header("content-type", "application/x-www-form-urlencoded").body(body);
    let answer = request.send().await.unwrap();
    let location = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
    (answer.status().as_u16(), location.unwrap_or_default(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_challenge_is_a_page_that_is_passed_or_failed() {
    let (_sandbox, caller, _database) = started().await;
    let method = caller.method("authenticationRequired").await;
    let asked = async |key: &str, return_url: Option<&str>| {
        let mut request = authorize(key, &method, 1_234, true);
        if let Some(url) = return_url {
            request["return_url"] = url.into();
        }
        let waits = caller.done(&request).await;
        assert_eq!(waits["outcome"], "action_required");
        waits["url"].as_str().unwrap().to_owned()
    };
    let passed = asked("pi_1.1", Some("https://shop.example/back?a=b")).await;
    let page = support::client::http().get(&passed).header("accept-language", "de").send().await.unwrap();
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    let page = page.text().await.unwrap();
    for part in [
        "<html lang=\"de\">",
        "12.34 EUR",
        "name=\"outcome\" value=\"pass\"",
        "name=\"outcome\" value=\"fail\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let (status, _, page) = choose(&passed, "outcome=maybe").await;
    assert!(status == 200 && page.contains("role=\"alert\""), "{page}");
    let (status, to, _) = choose(&passed, "outcome=pass").await;
    assert_eq!((status, to.as_str()), (303, "https://shop.example/back?a=b"));
    assert_eq!(caller.operation("pi_1.1").await.1["outcome"], "approved");
    assert_eq!(choose(&passed, "outcome=fail").await.0, 303, "it is over");
    assert_eq!(caller.operation("pi_1.1").await.1["amount"], 1_234);
    let rows = caller.journal("").await;
    let expected = [("authorize", "action_required"), ("authorize", "approved"), ("capture", "approved")];
    assert_eq!(told(&rows).iter().map(|row| (row.0, row.1)).collect::<Vec<_>>(), expected);
    assert!(rows.iter().all(|row| row["reference"] == rows[0]["reference"] && row["key"] == "pi_1.1"));

    let failed = asked("pi_2.1", None).await;
    let (status, _, page) = choose(&failed, "outcome=fail").await;
    assert!(status == 200 && page.contains("role=\"alert\""), "{page}");
    let (_, declined) = caller.operation("pi_2.1").await;
    assert_eq!(declined["decline"]["code"], "payment_intent_authentication_failure");
    let unknown = support::client::http().get(format!("{failed}x")).send().await.unwrap();
    assert_eq!(unknown.status(), 404);

    let mut alone = authorize("pi_3.1", &method, 1_234, true);
    alone["off_session"] = true.into();
    let declined = caller.done(&alone).await;
    assert_eq!(declined["decline"]["decline_code"], "authentication_required");
}

#[tokio::test]
async fn a_card_that_was_set_up_is_charged_without_its_buyer() {
    let (_sandbox, caller, _database) = started().await;
    let method = caller.method("authenticationRequiredOnSetup").await;
    let charge = async |key: &str| {
        let mut request = authorize(key, &method, 500, true);
        request["off_session"] = true.into();
        caller.done(&request).await["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(charge("pi_1.1").await, "declined");
    let attach = json!({ "kind": "attach", "key": "seti_1.1", "method": method, "on_session": true });
    let waits = caller.done(&attach).await;
    let url = waits["url"].as_str().unwrap();
    let (_, _, page) = choose(url, "outcome=pass").await;
    assert!(page.contains("role=\"status\""), "{page}");
    let attached = json!({ "key": "seti_1.1", "reference": null, "outcome": "approved", "amount": 0 });
    assert_eq!(caller.done(&attach).await, attached);
    assert_eq!(charge("pi_2.1").await, "approved");
    assert_eq!(caller.journal("?key=seti_1.1").await, Vec::<Value>::new(), "no money, no row");
}

/// However many are decided in one transaction.
#[tokio::test]
async fn what_was_taken_is_given_back_once_however_many_ask_together() {
    let (_sandbox, caller, database) = started().await;
    let method = caller.method("visa").await;
    let mut references = Vec::new();
    for n in 0..4 {
        let done = caller.done(&authorize(&format!("pi_{n}.1.1"), &method, 900, true)).await;
        references.push(done["reference"].clone());
    }
    // The sandbox can't decide meanwhile, so that the requests wait together.
    let mut admin = database.admin().await;
    let held = admin.transaction().await.unwrap();
    held.execute("select from sandbox.counter for update", &[]).await.unwrap();
    let asked: Vec<_> = (0..32)
        .map(|n| {
            let request = moves("refund", &format!("re_{n}.1.1"), &references[n % 4], 900);
            let caller = caller.clone();
            tokio::spawn(async move { caller.done(&request).await })
        })
        .collect();
    // They are sent before these are answered, which wait for nobody.
    for _ in 0..50 {
        caller.operation("pi_0.1.1").await;
    }
    held.commit().await.unwrap();
    let answers = join_all(asked).await.into_iter().map(Result::unwrap);
    let approved = answers.filter(|answer| answer["outcome"] == "approved").count();
    assert_eq!(approved, references.len(), "each once");
    let rows = caller.journal("").await;
    let back: i64 = rows
        .iter()
        .filter(|row| text(row, "kind") == "refund" && text(row, "outcome") == "approved")
        .map(amount)
        .sum();
    assert_eq!(back, 4 * 900);
}
