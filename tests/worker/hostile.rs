//! Receivers that misbehave below HTTP. Each costs its own endpoint an attempt, and no other endpoint
//! anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use support::raw::{RawReceiver, read_request};
use support::{System, Worker, eventually};
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

/// A system whose attempts end after two seconds and aren't repeated, with an endpoint at that URL and one
/// event for it.
async fn attempted(url: &str, environment: &[(&'static str, &str)]) -> (System, Worker, Attempt) {
    let system = System::start().await;
    let mut options = vec![("CALMONY_RETRY_SCHEDULE", "1h"), ("CALMONY_ATTEMPT_TIMEOUT", "2s")];
    options.extend(environment);
    let worker = system.worker_with(&options).await;
    system.client.endpoint(url, &["customer.created"]).await;
    system.client.customer("Ada").await;
    let admin = system.database.admin().await;
    let sql = "select error, status, response, truncated, duration_us, tls_us, connect_us, dns_us \
               from calmony.attempt";
    let row = eventually("an attempt", async || admin.query_opt(sql, &[]).await.unwrap()).await;
    let attempt = Attempt {
        error: row.get::<_, Option<String>>(0).unwrap_or_default(),
        status: row.get::<_, Option<i16>>(1).unwrap_or_default(),
        response: row.get::<_, Option<String>>(2).unwrap_or_default(),
        truncated: row.get(3),
        took: Duration::from_micros(row.get::<_, i32>(4).unsigned_abs().into()),
        phases: [5, 6, 7].map(|column| row.get(column)),
    };
    (system, worker, attempt)
}

#[derive(Debug)]
struct Attempt {
    error: String,
    status: i16,
    response: String,
    truncated: bool,
    took: Duration,
    /// TLS, connection and name look-up, in microseconds.
    phases: [Option<i32>; 3],
}

fn http(receiver: &RawReceiver) -> String {
    format!("http://{}/hook", receiver.address)
}

#[tokio::test]
async fn headers_byte_by_byte_end_at_the_deadline() {
    let receiver = RawReceiver::start(|mut stream| async move {
        read_request(&mut stream).await;
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'x')) {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let (_system, _worker, attempt) = attempted(&http(&receiver), &[]).await;
    assert_eq!(attempt.error, "timeout");
    assert!(attempt.took < Duration::from_secs(3), "{attempt:?}");
}

#[tokio::test]
async fn a_hundred_megabytes_are_not_read() {
    let written = Arc::new(AtomicU64::new(0));
    let counter = written.clone();
    let receiver = RawReceiver::start(move |mut stream| {
        let counter = counter.clone();
        async move {
            read_request(&mut stream).await;
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n";
            stream.write_all(head).await.unwrap();
            let chunk = vec![b'x'; 65_536];
            while stream.write_all(&chunk).await.is_ok() {
                counter.fetch_add(65_536, Ordering::Relaxed);
            }
        }
    })
    .await;
    let (system, _worker, attempt) = attempted(&http(&receiver), &[]).await;
    assert_eq!((attempt.status, attempt.error.as_str(), attempt.truncated), (200, "", true));
    assert_eq!(attempt.response.len(), 1024);
    system.drained().await;
    assert!(written.load(Ordering::Relaxed) < 20_000_000, "{written:?} bytes fit into sockets' buffers");
}

#[tokio::test]
async fn a_reset_within_the_headers_is_a_lost_connection() {
    let receiver = RawReceiver::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").await.unwrap();
        stream.set_zero_linger().unwrap();
    })
    .await;
    let (_system, _worker, attempt) = attempted(&http(&receiver), &[]).await;
    assert_eq!((attempt.error.as_str(), attempt.status), ("connection_lost", 0));
}

#[tokio::test]
async fn what_is_no_tls_or_nobodys_certificate_is_a_tls_error() {
    let garbage = RawReceiver::start(|mut stream| async move {
        let _ = stream.write_all(b"220 smtp.example.com ready\r\n").await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    })
    .await;
    let (_system, _worker, attempt) = attempted(&format!("https://{}/", garbage.address), &[]).await;
    assert_eq!(attempt.error, "tls", "{attempt:?}");
    let (receiver, _certificate) = tls_receiver().await;
    let (_system, _worker, attempt) = attempted(&format!("https://{}/", receiver.address), &[]).await;
    assert_eq!(attempt.error, "tls", "a certificate that no authority has signed: {attempt:?}");
}

/// A receiver that speaks TLS with a certificate of its own for `localhost`, and that certificate.
async fn tls_receiver() -> (RawReceiver, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let receiver = RawReceiver::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            while read_request(&mut stream).await.is_some() {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            }
        }
    })
    .await;
    (receiver, certified.cert.pem())
}

