//! The client against processors that don't behave: nothing of their answers is believed or passed on, and
//! everything ends at the deadline.

use std::time::{Duration, Instant};

use calmony_pay::processor::{Answer, Authorize, Inquiry, NewMethod, Processor, Request, Tokenized};
use futures_util::future::join_all;
use serde_json::json;
use support::PATIENCE;
use support::raw::RawReceiver;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SECRET: &str = "a-secret-that-nobody-reads";
/// A text of a hostile processor, which must not come out of the client.
const THEIRS: &str = "HOSTILETEXT";
const DEADLINE: Duration = Duration::from_millis(700);
const KEY: &str = "pi_1.1";

fn processor(url: &str, deadline: Duration) -> Processor {
    Processor::new(&url.parse().unwrap(), &SECRET.into(), deadline).unwrap()
}

fn authorize() -> Request {
    Request::Authorize(Authorize {
        key: KEY.to_owned(),
        method: "m".to_owned(),
        amount: 1_000,
        currency: "usd".to_owned(),
        capture: true,
        off_session: true,
        return_url: None,
    })
}

/// An answer with that status and body.
fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn approved(key: &str) -> String {
    json!({ "key": key, "reference": THEIRS, "outcome": "approved", "amount": 1_000 }).to_string()
}

/// Reads the head of a request, and the part of its body that came with it.
async fn heard(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    let mut part = [0; 4_096];
    while !seen.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(length) if length > 0 => seen.extend_from_slice(&part[..length]),
            _ => return,
        }
    }
}

/// A processor that answers every request with these bytes and then says nothing more.
async fn saying(bytes: String) -> RawReceiver {
    RawReceiver::start(move |mut stream| {
        let bytes = bytes.clone();
        async move {
            heard(&mut stream).await;
            // The client may hang up before the end of a large answer.
            let _ = stream.write_all(bytes.as_bytes()).await;
            std::future::pending::<()>().await;
        }
    })
    .await
}

/// Asks everything. Returns the reasons that nothing is known.
async fn reasons(url: &str, about: &str) -> Vec<String> {
    let processor = processor(url, DEADLINE);
    let began = Instant::now();
    let Answer::Unknown(first) = processor.perform(&authorize()).await else { panic!("{about}: performed") };
    let Inquiry::CantTell(second) = processor.inquire(KEY).await else { panic!("{about}: told") };
    let source = NewMethod::Source("s".to_owned());
    let Tokenized::Unavailable(third) = processor.tokenize(source).await else { panic!("{about}: made") };
    let fourth = processor.capabilities().await.expect_err(about);
    assert!(began.elapsed() < DEADLINE * 4 + PATIENCE / 3, "{about}: {:?}", began.elapsed());
    vec![first, second, third, fourth]
}

#[tokio::test]
async fn an_answer_that_is_none_is_unknown_and_nothing_of_it_is_passed_on() {
    let large = "x".repeat(10 << 20);
    let page = format!("<html><h1>502 {THEIRS}</h1></html>");
    let cases = [
        ("silence", String::new()),
        ("half a head", "HTTP/1.1 200 OK\r\ncontent-le".to_owned()),
        ("half a body", http("200 OK", &approved(KEY)).replace("-length: ", "-length: 1")),
        ("10 MB", http("200 OK", &large)),
        ("10 MB of JSON", http("200 OK", &approved(KEY).replace(THEIRS, &large))),
        ("a page of a gateway", http("502 Bad Gateway", &page)),
        ("a page with 200", http("200 OK", &page)),
        ("a gateway's word for it", http("502 Bad Gateway", &approved(KEY))),
        ("another key", http("200 OK", &approved("pi_1.2"))),
        ("another shape", http("200 OK", &json!({ "id": THEIRS, "status": "succeeded" }).to_string())),
        ("an error with 200", http("200 OK", &json!({ "error": { "code": "invalid" } }).to_string())),
        ("an error of another protocol", http("404 Not Found", &json!({ "error": THEIRS }).to_string())),
        ("a wrong secret", http("401 Unauthorized", &json!({ "error": { "code": THEIRS } }).to_string())),
        ("no HTTP", format!("220 {THEIRS} ESMTP\r\n")),
        ("an empty answer", http("200 OK", "")),
        ("nothing to say", "HTTP/1.1 204 No Content\r\n\r\n".to_owned()),
    ];
    let tried = cases.into_iter().map(async |(about, bytes)| {
        let receiver = saying(bytes).await;
        for reason in reasons(&format!("http://{}", receiver.address), about).await {
            assert!(!reason.contains(THEIRS) && !reason.contains(SECRET), "{about}: {reason}");
            assert!(!reason.is_empty() && reason.len() < 150, "{about}: {reason}");
        }
    });
    join_all(tried).await;
}

