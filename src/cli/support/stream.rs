//! The log as it grows: messages of `GET /v1/events/stream` (server-sent events, WHATWG HTML 9.2).

use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::stream::{BoxStream, StreamExt as _};

use super::client::ApiClient;

/// The longest message that is taken, in bytes.
const MESSAGE_MAX: usize = 8 * 1024 * 1024;

/// The longest silence of a stream. A heartbeat comes every few seconds.
const SILENCE: Duration = Duration::from_mins(1);

/// A stream that is open.
pub(crate) struct Messages {
    parts: BoxStream<'static, Result<Vec<u8>, reqwest::Error>>,
    unread: Vec<u8>,
}

impl Messages {
    /// Opens the stream after that event. `None` means from now on.
    pub(crate) async fn open(api: &ApiClient, after: Option<&str>) -> anyhow::Result<Self> {
        let response = api.stream("/v1/events/stream", after).await?;
        let parts = response.bytes_stream().map(|part| part.map(|bytes| bytes.to_vec())).boxed();
        Ok(Self { parts, unread: Vec::new() })
    }

    /// Waits for the next event, as JSON. Heartbeats are passed over. An end is an error, because the log has
    /// none.
    pub(crate) async fn next(&mut self) -> anyhow::Result<String> {
        loop {
            while let Some(at) = self.unread.windows(2).position(|end| end == b"\n\n") {
                let message: Vec<u8> = self.unread.drain(..at + 2).collect();
                if let Some(data) = data_of(&String::from_utf8_lossy(&message)) {
                    return Ok(data);
                }
            }
            if self.unread.len() > MESSAGE_MAX {
                bail!("a message of more than {MESSAGE_MAX} bytes");
            }
            let part = tokio::time::timeout(SILENCE, self.parts.next()).await;
            match part.context("nothing was heard of the server, not even a heartbeat")? {
                Some(part) => self.unread.extend_from_slice(&part?),
                None => bail!("the server ended it"),
            }
        }
    }
}

/// The data of a message; `None` for a heartbeat.
fn data_of(message: &str) -> Option<String> {
    let lines: Vec<&str> = message.lines().filter_map(|line| line.strip_prefix("data:")).collect();
    (!lines.is_empty()).then(|| {
        lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_message_has_data_and_a_heartbeat_has_none() {
        assert_eq!(super::data_of("id: evt_1\nevent: x\ndata: {\"a\":1}\n\n").as_deref(), Some("{\"a\":1}"));
        assert_eq!(super::data_of(":\n\n"), None);
    }
}