#[tokio::test]
async fn the_phases_of_an_attempt_over_tls_are_on_record() {
    let (receiver, certificate) = tls_receiver().await;
    let folder = support::database::Folder::new("certificate");
    let file = folder.0.join("ca.pem");
    std::fs::write(&file, certificate).unwrap();
    let port = receiver.address.rsplit(':').next().unwrap();
    let trust =
        [("SSL_CERT_FILE", file.to_str().unwrap()), ("CALMONY_ALLOW_NETWORKS", "127.0.0.0/8,::1/128")];
    let (_system, _worker, attempt) = attempted(&format!("https://localhost:{port}/"), &trust).await;
    assert_eq!((attempt.status, attempt.error.as_str()), (200, ""), "{attempt:?}");
    assert!(attempt.phases.iter().all(|phase| phase.is_some_and(|us| us > 0)), "{attempt:?}");
}

#[tokio::test]
async fn a_flood_of_interim_answers_ends_at_the_deadline() {
    let receiver = RawReceiver::start(|mut stream| async move {
        read_request(&mut stream).await;
        while stream.write_all(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n").await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (_system, _worker, attempt) = attempted(&http(&receiver), &[]).await;
    assert!(!attempt.error.is_empty() && attempt.took < Duration::from_secs(3), "{attempt:?}");
}

#[tokio::test]
async fn a_gzip_bomb_is_not_unpacked() {
    let receiver = RawReceiver::start(|mut stream| async move {
        read_request(&mut stream).await;
        // The beginning of a compressed stream of zeros. It must be shown as it came.
        let bomb = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xed, 0xc1, 1, 1, 0, 0];
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&bomb).await.unwrap();
        read_request(&mut stream).await;
    })
    .await;
    let (_system, _worker, attempt) = attempted(&http(&receiver), &[]).await;
    assert_eq!((attempt.status, attempt.error.as_str()), (200, ""));
    assert!(attempt.response.starts_with('\u{1f}') && attempt.response.len() < 50, "{attempt:?}");
}

#[tokio::test]
async fn a_receiver_that_closes_kept_connections_gets_everything() {
    let receiver = RawReceiver::start(|mut stream| async move {
        if read_request(&mut stream).await.is_some() {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        }
        // The receiver didn't say that it would close.
    })
    .await;
    let system = System::start().await;
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "100ms,100ms,100ms")]).await;
    system.client.endpoint(&http(&receiver), &["customer.created"]).await;
    for n in 0..100 {
        system.client.customer(&format!("c{n}")).await;
    }
    system.drained().await;
    system.nothing_waits().await;
    let taken = "select count(distinct position) from calmony.attempt where error is null";
    assert_eq!(system.database.number(taken).await, 100);
    let failed = system.database.number("select count(*) from calmony.attempt where error is not null").await;
    assert!(failed < 20, "{failed} attempts met a connection that was just closed");
    assert!(receiver.connections() >= 100);
}

#[tokio::test]
async fn an_answer_before_the_request_is_an_answer_or_a_failure_and_never_a_hang() {
    let receiver = RawReceiver::start(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        let _ = stream.shutdown().await;
    })
    .await;
    let started = Instant::now();
    let (system, _worker, attempt) = attempted(&http(&receiver), &[]).await;
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(attempt.status == 200 || attempt.error == "connection_lost", "{attempt:?}");
    system.drained().await;
}

/// The receiver asks for a wait of five hundred billion years, often enough for its breaker to open.
#[tokio::test]
async fn a_receiver_that_asks_for_eternity_gets_a_day() {
    let receiver = RawReceiver::start(|mut stream| async move {
        while read_request(&mut stream).await.is_some() {
            let answer =
                b"HTTP/1.1 503 Later\r\nRetry-After: 18446744073709551615\r\nContent-Length: 0\r\n\r\n";
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
    })
    .await;
    let (system, worker, attempt) = attempted(&http(&receiver), &[]).await;
    assert_eq!(attempt.status, 503);
    let works = support::Receiver::start().await;
    system.client.endpoint(&works.url, &["customer.created"]).await;
    for n in 0..80 {
        system.client.customer(&format!("c{n}")).await;
        works.next().await;
    }
    assert!(worker.process.pid() > 0);
    system.drained().await;
    let within_a_day = "select count(*) from calmony.delivery where due_at > now() + interval '25 hours'";
    assert_eq!(system.database.number(within_a_day).await, 0);
}
