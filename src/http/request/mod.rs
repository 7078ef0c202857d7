//! The layers of a request, in the order in which they run. Each may refuse it, and adds something for those
//! after it.
//!
//! | layer | task | addition |
//! | --- | --- | --- |
//! | `observe` | a deadline, a log line, a span, figures; no card number in the head | `RequestId`, `Trace` |
//! | `wire` | refuses messages that aren't HTTP/1.1 | |
//! | `caller` | looks up the key, counts its requests | `Key`, `Account` |
//! | `headers` | refuses wishes that can't be met for a client | |
//! | `params` (`http/params/read.rs`) | reads the query and the body | `Tree` |
//! | `card_numbers` | refuses card numbers that no parameter of the route takes | |
//! | `admit` | waits for room (`admission.rs`) | the places it holds |
//! | `expand` | takes `expand` out of the tree; puts objects into the answer | `ExpandPaths` |
//! | `idempotency` | answers a request that was done before (`in_flight.rs`) | `IdempotencyKey` |
//!
//! Then the handler. Its `Caller` is made of their additions; `context.rs` has those of their types that
//! nobody else has. A layer that is added last runs first: the code below reads from the end.

pub(crate) mod admission;
mod admit;
pub(crate) mod caller;
pub(crate) mod card_numbers;
mod context;
pub(crate) mod expand;
mod headers;
pub(crate) mod idempotency;
pub(crate) mod in_flight;
mod observe;
mod unknown;
mod wire;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};

use super::app::App;
use super::params;
use card_numbers::{TakesCards, Taking};
use expand::{Expandable, Expanding};
use unknown::method_not_allowed;
pub(crate) use unknown::unknown_route;

/// The routes of `/v1` behind the layers that are theirs.
pub(super) fn layered(
    routes: Router<App>,
    app: &App,
    expandable: fn() -> &'static [Expandable],
    cards: fn() -> &'static [TakesCards],
) -> Router<App> {
    let expanding = Expanding { app: app.clone(), routes: expandable };
    let taking = Taking { app: app.clone(), routes: cards };
    routes
        .route_layer(from_fn_with_state(app.clone(), idempotency::once))
        .route_layer(from_fn_with_state(expanding, expand::answers))
        .route_layer(from_fn_with_state(app.clone(), admit::admit))
        .route_layer(from_fn_with_state(taking, card_numbers::check))
        .route_layer(from_fn_with_state(app.clone(), params::read))
        .route_layer(from_fn(headers::check))
        .fallback(unknown_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), caller::authenticate))
}

/// Routes behind the layers of everything that is served.
pub(crate) fn observed(routes: Router, app: App) -> Router {
    routes.layer(from_fn(wire::check)).layer(from_fn_with_state(app, observe::observe))
}
