//! Headers that ask for something: a wish that can't be met is refused.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;

use crate::domain::{ParameterError, Problem};
use crate::http::error::ApiError;

/// The API version that a client was written for. There is one version of answers; the header is echoed.
pub(super) const VERSION: &str = "stripe-version";

/// The longest name of a release in it.
const TRAIN_MAX: usize = 32;

/// True for a text of the form `2026-10-28` or `2026-10-28.endive`.
pub(super) fn is_version(version: &HeaderValue) -> bool {
    let Ok(version) = version.to_str() else { return false };
    let (date, train) = version.split_once('.').unwrap_or((version, "a"));
    let parts: Vec<&str> = date.split('-').collect();
    let is_number =
        |part: &str, digits| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
    let [year, month, day] = parts.as_slice() else { return false };
    let is_date = is_number(year, 4) && is_number(month, 2) && is_number(day, 2);
    let is_train = (1..=TRAIN_MAX).contains(&train.len());
    is_date && is_train && train.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Refuses a header that asks for something impossible: another form of version, or another account.
pub(super) async fn check(request: Request, next: Next) -> Result<Response, ApiError> {
    if request.headers().get(VERSION).is_some_and(|version| !is_version(version)) {
        let problem = Problem::Malformed("expected a version such as 2026-10-28.endive".to_owned());
        return Err(ParameterError::new("Stripe-Version", problem).into());
    }
    for name in ["Stripe-Account", "Stripe-Context"] {
        if request.headers().contains_key(name) {
            let problem = Problem::Malformed("there are no connected accounts here".to_owned());
            return Err(ParameterError::new(name, problem).into());
        }
    }
    Ok(next.run(request).await)
}
