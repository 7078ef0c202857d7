//! HTTP below the API, over raw sockets: the refusals that RFC 9112 asks of a server, and the headers that
//! every answer has.

use support::System;
use support::client::send;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The whole answer to some bytes, until the connection is closed.
async fn answer(system: &System, request: &str) -> String {
    let mut stream = TcpStream::connect(system.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(support::PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection stays open: {request:?}");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_never_guessed_at() {
    let system = System::start().await;
    let close = "connection: close\r\n";
    let get = |headers: &str| format!("GET /healthz HTTP/1.1\r\n{close}{headers}\r\n");
    let post = |headers: &str, body: &str| {
        let key = system.client.key();
        format!(
            "POST /v1/customers HTTP/1.1\r\nhost: x\r\n{close}\
             authorization: Bearer {key}\r\n{headers}\r\n{body}"
        )
    };
    for request in [
        get(""),
        get("host: a\r\nhost: a\r\n"),
        get("host: a b\r\n"),
        get("host: u@a\r\n"),
        get("host: a:b\r\n"),
        get("host : a\r\n"),
        get("host: a\r\nx : y\r\n"),
        get("host: a\r\nx: y\r\n z\r\n"),
        get("host: a\r\nx: y\rz\r\n"),
        get("host: a\r\nx: \0\r\n"),
        get("host: a\r\n: y\r\n"),
        get("host: a\r\nnothing\r\n"),
        format!("GET /healthz\r\n{close}host: a\r\n\r\n"),
        format!("GET /healthz HTTP/1.2\r\n{close}host: a\r\n\r\n"),
        format!("GET  /healthz HTTP/1.1\r\n{close}host: a\r\n\r\n"),
        format!("GET /health z HTTP/1.1\r\n{close}host: a\r\n\r\n"),
        post("transfer-encoding: gzip\r\n", ""),
        post("transfer-encoding: chunked, gzip\r\n", "0\r\n\r\n"),
        post("transfer-encoding: chunked\r\n", "zz\r\nname=a\r\n0\r\n\r\n"),
        post("transfer-encoding: chunked\r\n", "fffffffffffffffff\r\nname=a\r\n0\r\n\r\n"),
        post("content-length: 4\r\ncontent-length: 5\r\n", "name="),
        post("content-length: 6, 6\r\n", "name=a"),
        post("content-length: +6\r\n", "name=a"),
        post("content-length: -6\r\n", "name=a"),
        post("content-length: \r\n", "name=a"),
    ] {
        let answer = answer(&system, &request).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{request:?}: {answer}");
    }
    let packed = post("transfer-encoding: gzip, chunked\r\n", "0\r\n\r\n");
    assert!(answer(&system, &packed).await.starts_with("HTTP/1.1 501 "));
    assert_eq!(system.database.number("select count(*) from calmony.event").await, 0, "nothing was done");
    let old = answer(&system, "GET /healthz HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200 "), "HTTP/1.0 has no Host: {old}");
    let whole = answer(&system, &format!("GET http://a/healthz HTTP/1.1\r\n{close}host: a\r\n\r\n")).await;
    assert!(whole.starts_with("HTTP/1.1 200 "), "a target may be a whole URL: {whole}");
}

/// A body with two lengths may be two requests to a proxy before us: the connection isn't used again.
#[tokio::test]
async fn a_body_with_two_lengths_is_the_last_of_its_connection() {
    let system = System::start().await;
    let key = system.client.key();
    let head = format!("POST /v1/customers HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n");
    let (chunked, length) = ("transfer-encoding: chunked\r\n", "content-length: 4\r\n");
    for headers in [format!("{chunked}{length}"), format!("{length}{chunked}")] {
        let second = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
        let request = format!("{head}{headers}\r\n6\r\nname=a\r\n0\r\n\r\n{second}");
        let answer = answer(&system, &request).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
}

#[tokio::test]
async fn answers_are_not_cached_or_sniffed_and_401_says_how_to_show_a_key() {
    let system = System::start().await;
    let id = system.client.customer("Ada").await;
    let stranger = support::Client::new(&system.url, "");
    for (client, path, status) in [
        (&system.client, format!("/v1/customers/{id}"), 200),
        (&system.client, "/v1/customers?limit=0".to_owned(), 400),
        (&system.client, "/v1/nothing".to_owned(), 404),
        (&stranger, "/v1/customers".to_owned(), 401),
    ] {
        let answer = client.get(&path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(challenges.len(), if status == 401 { 2 } else { 0 }, "{path}");
        assert!(challenges.iter().all(|challenge| challenge.to_str().unwrap().contains("realm=")), "{path}");
    }
}

/// An answer repeats little of a request in its body and its headers, however much a caller sends.
#[tokio::test]
async fn what_an_answer_repeats_is_bounded() {
    let system = System::start().await;
    let (long, path) = ("x".repeat(12_000), "/v1/customers");
    let (client, stranger) = (&system.client, support::Client::new(&system.url, ""));
    let get = |path: String| client.request(reqwest::Method::GET, &path);
    let post = |kind: &str, body: String| {
        client.request(reqwest::Method::POST, path).header("content-type", kind).body(body)
    };
    let (form, json) = ("application/x-www-form-urlencoded", "application/json");
    for request in [
        get(format!("/v1/{long}")),
        get(format!("{path}/{long}")),
        get(format!("{path}?{long}=1")),
        get(format!("{path}?starting_after={long}")),
        get(format!("{path}?created={long}")),
        get(format!("{path}?limit={long}")),
        get(format!("{path}?expand[]={long}")),
        get(format!("{path}/search?query={long}:'a'")),
        get(format!("{path}/search?query=name:'a'&page={long}")),
        get(format!("/v1/events?object={long}")),
        get(format!("/v1/events?request={long}")),
        get(format!("/v1/events/stream?last_event_id={long}")),
        get(path.to_owned()).header("stripe-version", format!("2026-10-28.{long}")),
        stranger.request(reqwest::Method::GET, path).header("authorization", format!("Bearer {long}")),
        client.request(reqwest::Method::from_bytes(&long.as_bytes()[..5_000]).unwrap(), path),
        post(form, format!("{long}=1")),
        post(form, format!("{long}[=1")),
        post(form, format!("a=1&a[{long}]=1")),
        post(form, format!("metadata[{long}]=1")),
        post(form, format!("address[{long}]=1")),
        post(form, format!("tax_exempt={long}")),
        post(form, format!("invoice_settings[default_payment_method]={long}")),
        post(json, format!("{{\"{long}\":1}}")),
        post(json, format!("{{\"{long}\":1,\"{long}\":1}}")),
        post(json, format!("{{\"metadata\":{{\"{long}\":1}}}}")),
        post(json, format!("{{\"name\":{long}}}")),
        post(&long, "name=a".to_owned()),
        post(form, "name=a".to_owned()).header("content-encoding", &long),
        post(form, "name=a".to_owned()).header("idempotency-key", &long),
    ] {
        let shown: String = format!("{request:?}").chars().take(120).collect();
        let answer = send(request).await;
        assert!((400..500).contains(&answer.status), "{} to {shown}", answer.status);
        assert!(answer.text.len() < 2_000, "{} bytes to {shown}", answer.text.len());
        let headers: usize =
            answer.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        assert!(headers < 1_500, "{headers} bytes of headers to {shown}");
    }
}
