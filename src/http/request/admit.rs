//! Requests that have arrived whole are taken on here, as far as there is room (`admission.rs`).

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::http::app::App;
use crate::http::error::ApiError;
use crate::http::outgoing;
use crate::read::keys::Account;

/// Takes a request on that has arrived whole, as long as its account has a place and room for an answer. The
/// place is held until the answer's head is there, the room until its last byte is being written.
pub(super) async fn admit(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let Some(Account { id, .. }) = request.extensions().get::<Account>().copied() else {
        return Ok(next.run(request).await);
    };
    let _place = app.load.enter(id).await?;
    let room = app.load.room(id, request.method()).await?;
    Ok(outgoing::metered(next.run(request).await, room))
}
