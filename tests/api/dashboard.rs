//! The dashboard against attacks: without a session, from other sites, from other accounts, and by text
//! that is markup. Its use by people is tested in `tests/browser`.

use std::time::{Duration, Instant, SystemTime};

use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use calmony_pay::log::accounts::create_key;
use calmony_pay::secret::KeyKind;
use reqwest::{Client, Method, RequestBuilder, Response};
use support::{Database, System, eventually};

/// A browser without a screen.
pub(crate) struct Browser {
    client: Client,
    url: String,
    cookie: String,
}

impl Browser {
    /// Signs in with a key.
    pub(crate) async fn signed_in(system: &System, key: &str) -> Self {
        Self::at(&system.url, key).await
    }

    /// Signs in with a key at that address.
    pub(crate) async fn at(url: &str, key: &str) -> Self {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut browser = Self { client, url: url.to_owned(), cookie: String::new() };
        let form = browser.request(Method::POST, "/dashboard/sign-in", &[("key", key)]);
        let answer = form.send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), header(&answer, LOCATION.as_str())),
            (303, "/dashboard".to_owned())
        );
        let cookie = header(&answer, SET_COOKIE.as_str());
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains(key));
        cookie.split(';').next().unwrap().clone_into(&mut browser.cookie);
        browser
    }

    /// A thief with a copy of the session's cookie, at that process.
    fn copied_to(&self, system: &System) -> Self {
        Self { client: self.client.clone(), url: system.url.clone(), cookie: self.cookie.clone() }
    }

    fn request(&self, method: Method, path: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let text = url_encoded(form);
        let request = self.client.request(method, format!("{}{path}", self.url)).body(text);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        if self.cookie.is_empty() { request } else { request.header(COOKIE, &self.cookie) }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.request(Method::GET, path, &[]).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, String) {
        let answer = self.request(Method::POST, path, form).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The token that a form of this session has to send.
    pub(crate) async fn token(&self) -> String {
        let (_, page) = self.get("/dashboard").await;
        let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

fn url_encoded(form: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

#[tokio::test]
async fn nothing_is_shown_to_whoever_has_not_signed_in() {
    let system = System::start().await;
    let customer = system.client.customer("Ada").await;
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for path in [
        "/dashboard",
        "/dashboard/overview.json",
        "/dashboard/events",
        "/dashboard/find?id=cus",
        &format!("/dashboard/customers/{customer}"),
    ] {
        for cookie in ["", "calmony_session=abc", "calmony_session=abc.def", "calmony_session=."] {
            let request = client.get(format!("{}{path}", system.url)).header(COOKIE, cookie);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 303, "{path} {cookie}");
            assert!(header(&answer, LOCATION.as_str()).starts_with("/dashboard/sign-in?next="));
            assert!(!answer.text().await.unwrap().contains(&customer));
        }
    }
    let wrong = client.post(format!("{}/dashboard/sign-in", system.url)).body("key=sk_test_wrong");
    let wrong = wrong.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    assert_eq!((wrong.status().as_u16(), header(&wrong, SET_COOKIE.as_str())), (401, String::new()));
    for body in ["", "nonsense", "key=%ff", "key=%00", "key=%0a", "key=sk_test_%7fx"] {
        let answer = client.post(format!("{}/dashboard/sign-in", system.url)).body(body);
        let answer = answer.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        assert!((400..500).contains(&answer.status().as_u16()), "{body}: {}", answer.status());
    }
}

#[tokio::test]
async fn every_page_forbids_what_is_not_from_here() {
    let system = System::start().await;
    let browser = Browser::signed_in(&system, system.client.key()).await;
    for path in
        ["/dashboard", "/dashboard/sign-in", "/dashboard/assets/dashboard.js", "/dashboard/events/evt_x"]
    {
        let answer = browser.request(Method::GET, path, &[]).send().await.unwrap();
        let policy = header(&answer, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header(&answer, "x-frame-options"), "DENY");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        assert_eq!(header(&answer, "cache-control").contains("no-store"), !path.contains("assets"), "{path}");
    }
}

#[tokio::test]
async fn a_form_of_another_site_or_session_does_nothing() {
    let system = System::start().await;
    let (endpoint, _) = system.client.endpoint("http://127.0.0.1:9999/", &["*"]).await;
    let browser = Browser::signed_in(&system, system.client.key()).await;
    let token = browser.token().await;
    let other = Browser::signed_in(&system, system.client.key()).await.token().await;
    let path = format!("/dashboard/endpoints/{endpoint}/change");
    for wrong in ["", "x", &other] {
        assert_eq!(browser.post(&path, &[("change", "pause"), ("token", wrong)]).await.0, 400, "{wrong}");
    }
    assert_eq!(browser.post(&path, &[("change", "pause")]).await.0, 400);
    let elsewhere = browser.request(Method::POST, &path, &[("change", "pause"), ("token", &token)]);
    let elsewhere = elsewhere.header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(elsewhere.status().as_u16(), 400);
    let shown = async || system.client.get(&format!("/v1/webhook_endpoints/{endpoint}")).await.ok();
    assert_eq!(shown().await["paused"], false);
    assert_eq!(browser.post(&path, &[("change", "pause"), ("token", &token)]).await.0, 303);
    assert_eq!(shown().await["paused"], true);
    assert_eq!(browser.get(&path).await.0, 405, "a link does nothing");
}

#[tokio::test]
async fn a_session_can_do_what_its_key_can_and_no_more() {
    let system = System::start().await;
    let customer = system.client.customer("<script>alert(1)</script>").await;
    let (endpoint, _) = system.client.endpoint("http://127.0.0.1:9999/", &["*"]).await;
    let other = Browser::signed_in(&system, &system.other_key).await;
    for path in [format!("customers/{customer}"), format!("endpoints/{endpoint}")] {
        let (status, page) = other.get(&format!("/dashboard/{path}")).await;
        assert!(status == 404 && page.contains("That was not done"), "{path}: {status}");
    }
    let (_, found) = other.get("/dashboard/find?id=cus_").await;
    assert!(!found.contains(&customer));
    let token = other.token().await;
    let change = [("change", "pause"), ("token", token.as_str())];
    assert_eq!(other.post(&format!("/dashboard/endpoints/{endpoint}/change"), &change).await.0, 404);

    let own = Browser::signed_in(&system, system.client.key()).await;
    let (_, page) = own.get(&format!("/dashboard/customers/{customer}")).await;
    assert!(page.contains("alert(1)") && !page.contains("<script>alert"), "text is no markup");
    for odd in ["%3Cscript%3E", "..%2f..%2fhealthz", "cus_%00", "%ff"] {
        for part in ["customers", "events", "endpoints", "replays"] {
            let (status, page) = own.get(&format!("/dashboard/{part}/{odd}")).await;
            assert!((400..500).contains(&status) && !page.contains("<script>"), "{part}/{odd}: {status}");
        }
    }
    for query in [
        "events?type=%00",
        "events?delivery_success=maybe",
        "customers?q=%27%27%27",
        "find?id=%ff",
        "overview.json?after=%00",
        "overview.json?after=evt_x",
    ] {
        let (status, _) = own.get(&format!("/dashboard/{query}")).await;
        assert!(status < 500, "{query}: {status}");
    }
    // People get a page, from any layer that refuses a request.
    let long = "x".repeat(100_000);
    for (method, path, body, status) in [
        (Method::GET, "nothing/here", "", 404),
        (Method::PUT, "events", "", 405),
        (Method::GET, "overview.json?seconds=x", "", 400),
        (Method::POST, "sign-in", "nonsense", 422),
        (Method::POST, "sign-in", long.as_str(), 413),
    ] {
        let answer = own
            .request(method, &format!("/dashboard/{path}"), &[])
            .body(body.to_owned())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert!(answer.text().await.unwrap().starts_with("<!doctype html>"), "{path}");
    }

    let kind = KeyKind { readonly: true, ..KeyKind::default() };
    let key = create_key(&system.database.url.parse().unwrap(), "first", kind, None).await.unwrap();
    let reads = Browser::signed_in(&system, key.reveal()).await;
    let token = reads.token().await;
    let change = [("change", "pause"), ("token", token.as_str())];
    assert_eq!(reads.get(&format!("/dashboard/endpoints/{endpoint}")).await.0, 200);
    assert_eq!(reads.post(&format!("/dashboard/endpoints/{endpoint}/change"), &change).await.0, 403);
}

#[tokio::test]
async fn a_session_ends_with_its_key() {
    let system = System::start().await;
    let browser = Browser::signed_in(&system, system.client.key()).await;
    assert_eq!(browser.get("/dashboard").await.0, 200);
    let admin = system.database.admin().await;
    admin.batch_execute("update calmony.api_key set revoked_at = now()").await.unwrap();
    eventually("the session is over", async || (browser.get("/dashboard").await.0 == 303).then_some(()))
        .await;
}

#[tokio::test]
async fn signing_out_ends_the_session_wherever_a_copy_of_it_is() {
    let system = System::start().await;
    let beside = System::on(Database { url: system.database.url.clone() }).await;
    let browser = Browser::signed_in(&system, system.client.key()).await;
    let another = Browser::signed_in(&system, system.client.key()).await;
    let copies = [browser.copied_to(&system), browser.copied_to(&beside)];
    // A session that was just used may be trusted for a moment.
    for copy in &copies {
        assert_eq!(copy.get("/dashboard").await.0, 200);
    }
    let token = browser.token().await;
    assert_eq!(browser.post("/dashboard/sign-out", &[("token", "x")]).await.0, 400);
    assert_eq!(browser.post("/dashboard/sign-out", &[("token", &token)]).await.0, 303);
    let since = Instant::now();
    assert_eq!(copies[0].get("/dashboard").await.0, 303, "at once where it was ended");
    eventually("the end is heard of at the other process", async || {
        (copies[1].get("/dashboard").await.0 == 303).then_some(())
    })
    .await;
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    let form = [("key", "once"), ("token", token.as_str())];
    assert_eq!(copies[1].post("/dashboard/sign-out", &form).await.0, 303);
    for process in [&system, &beside] {
        assert_eq!(another.copied_to(process).get("/dashboard").await.0, 200, "another one of the same key");
    }
    assert_eq!(system.database.number("select count(*) from calmony.ended_session").await, 1);
}

#[tokio::test]
async fn very_many_ended_sessions_of_a_key_take_little_room_and_stay_ended() {
    let system = System::start().await;
    let early = Browser::signed_in(&system, system.client.key()).await;
    assert_eq!(early.get("/dashboard").await.0, 200);
    let (admin, api) = (system.database.admin().await, system.database.login_in("calmony_api").await);
    let of_key = "select account, id, date_trunc('second', now()) + interval '13 hours' \
                    from calmony.api_key order by id limit 1";
    let row = admin.query_one(of_key, &[]).await.unwrap();
    let (account, key, base): (i64, i64, SystemTime) = (row.get(0), row.get(1), row.get(2));
    let over = "insert into calmony.ended_session (account, key, hash, until) \
                values ($1, $2, sha256('over'), now() - interval '2 days')";
    admin.execute(over, &[&account, &key]).await.unwrap();
    // They end later than the first one, as they would if they had begun later.
    let end = "select calmony.end_session($1, $2, sha256(n::text::bytea), \
                                          $3::timestamptz + n * interval '1 second') \
                 from generate_series(1, 300) n";
    assert_eq!(api.query(end, &[&account, &key, &base]).await.unwrap().len(), 300);
    let rows = async |which: &str| {
        system.database.number(&format!("select count(*) from calmony.ended_session where {which}")).await
    };
    assert_eq!((rows("hash <> ''").await, rows("hash = ''").await), (100, 1));
    assert_eq!(rows("until < now()").await, 0, "what has ended by itself goes");
    let looked_up = include_str!("../../src/read/sql/session_ended.sql");
    let hash = "select sha256($1::text::bytea)";
    for n in [1, 150, 200, 201, 300] {
        let until = base + Duration::from_secs(n);
        let hash: Vec<u8> = admin.query_one(hash, &[&n.to_string()]).await.unwrap().get(0);
        let row = admin.query_one(looked_up, &[&account, &key, &hash, &until]).await.unwrap();
        assert!(row.get::<_, bool>(0), "{n}");
    }
    eventually("who signed in before all of them signs in again", async || {
        (early.get("/dashboard").await.0 == 303).then_some(())
    })
    .await;
    let late = Browser::signed_in(&system, &system.other_key).await;
    assert_eq!(late.get("/dashboard").await.0, 200, "another key's sessions are nobody's business");
    for (account, key) in [(account, key + 1_000), (account + 1_000, key)] {
        let refused = api.query(end, &[&account, &key, &base]).await.unwrap_err();
        assert_eq!(refused.as_db_error().unwrap().constraint(), Some("ended_session_is_of_a_key"));
    }
}

#[tokio::test]
async fn figures_of_very_many_attempts_are_estimated_from_the_last_of_them() {
    let system = System::start().await;
    let browser = Browser::signed_in(&system, system.client.key()).await;
    let admin = system.database.admin().await;
    // `apart` microseconds apart, every tenth of another account; one in fifty fails. None before today
    // (UTC).
    let attempts = async |count: i32, apart: i32, takes: i32| {
        let sql = "insert into calmony.attempt \
                          (account, position, endpoint, number, started_at, duration_us, error) \
                   select case when n % 10 = 0 then 2 else 1 end, n, 'we', 1, \
                          began + n * $2 * interval '1 microsecond', $3, \
                          case when n % 50 = 1 then 'refused' end \
                     from generate_series(1, $1) n, \
                          greatest(now() - interval '30 seconds', date_trunc('day', now(), 'UTC')) as began";
        admin.execute(sql, &[&count, &apart, &takes]).await.unwrap();
    };
    let slices = async || {
        let (status, text) = browser.get("/dashboard/overview.json?seconds=600").await;
        assert_eq!(status, 200, "{text}");
        let figures: serde_json::Value = serde_json::from_str(&text).unwrap();
        let number = |slice: &serde_json::Value, name: &str| slice[name].as_i64().unwrap();
        let slices = figures["attempts"].as_array().unwrap().iter();
        slices.map(|slice| (number(slice, "count"), number(slice, "taken"))).collect::<Vec<_>>()
    };
    assert!(slices().await.is_empty());
    attempts(200, 10_000, 1_000).await;
    let counted = slices().await;
    assert_eq!(counted.iter().map(|(count, _)| count).sum::<i64>(), 180);
    assert_eq!(counted.iter().map(|(_, taken)| taken).sum::<i64>(), 176);
    // 25 s of attempts, of which only a part is read. The figure is 9,000 a second, without the last five
    // seconds, which aren't over. The same holds for a slow receiver, and all attempts are on the pages
    // that are read.
    for takes in [1_000, 8_000_000] {
        admin.batch_execute("truncate calmony.attempt").await.unwrap();
        attempts(250_000, 100, takes).await;
        let all = slices().await;
        let (_, over) = all.split_last().unwrap();
        assert!(!over.is_empty());
        for (count, taken) in over {
            assert!((43_000..47_000).contains(count), "{count}");
            let failed = count - taken;
            assert!((count / 66..count / 40).contains(&failed), "{failed} of {count}");
        }
    }
}
