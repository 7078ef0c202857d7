//! Connections: each has a time for the head of a request to arrive, so that slow clients don't hold them for ever.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long the head of a request may take to arrive, counted from the answer before it: an idle connection is closed then, too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes of a head, looked at after each read, and the most headers.
const HEAD_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 100;
/// How long to wait when no connection can be taken: there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(50);
/// How long requests in progress may go on when the server stops.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until told to stop, then lets requests in progress finish.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut connections = http1::Builder::new();
    connections.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    connections.max_buf_size(HEAD_MAX).max_headers(HEADERS_MAX);
    let open = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        // Without it an answer may wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = open.watch(connections.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A client that goes away, or is too slow, is its own affair.
            let _ = connection.await;
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN, open.shutdown()).await;
}
