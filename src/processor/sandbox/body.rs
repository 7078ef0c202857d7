//! Bodies: bounded, and in memory that is wiped, because they may hold a number. The buffer of the connection
//! isn't ours to wipe: the next request writes over it.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http_body_util::{BodyExt as _, Limited};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::answer;

/// The most bytes of a body.
const BODY_MAX: usize = 64 * 1024;
/// The time for a body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A body, in memory that is wiped.
pub(super) async fn read_body(body: Body) -> Result<Zeroizing<Vec<u8>>, Response> {
    let read = async {
        let mut body = Limited::new(body, BODY_MAX);
        // So large that it never moves.
        let mut bytes = Zeroizing::new(Vec::with_capacity(BODY_MAX));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| answer::too_large())?;
            bytes.extend_from_slice(frame.data_ref().map(AsRef::as_ref).unwrap_or_default());
        }
        Ok(bytes)
    };
    match timeout(BODY_TIMEOUT, read).await {
        Ok(read) => read,
        Err(_) => Err(answer::too_slow()),
    }
}
