//! `/v1/events/stream`: the log as it grows, as server-sent events (WHATWG HTML, 9.2). A client that
//! reconnects with the `Last-Event-ID` it has seen goes on after it: none is left out, and none comes
//! twice.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::events;
use crate::contract::{Event, Kind as _};
use crate::database::DatabaseError;
use crate::domain::{ParameterError, Problem, schema};
use crate::http::app::App;
use crate::http::contract::component::EventStream;
use crate::http::contract::route::{Route, get};
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::http::request::caller::Caller;
use crate::id::Id;
use crate::read::events::ListedEvent;
use crate::read::feed::{Feed, FeedFilter};
use crate::read::watch::KeyWatch;
use crate::shares::Place;

/// The pause after which a client that has nothing to hear is sent something, so that neither end takes the
/// other for dead.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The pause before a database that was away is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// Its route.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/v1/events/stream", follow)
            .summary("Follow the log as it grows: server-sent events, after `Last-Event-ID` or from now on.")
            .takes::<StreamParams>()
            .answers::<EventStream>(),
    ]
}

/// The parameters of a stream.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = EventStreamParams)]
struct StreamParams {
    /// Instead of the header `Last-Event-ID`.
    last_event_id: Option<String>,
    #[schema(schema_with = schema::object_id)]
    object: Option<String>,
    r#type: Option<String>,
    #[schema(max_items = 20)]
    types: Vec<String>,
}

/// The parts of a stream.
struct Following {
    feed: Feed,
    queue: VecDeque<ListedEvent>,
    stop: CancellationToken,
    /// The key that opened it: it ends with it.
    key: KeyWatch,
    _place: Place<i64>,
}

/// Follow the log.
async fn follow(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<StreamParams>,
) -> Result<impl IntoResponse, ApiError> {
    let types = events::wanted_types(params.r#type, &params.types)?;
    let filter = FeedFilter { types, object: params.object.map(events::object_id).transpose()? };
    let header =
        headers.get("last-event-id").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let after = header.or(params.last_event_id).filter(|id| !id.is_empty());
    let missing = |id: &str| {
        let id = id.to_owned();
        ParameterError::new("last_event_id", Problem::NoSuchObject { noun: Event::RESOURCE.noun, id })
    };
    let parsed = after.as_deref().map(|id| id.parse::<Id<Event>>().map_err(|_| missing(id))).transpose()?;
    let (account, livemode) = (caller.account.id, caller.account.livemode);
    let place = app.load.stream(account)?;
    // From here on its end is heard of.
    let key = app.reader.watch_key(caller.key.hash);
    let feed = app.reader.feed(account, livemode, filter, parsed).await?;
    let feed = feed.ok_or_else(|| missing(after.as_deref().unwrap_or_default()))?;
    let following = Following { feed, queue: VecDeque::new(), stop: app.stop.clone(), key, _place: place };
    Ok(Sse::new(messages(following)).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

fn messages(following: Following) -> impl Stream<Item = Result<Message, Infallible>> {
    unfold(following, async |mut following| {
        loop {
            // Events that were read with a key that has ended aren't told any more.
            if following.key.is_over() {
                return None;
            }
            if let Some(event) = following.queue.pop_front() {
                // An event that can't be rendered is a defect; the client would wait for ever, so its
                // connection ends.
                let message = message(&event)?;
                return Some((Ok(message), following));
            }
            let Following { feed, queue, stop, key, .. } = &mut following;
            tokio::select! {
                () = stop.cancelled() => return None,
                () = key.over() => return None,
                events = next(feed) => queue.extend(events),
            }
        }
    })
}

/// The next events, however long the database is away.
async fn next(feed: &mut Feed) -> Vec<ListedEvent> {
    loop {
        match feed.next().await {
            Ok(events) => return events,
            // Others of the account are read for.
            Err(DatabaseError::TooManyReads) => {}
            Err(error) => {
                tracing::debug!(%error, "a stream waits for the database");
                sleep(PAUSE).await;
            }
        }
    }
}

fn message(event: &ListedEvent) -> Option<Message> {
    let rendered = event.event.render(event.pending_webhooks).ok()?;
    Some(Message::default().id(&event.event.id).event(&event.event.event_type).data(rendered))
}
