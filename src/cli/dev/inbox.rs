//! The inbox: a receiver on loopback that verifies webhooks and shows them in the terminal as they arrive.

use std::net::Ipv4Addr;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::clock;
use crate::contract::Event;
use crate::id::Id;
use crate::output::say;
use crate::secret::SigningSecret;
use crate::signature::verify_stripe;

/// The greatest age of a signature, in seconds.
const TOLERANCE_SECONDS: u64 = 300;

/// A bound inbox, not yet receiving.
#[derive(Debug)]
pub(super) struct Inbox {
    listener: TcpListener,
}

#[derive(Debug, Clone)]
struct Receiver {
    secret: SigningSecret,
    arrived: mpsc::UnboundedSender<()>,
}

impl Inbox {
    /// Binds that port, or any other if it is taken.
    pub(super) async fn bind(port: u16) -> anyhow::Result<Self> {
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => listener,
            Err(_) => {
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port is free for the inbox")?
            }
        };
        Ok(Self { listener })
    }

    /// The port it is bound to.
    pub(super) fn port(&self) -> anyhow::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// The URL to send webhooks to.
    pub(super) fn url(&self) -> anyhow::Result<String> {
        Ok(format!("http://{}/inbox", self.listener.local_addr()?))
    }

    /// Receives until the process ends. The channel tells of each verified webhook.
    pub(super) fn receive(self, secret: SigningSecret) -> mpsc::UnboundedReceiver<()> {
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let router = Router::new().route("/inbox", post(show)).with_state(Receiver { secret, arrived });
        tokio::spawn(async move { axum::serve(self.listener, router).await });
        arrivals
    }
}

async fn show(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let now = clock::now();
    let signature =
        headers.get("calmony-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !verify_stripe(signature, &body, &receiver.secret, now.seconds(), TOLERANCE_SECONDS) {
        say("  ✘ a webhook with a wrong signature was refused");
        return StatusCode::BAD_REQUEST;
    }
    let event: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |pointer| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (id, kind, object) = (text("/id"), text("/type"), text("/data/object/id"));
    let after = id
        .parse::<Id<Event>>()
        .map(|id| now.millis().saturating_sub(id.created().millis()))
        .unwrap_or_default();
    say(format_args!("  ✔ {kind:<18} {object}  {id}  verified, {after} ms after the change"));
    // Nobody counts any more once the demonstration is over.
    let _ = receiver.arrived.send(());
    StatusCode::OK
}