#[tokio::test]
async fn a_connection_that_breaks_or_was_never_made_is_unknown() {
    let closing = RawReceiver::start(async |stream: TcpStream| drop(stream)).await;
    reasons(&format!("http://{}", closing.address), "closed at once").await;
    let leaving = RawReceiver::start(async |mut stream: TcpStream| heard(&mut stream).await).await;
    reasons(&format!("http://{}", leaving.address), "closed after the request").await;
    let plain = RawReceiver::start(async |mut stream: TcpStream| {
        let _ = stream.write_all(http("200 OK", &approved(KEY)).as_bytes()).await;
        heard(&mut stream).await;
    })
    .await;
    for url in [format!("https://{}", plain.address), "http://127.0.0.1:1".to_owned()] {
        let told = reasons(&url, "no connection").await;
        assert!(told.iter().all(|reason| reason == "no connection could be made"), "{url}: {told:?}");
    }
    reasons("http://no-such-host.invalid", "no such name").await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = saying(http("200 OK", &approved(KEY))).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent"] {
        let to =
            format!("HTTP/1.1 {status}\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n", other.address);
        let receiver = saying(to).await;
        reasons(&format!("http://{}", receiver.address), status).await;
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn one_account_leaves_calls_for_the_others_and_waits_end_at_the_deadline() {
    let (arrived, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    let silent = RawReceiver::start(move |mut stream| {
        let arrived = arrived.clone();
        async move {
            heard(&mut stream).await;
            let _ = arrived.send(());
            std::future::pending::<()>().await;
        }
    })
    .await;
    let processor = processor(&format!("http://{}", silent.address), Duration::from_secs(5));
    let began = Instant::now();
    let greedy = processor.on_behalf_of(1);
    let all =
        tokio::spawn(
            async move { join_all((0..40).map(async |_| greedy.perform(&authorize()).await)).await },
        );
    for _ in 0..16 {
        tokio::time::timeout(PATIENCE, arrivals.recv()).await.unwrap().unwrap();
    }
    let other = processor.on_behalf_of(2);
    let other = tokio::spawn(async move { other.inquire(KEY).await });
    // The seventeenth is the other account's: it has a place while the first one's others wait.
    tokio::time::timeout(PATIENCE, arrivals.recv()).await.unwrap().unwrap();
    assert!(!all.is_finished() && silent.connections() == 17, "{}", silent.connections());
    let all = all.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let unsent = |answer: &&Answer| matches!(answer, Answer::Unknown(why) if why.contains("wasn't sent"));
    assert_eq!(all.iter().filter(unsent).count(), 24, "{all:?}");
    assert!(matches!(other.await.unwrap(), Inquiry::CantTell(_)));
}

#[tokio::test]
async fn a_secret_is_not_shown_and_has_no_place_in_a_url() {
    let shown = processor("https://p.example/base", DEADLINE);
    assert!(!format!("{shown:?}").contains(SECRET), "{shown:?}");
    for (url, secret) in [("https://u:p@p.example", SECRET), ("https://p.example", "two\nlines")] {
        assert!(Processor::new(&url.parse().unwrap(), &secret.into(), DEADLINE).is_err(), "{url}");
    }
}
