//! Each class of failure, with a receiver that causes it: an attempt's record tells the failure truly,
//! and its place.

use std::collections::BTreeSet;
use std::time::Duration;

use calmony_pay::cli::dev::cluster::free_port;
use calmony_pay::contract::AttemptError;
use support::raw::{RawReceiver, read_request};
use support::{Receiver, Reply, System, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// The time limit of an attempt here.
const LIMIT: Duration = Duration::from_secs(2);

/// The truth about an attempt.
struct Case {
    name: &'static str,
    url: String,
    error: &'static str,
    /// Name look-up, connection, TLS and first byte: `-` for none, `x` for some time, `!` for all the rest
    /// of the time.
    phases: &'static str,
}

fn case(name: &'static str, url: impl Into<String>, error: &'static str, phases: &'static str) -> Case {
    Case { name, url: url.into(), error, phases }
}

/// A receiver that reads a request and answers it with these bytes, and then closes the connection.
async fn answering(bytes: impl Into<Vec<u8>>) -> RawReceiver {
    let bytes = bytes.into();
    RawReceiver::start(move |mut stream| {
        let bytes = bytes.clone();
        async move {
            read_request(&mut stream).await;
            // The reader may be gone when it has read enough.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

/// The fate of a TLS handshake.
#[derive(Clone, Copy)]
enum Handshake {
    Nonsense,
    Ends,
    Breaks,
    Stalls,
}

/// A receiver that treats each connection so, once a few bytes have come.
async fn in_the_handshake(how: Handshake) -> RawReceiver {
    RawReceiver::start(move |mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        match how {
            Handshake::Nonsense => {
                let _ = stream.write_all(b"220 smtp.example.com ready\r\n").await;
                std::future::pending::<()>().await;
            }
            Handshake::Ends => stream.shutdown().await.unwrap(),
            Handshake::Breaks => stream.set_zero_linger().unwrap(),
            Handshake::Stalls => std::future::pending().await,
        }
    })
    .await
}

/// An address at which no connection is accepted: its queue is full.
async fn full() -> (String, impl Sized) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let waiting: Vec<_> = (0..4).map(|_| tokio::spawn(TcpStream::connect(address))).collect();
    eventually("two connections wait", async || {
        (waiting.iter().filter(|one| one.is_finished()).count() >= 2).then_some(())
    })
    .await;
    (address.to_string(), (listener, waiting))
}

/// Makes an endpoint, and leads it to a URL that the API may refuse: a stored URL may be older than the
/// rule that refuses it.
async fn lead(system: &System, url: &str) -> String {
    let (id, _) = system.client.endpoint("https://example.com/", &["customer.created"]).await;
    let admin = system.database.admin().await;
    admin.execute("update calmony.endpoint set url = $1 where id = $2", &[&url, &id]).await.unwrap();
    id
}

/// The class of an endpoint's only attempt, and its phases in microseconds with the whole.
async fn attempt(system: &System, endpoint: &str) -> (String, [Option<i32>; 5]) {
    let admin = system.database.admin().await;
    let sql = "select error, dns_us, connect_us, tls_us, first_byte_us, duration_us from calmony.attempt \
               where endpoint = $1";
    let row = eventually("an attempt", async || admin.query_opt(sql, &[&endpoint]).await.unwrap()).await;
    (row.get::<_, Option<String>>(0).unwrap_or_default(), [1, 2, 3, 4, 5].map(|column| row.get(column)))
}

fn check(case: &Case, error: &str, phases: [Option<i32>; 5]) {
    let Case { name, phases: expected, .. } = case;
    assert_eq!(error, case.error, "{name}: {phases:?}");
    let total = phases[4].unwrap();
    for (phase, expected) in phases.iter().zip(expected.chars()) {
        let fits = match expected {
            '-' => phase.is_none(),
            // Half a second is for other work of the machine.
            '!' => phase.is_some_and(|us| us > total - 500_000 && us <= total),
            _ => phase.is_some_and(|us| us <= total),
        };
        assert!(fits, "{name}: {phases:?} is not {}", case.phases);
    }
    assert!(total < 3_000_000, "{name}: {phases:?}");
}

#[tokio::test]
async fn what_an_attempt_says_is_what_happened() {
    let system = System::start().await;
    let limit = format!("{}s", LIMIT.as_secs());
    let options = [("CALMONY_RETRY_SCHEDULE", "1h"), ("CALMONY_ATTEMPT_TIMEOUT", limit.as_str())];
    let status = Receiver::behaving(|_| Reply::Status(500)).await;
    let silent = Receiver::behaving(|_| Reply::Never).await;
    let takes = Receiver::start().await;
    let occupied = takes.url.trim_start_matches("http://").to_owned();
    let closes = answering("").await;
    let resets = RawReceiver::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    let partly = answering("HTTP/1.1 200 OK\r\nContent-Le").await;
    let no_http = answering("220 smtp.example.com ready\r\n\r\n").await;
    let no_status = answering("HTTP/1.1 abc\r\n\r\n").await;
    let broken = answering("HTTP/1.1 200 OK\r\nno colon\r\n\r\n").await;
    let long = answering(format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n", "x".repeat(2_000_000))).await;
    let no_tls = in_the_handshake(Handshake::Nonsense).await;
    let ends = in_the_handshake(Handshake::Ends).await;
    let breaks = in_the_handshake(Handshake::Breaks).await;
    let stalls = in_the_handshake(Handshake::Stalls).await;
    let (full, _held) = full().await;
    let nobody = free_port().unwrap();
    let cases = [
        case("occupied", format!(" HTTP://{occupied} "), "", "-x-x"),
        case("status", &status.url, "status", "-x-x"),
        case("silent", &silent.url, "timeout", "-x--"),
        case("refused", format!("http://127.0.0.1:{nobody}/"), "connect", "-x--"),
        case("nobody takes it", format!("http://{full}/"), "timeout", "-!--"),
        case("no such name", format!("http://{}.example/", "x".repeat(64)), "dns", "x---"),
        case("a private address", "http://10.0.0.1/", "forbidden_address", "----"),
        case("a low port", "http://127.0.0.1:22/", "forbidden_port", "----"),
        case("no URL", "nonsense", "url", "----"),
        case("another scheme", "ftp://127.0.0.1:4242/", "url", "----"),
        case("closes", format!("http://{}/", closes.address), "connection_lost", "-x--"),
        case("resets", format!("http://{}/", resets.address), "connection_lost", "-x--"),
        case("ends within the head", format!("http://{}/", partly.address), "connection_lost", "-x--"),
        case("no HTTP", format!("http://{}/", no_http.address), "invalid_response", "-x--"),
        case("no status", format!("http://{}/", no_status.address), "invalid_response", "-x--"),
        case("a broken head", format!("http://{}/", broken.address), "invalid_response", "-x--"),
        case("a long head", format!("http://{}/", long.address), "invalid_response", "-x--"),
        case("no TLS", format!("https://{}/", no_tls.address), "tls", "-xx-"),
        case("ends within TLS", format!("https://{}/", ends.address), "tls", "-xx-"),
        case("resets within TLS", format!("https://{}/", breaks.address), "tls", "-xx-"),
        case("stalls within TLS", format!("https://{}/", stalls.address), "timeout", "-x!-"),
    ];
    let mut endpoints = Vec::new();
    for case in &cases {
        endpoints.push(lead(&system, &case.url).await);
    }
    let _worker = system.worker_with(&options).await;
    system.client.customer("Ada").await;
    let mut seen = BTreeSet::new();
    for (case, endpoint) in cases.iter().zip(&endpoints) {
        let (error, phases) = attempt(&system, endpoint).await;
        check(case, &error, phases);
        seen.insert(error);
    }
    // A defect of ours has no receiver that causes it.
    seen.insert(AttemptError::Internal.as_str().to_owned());
    let known = AttemptError::ALL.iter().map(|class| class.as_str());
    for class in known {
        assert!(seen.contains(class), "nothing causes {class}");
    }
}

/// The guide for the operators of receivers has all classes, with their meanings.
#[test]
fn every_class_is_in_the_guide() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/DELIVERY.md");
    let guide = std::fs::read_to_string(path).unwrap();
    for class in AttemptError::ALL {
        let line = format!("| `{}` | {} |", class.as_str(), class.meaning());
        assert!(guide.contains(&line), "{line}");
    }
}
