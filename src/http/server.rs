//! Connections: a bound with a share for each address, a time for the head of a request to arrive, and
//! one without progress after which an answer that nobody reads is given up. So neither many, nor slow,
//! nor silent clients hold anything for ever.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
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
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use crate::shares::Shares;

/// The time for the head of a request to arrive, counted from the answer before it: an idle connection
/// is closed then, too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The time without progress after which a write is given up.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes of a head, looked at after each read, and the most headers.
const HEAD_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 100;
/// The pause when no connection can be taken: there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(50);
/// The time that requests in progress have when the server stops.
const DRAIN: Duration = Duration::from_secs(10);

/// The sender of a connection: its address, of IPv6 the first 64 bits, which are one subscriber's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Peer(IpAddr);

impl Peer {
    /// The process itself, for requests that no connection brings.
    pub(crate) const OWN: Self = Self(IpAddr::V6(Ipv6Addr::LOCALHOST));

    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => Self(IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64))),
            address @ IpAddr::V4(_) => Self(address),
        }
    }
}

/// Serves until told to stop, then lets requests in progress finish. An address may have as many
/// connections as are free, so that one alone gets half of them.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    connections_max: usize,
    stop: CancellationToken,
) {
    let mut connections = http1::Builder::new();
    connections.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    connections.max_buf_size(HEAD_MAX).max_headers(HEADERS_MAX);
    let (open, places) = (GracefulShutdown::new(), Shares::new(connections_max, 1));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let Ok((stream, address)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        let peer = Peer::of(address.ip());
        // A peer with too many is closed without a word: a word would cost as much as a connection.
        let Ok(place) = places.try_enter(&peer, 1) else { continue };
        // Without it an answer may wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let (connections, router) = (connections.clone(), router.clone());
        let (watcher, stopped) = (open.watcher(), stop.clone());
        tokio::spawn(async move {
            // Nothing is set up for a silent client.
            let speaks = tokio::select! {
                speaks = timeout(HEAD_TIMEOUT, stream.readable()) => matches!(speaks, Ok(Ok(()))),
                () = stopped.cancelled() => false,
            };
            if speaks {
                let service = TowerToHyperService::new(FromPeer { router, peer });
                let stream = TokioIo::new(Progressing { stream, stalled: None });
                // A client that goes away, or is too slow, is its own affair.
                let _ = watcher.watch(connections.serve_connection(stream, service)).await;
            }
            drop(place);
        });
    }
    drop(listener);
    let _ = timeout(DRAIN, open.shutdown()).await;
}

/// Tells the router whom a request comes from.
#[derive(Clone)]
struct FromPeer {
    router: Router,
    peer: Peer,
}

impl Service<Request<Incoming>> for FromPeer {
    type Response = Response;
    type Error = Infallible;
    type Future = <Router as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.router, context)
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.router.call(request.map(Body::new))
    }
}

/// A connection whose writes end when nothing of them is taken for [`STALL_TIMEOUT`].
struct Progressing {
    stream: TcpStream,
    /// The end of the wait, while something waits to be written.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Progressing {
    fn progress<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(written) = write(Pin::new(&mut self.stream), context) {
            self.stalled = None;
            return Poll::Ready(written);
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL_TIMEOUT)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Progressing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Progressing {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.progress(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.progress(context, |stream, context| stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ipv6_stands_for_its_network() {
        let peer = |text: &str| Peer::of(text.parse().expect("an address"));
        assert_eq!(peer("2001:db8:1:2::1"), peer("2001:db8:1:2:ffff::9"));
        assert_ne!(peer("2001:db8:1:2::1"), peer("2001:db8:1:3::1"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
    }
}
