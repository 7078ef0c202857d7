//! A proxy in front of PostgreSQL: its connections can be cut, go silent, and be led elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A proxy on loopback.
#[derive(Debug)]
pub struct Proxy {
    /// The port it listens on.
    pub port: u16,
    to: Arc<AtomicU16>,
    line: watch::Sender<Line>,
}

/// The fate of the present connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Carries,
    /// No byte is carried and no connection is closed, as if the machine at the other end had lost its power.
    Silent,
    /// Every connection is reset.
    Cut,
}

impl Proxy {
    /// A proxy to that port.
    pub async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let to = Arc::new(AtomicU16::new(to));
        let (line, told) = watch::channel(Line::Carries);
        let target = to.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target.load(Ordering::Relaxed), told.clone()));
            }
        });
        Self { port, to, line }
    }

    /// The same database, reached through this proxy.
    #[must_use]
    pub fn url(&self, direct: &str) -> String {
        let (login, place) = direct.rsplit_once('@').unwrap();
        let database = place.rsplit_once('/').unwrap().1;
        format!("{login}@127.0.0.1:{}/{database}", self.port)
    }

    /// Resets every connection.
    pub fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    /// Stops the traffic on the present connections, and closes none of them.
    pub fn silence(&self) {
        self.line.send_replace(Line::Silent);
    }

    /// Leads new connections to that port.
    pub fn lead_to(&self, port: u16) {
        self.to.store(port, Ordering::Relaxed);
    }
}

async fn carry(mut client: TcpStream, to: u16, mut line: watch::Receiver<Line>) {
    line.mark_unchanged();
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => return,
        _ = line.changed() => {}
    }
    while *line.borrow_and_update() == Line::Silent && line.changed().await.is_ok() {}
    let _ = (client.set_zero_linger(), server.set_zero_linger());
}
