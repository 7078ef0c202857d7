//! Card numbers where they have no business: refused before anything of them is answered, logged or stored.
//!
//! The head of a request is looked at first of all (`observe.rs`), because its path is logged and its headers
//! are echoed. The parameters are looked at once they are read. Only a parameter that the route itself names
//! may hold a number (`Route::takes_cards`), and only in test mode; the processor judges its value.

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use percent_encoding::percent_decode_str;

use crate::card_number::CardNumbers;
use crate::domain::{ParameterError, Problem};
use crate::http::app::App;
use crate::http::contract::route::Route;
use crate::http::error::ApiError;
use crate::http::params::Tree;
use crate::read::keys::Account;

/// The headers that something is done with: those that are stored, echoed or quoted, and those that are
/// read at all. Other headers of a client are none of ours.
const HEADERS: &[&str] = &[
    "Idempotency-Key",
    "Stripe-Version",
    "Stripe-Account",
    "Stripe-Context",
    "Last-Event-ID",
    "Content-Type",
    "Content-Encoding",
    "Transfer-Encoding",
    "Host",
    "Origin",
    "traceparent",
];

/// A route, and the parameters that a card's number may come in.
#[derive(Debug)]
pub(crate) struct TakesCards {
    method: Method,
    path: &'static str,
    params: &'static [&'static str],
}

impl TakesCards {
    /// The parameters of a route; `None` for a route that takes no numbers.
    pub(crate) fn of(route: &Route) -> Option<Self> {
        let Route { method, path, cards, .. } = route;
        (!cards.is_empty()).then(|| Self { method: method.clone(), path, params: cards })
    }
}

/// The state of the layer. The list of routes is made when a number is first met.
#[derive(Debug, Clone)]
pub(super) struct Taking {
    pub(super) app: App,
    pub(super) routes: fn() -> &'static [TakesCards],
}

/// The refusal of a request whose method, path, query or headers hold the number of a card.
pub(super) fn in_head(numbers: CardNumbers, request: &Request) -> Option<ParameterError> {
    let refuse = |param: &str| Some(ParameterError::new(param, Problem::CardNumber));
    if numbers.refuse(request.method().as_str()) || numbers.refuse_sent(request.uri().path().as_bytes()) {
        return refuse("");
    }
    let mut pairs = request.uri().query().unwrap_or_default().split('&');
    if let Some(pair) = pairs.find(|pair| numbers.refuse_sent(pair.as_bytes())) {
        let (name, _) = pair.split_once('=').unwrap_or_default();
        let name = percent_decode_str(name).decode_utf8_lossy();
        return refuse(if numbers.refuse_sent(name.as_bytes()) { "" } else { &name });
    }
    // Few values have so many digits, under any name.
    let mut named = request.headers().iter().filter_map(|(name, value)| {
        let holds_one = numbers.refuse(&String::from_utf8_lossy(value.as_bytes()));
        holds_one.then(|| HEADERS.iter().find(|known| name.as_str().eq_ignore_ascii_case(known)))?
    });
    named.next().and_then(|name| refuse(name))
}

/// Refuses parameters that hold the number of a card where the route takes none.
pub(super) async fn check(
    State(Taking { app, routes }): State<Taking>,
    matched: MatchedPath,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let tree = request.extensions().get::<Tree>();
    let found = tree.map(|tree| tree.card_numbers(app.card_numbers)).unwrap_or_default();
    if !found.is_empty() {
        let is_test = request.extensions().get::<Account>().is_some_and(|account| !account.livemode);
        let is_asked =
            |route: &&TakesCards| route.method == *request.method() && route.path == matched.as_str();
        let taken = routes().iter().find(is_asked).filter(|_| is_test).map_or(&[][..], |route| route.params);
        if let Some(error) = found.into_iter().find(|error| !taken.contains(&error.param.as_str())) {
            return Err(error.into());
        }
    }
    Ok(next.run(request).await)
}
