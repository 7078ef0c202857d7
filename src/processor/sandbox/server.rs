//! Connections: bounded, with a time for the head of a request, and with an end instead of an answer where a
//! fault asks for that.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::answer::Unsent;
use crate::shares::Shares;

/// The most connections.
const CONNECTIONS_MAX: usize = 1_024;
/// The time for the head of a request to arrive, counted from the answer before it.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes of a head.
const HEAD_MAX: usize = 16 * 1024;
/// The pause when no connection can be taken: there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(50);
/// The time that requests in progress have when the server stops.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until told to stop, then lets requests in progress finish.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut connections = http1::Builder::new();
    connections.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_MAX);
    let (open, places) = (GracefulShutdown::new(), Shares::<IpAddr>::new(CONNECTIONS_MAX, 1));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let Ok((stream, address)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = places.try_enter(&address.ip(), 1) else { continue };
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(OrNothing(router.clone()));
        let connection = open.watch(connections.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A client that goes away is its own affair, and an answer that isn't sent is meant.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    let _ = timeout(DRAIN, open.shutdown()).await;
}

/// The answer is not to be sent.
#[derive(Debug)]
struct Nothing;

impl fmt::Display for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer is sent")
    }
}

impl std::error::Error for Nothing {}

/// Routes, whose answers are sent unless they have the mark of those that aren't. Of an error hyper sends
/// nothing, and ends the connection.
#[derive(Clone)]
struct OrNothing(Router);

impl Service<Request<Incoming>> for OrNothing {
    type Response = Response;
    type Error = Nothing;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Nothing>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Nothing>> {
        Service::<Request<Body>>::poll_ready(&mut self.0, context).map_err(|never| match never {})
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let answering = self.0.call(request.map(Body::new));
        Box::pin(async move {
            let Ok(response) = answering.await;
            if response.extensions().get::<Unsent>().is_some() { Err(Nothing) } else { Ok(response) }
        })
    }
}
