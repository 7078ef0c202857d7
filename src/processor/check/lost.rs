//! The rule about answers that nobody heard.

use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::finding::{Verdict, fail, hold};
use super::subject::{AMOUNT, Subject, outcome};
use super::voids::stays_refused;
use crate::processor::{Outcome, Request};
use crate::tls;

pub(super) async fn answer(subject: &Subject) -> Verdict {
    let (key, method) = (subject.key(), subject.approved_method().await?);
    let request = Request::Authorize(subject.hold_of(&key, &method));
    let line = subject.processor.line();
    match timeout(line.deadline(), send_and_leave(subject, &request)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return fail(format!("the request couldn't be sent: {}", error.kind())),
        Err(_) => return fail("the request couldn't be sent in time"),
    }
    let found = subject.found(&key).await?;
    let undone = subject.operation(&subject.void_of(&key)).await?;
    match (&undone.outcome, found) {
        (Outcome::Approved { amount: AMOUNT }, Some(operation)) => {
            let reference = operation.reference.unwrap_or_default();
            subject.moves_nothing(&subject.capture(&reference, AMOUNT)).await
        }
        // It arrived after the inquiry, and was undone.
        (Outcome::Approved { amount: AMOUNT }, None) => Ok(()),
        (Outcome::Never, None) => stays_refused(subject, &request).await,
        (_, found) => hold(false, || {
            let before = found.as_ref().map_or_else(|| "never_seen".to_owned(), outcome);
            format!("an inquiry told {before}, and a void by key {}", outcome(&undone))
        }),
    }
}

/// Sends a request and closes the connection before its answer.
async fn send_and_leave(subject: &Subject, request: &Request) -> io::Result<()> {
    let line = subject.processor.line();
    let url = line.url(&["v1", "operations"]);
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let body = serde_json::to_vec(request)?;
    let mut bytes = format!(
        "POST {} HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nauthorization: ",
        url.path(),
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(line.secret().as_bytes());
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes.extend_from_slice(&body);
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    if url.scheme() == "http" {
        return write(stream, &bytes).await;
    }
    let config = tls::client("https processors").map_err(io::Error::other)?;
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(io::Error::other)?;
    write(TlsConnector::from(Arc::new(config)).connect(name, stream).await?, &bytes).await
}

async fn write(mut stream: impl AsyncWrite + Unpin, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}
