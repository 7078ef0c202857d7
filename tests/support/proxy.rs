//! A proxy in front of PostgreSQL whose connections can be cut.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A proxy on loopback.
#[derive(Debug)]
pub struct Proxy {
    /// The port it listens on.
    pub port: u16,
    cut: watch::Sender<u64>,
}

impl Proxy {
    /// A proxy to that port.
    pub async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cut, cuts) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, to, cuts.clone()));
            }
        });
        Self { port, cut }
    }

    /// Resets every connection.
    pub fn cut(&self) {
        self.cut.send_modify(|count| *count += 1);
    }
}

async fn carry(mut client: TcpStream, to: u16, mut cuts: watch::Receiver<u64>) {
    cuts.mark_unchanged();
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = cuts.changed() => {
            let _ = (client.set_zero_linger(), server.set_zero_linger());
        }
    }
}
