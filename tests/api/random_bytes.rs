//! Random bytes at every route: a clear answer, never a 5xx, and the server goes on.

use std::time::Duration;

use calmony_pay::http::routes;
use support::System;
use support::random::Random;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Requests at each route.
const TRIES: usize = 60;
/// Parts of requests, because random bytes alone would all be refused alike.
const FRAGMENTS: &[&str] = &[
    "name=",
    "metadata[",
    "]",
    "[]",
    "[0]",
    "%00",
    "%ff",
    "%",
    "&",
    "=",
    "{",
    "}",
    "\"",
    ":",
    ",",
    "null",
    "1e999",
    "\\ud800",
    "{\"name\":",
    "email=",
    "expand[]=",
    "limit=",
    "created[gte]=",
    "99999999999999999999",
    "types[]=",
    "enabled_events[]=",
    "url=http://",
    "starting_after=",
    "true",
    "-0",
    "\u{0}",
    "\u{fffd}",
    "𝕏",
    "cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX",
    "evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX",
];
const TYPES: &[&str] = &[
    "application/json",
    "application/x-www-form-urlencoded",
    "application/json; charset=utf-16",
    "text/plain",
    "",
    "multipart/form-data",
];

fn bytes(random: &mut Random, max: u64) -> Vec<u8> {
    let mut made = Vec::new();
    for _ in 0..random.below(max) {
        if random.below(3) == 0 {
            made.push(u8::try_from(random.below(256)).unwrap());
        } else {
            made.extend_from_slice(pick(random, FRAGMENTS).as_bytes());
        }
    }
    made
}

fn pick<'a>(random: &mut Random, from: &[&'a str]) -> &'a str {
    from[usize::try_from(random.below(u64::try_from(from.len()).unwrap())).unwrap()]
}

/// Bytes as they may stand in the first line of a request.
fn in_target(raw: &[u8]) -> Vec<u8> {
    raw.iter().copied().filter(|byte| byte.is_ascii_graphic() || *byte >= 0x80).collect()
}

#[tokio::test]
async fn random_bytes_at_every_route_are_answered_and_never_with_a_5xx() {
    let system = System::start().await;
    let customer = system.client.customer("Ada").await;
    let seed = calmony_pay::clock::now().millis();
    eprintln!("seed {seed}");
    let mut random = Random::seeded(seed);
    let address = system.url.trim_start_matches("http://").to_owned();
    for route in routes().iter().filter(|route| !route.path.ends_with("/stream")) {
        for _ in 0..TRIES {
            let id = if random.below(2) == 0 {
                customer.clone().into_bytes()
            } else {
                in_target(&bytes(&mut random, 8))
            };
            let (before, after) = route.path.split_once("{id}").unwrap_or((route.path, ""));
            let mut request = format!("{} {before}", route.method).into_bytes();
            if route.path.contains("{id}") {
                request.extend(id.iter().filter(|byte| !b"?#".contains(byte)));
            }
            request.extend(after.bytes());
            request.push(b'?');
            request.extend(in_target(&bytes(&mut random, 6)));
            let body = bytes(&mut random, 40);
            let content_type = pick(&mut random, TYPES);
            let head = format!(
                " HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
                 content-type: {content_type}\r\n\
                 idempotency-key: {}\r\ncontent-length: {}\r\n\r\n",
                system.client.key(),
                random.below(1_000_000),
                body.len()
            );
            request.extend(head.into_bytes());
            request.extend(&body);
            let shown = String::from_utf8_lossy(&request).into_owned();
            let status = exchange(&address, &request).await;
            assert!(
                status.is_some_and(|status| (200..500).contains(&status)),
                "seed {seed}: {status:?} to\n{shown}"
            );
        }
    }
    system.client.customer("afterwards").await;
}

/// The status of the answer.
async fn exchange(address: &str, request: &[u8]) -> Option<u16> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(request).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
    };
    tokio::time::timeout(Duration::from_secs(10), exchange).await.ok().flatten()
}
