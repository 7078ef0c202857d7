//! A connection of one's own whose end is noticed at once, and which may hear of appends.

use std::future::poll_fn;
use std::sync::Arc;

use tokio::sync::{Notify, mpsc};
use tokio_postgres::{AsyncMessage, Client};
use tokio_util::sync::CancellationToken;

use super::{DatabaseError, DatabaseUrl, Role, WAKE_CHANNEL};

/// The most messages that wait to be heard. More are lost: their senders count on none.
const MESSAGES_MAX: usize = 1_024;

/// The connection.
#[derive(Debug)]
pub struct Attended {
    /// The client, for statements.
    pub client: Client,
    /// Notified after appends if it listens. One notice may be for many appends, and none is certain.
    pub wake: Arc<Notify>,
    /// Notifications that say something, if it listens for such.
    pub messages: mpsc::Receiver<String>,
    /// Canceled when the connection is gone.
    pub ended: CancellationToken,
}

impl DatabaseUrl {
    /// Connects, and listens.
    pub async fn listen(&self, role: Role) -> Result<Attended, DatabaseError> {
        let attended = self.attend(role).await?;
        attended.client.batch_execute(&format!("listen {WAKE_CHANNEL}")).await?;
        Ok(attended)
    }

    /// Connects.
    pub async fn attend(&self, role: Role) -> Result<Attended, DatabaseError> {
        let (client, mut connection) = self.connect(role).await?;
        let (wake, ended) = (Arc::new(Notify::new()), CancellationToken::new());
        let (woken, guard) = (wake.clone(), ended.clone().drop_guard());
        let (said, messages) = mpsc::channel(MESSAGES_MAX);
        tokio::spawn(async move {
            let _guard = guard;
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                match message {
                    AsyncMessage::Notification(message) if message.payload().is_empty() => woken.notify_one(),
                    AsyncMessage::Notification(message) => {
                        let _ = said.try_send(message.payload().to_owned());
                    }
                    _ => {}
                }
            }
        });
        Ok(Attended { client, wake, messages, ended })
    }
}
