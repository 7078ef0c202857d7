//! The worker's one session: it holds the locks, listens for wake-ups, and does all reading and writing of work.

use std::future::poll_fn;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, Client, Statement};
use tokio_util::sync::CancellationToken;

use super::ownership::ANNOUNCE;
use crate::database::{DatabaseError, DatabaseUrl, Role, WAKE_CHANNEL};

/// A worker's session. When it ends, PostgreSQL frees the worker's buckets.
#[derive(Debug)]
pub struct Session {
    pub(super) client: Client,
    pub(super) statements: Statements,
    wake: Arc<Notify>,
    ended: CancellationToken,
}

/// The statements of the hot path, prepared once a session.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) fresh: Statement,
    pub(super) due: Statement,
    pub(super) settle: Statement,
    unpark: Statement,
}

impl Session {
    /// Connects, announces this worker to the others, listens, and makes sure that attempts have a partition to go to.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let (client, mut connection) = url.connect(Role::Worker).await?;
        let (wake, ended) = (Arc::new(Notify::new()), CancellationToken::new());
        let (woken, guard) = (wake.clone(), ended.clone().drop_guard());
        tokio::spawn(async move {
            let _guard = guard;
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(_) = message {
                    woken.notify_one();
                }
            }
        });
        client.batch_execute(&format!("listen {WAKE_CHANNEL}")).await?;
        client.execute(ANNOUNCE, &[]).await?;
        let statements = Statements {
            fresh: client.prepare(include_str!("sql/fresh.sql")).await?,
            due: client.prepare(include_str!("sql/due.sql")).await?,
            settle: client.prepare(include_str!("sql/settle.sql")).await?,
            unpark: client.prepare(include_str!("sql/unpark.sql")).await?,
        };
        let session = Self { client, statements, wake, ended };
        session.make_partitions().await;
        Ok(session)
    }

    /// Waits until somebody appended.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Waits until the session has ended.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Makes the partitions of the attempts' history for today and a week ahead. A day that can't be made now, because
    /// somebody reads the table, is made another time: a week is in stock, and there is a default partition.
    pub async fn make_partitions(&self) {
        if let Err(error) = self.client.execute(include_str!("sql/make_partitions.sql"), &[]).await {
            let error = DatabaseError::from(error);
            tracing::warn!(%error, "the partitions of the coming days can't be made now");
        }
    }

    /// Makes what is parked due again where its endpoint has been enabled, or deleted; returns how many deliveries.
    pub async fn unpark(&self, own: &[i16]) -> Result<u64, DatabaseError> {
        Ok(self.client.execute(&self.statements.unpark, &[&own]).await?)
    }
}
