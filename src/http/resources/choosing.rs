//! The payment method that a call names: one that is there, a test name, or the parts of a new one.

use super::payment_methods::{NewParams, id_of};
use crate::contract;
use crate::domain::payment_method::{Chosen, CreateParams};
use crate::domain::types::text::{Text, check_length};
use crate::domain::{ParameterError, Patch, Problem};
use crate::flow::{self, NewMethod};
use crate::http::app::App;
use crate::http::error::ApiError;
use crate::http::request::caller::Caller;

/// The beginning of the names of test methods. Each call makes a method of its own of one.
const TEST_METHODS: &str = "pm_card_";
/// The parameters that the number of a card may come in.
pub(super) const CARD_PARAMETERS: &[&str] = &["payment_method_data[card][number]"];
/// The longest address that a buyer comes back to, in characters.
pub(super) const RETURN_URL_MAX: usize = 2048;

/// An address that a buyer comes back to.
pub(super) type ReturnUrl = Text<RETURN_URL_MAX>;

/// The method that a call names, in `payment_method` or in `payment_method_data`.
pub(super) async fn chosen(
    (app, caller): (&App, &Caller),
    method: Patch<String>,
    data: Option<NewParams>,
) -> Result<Chosen, ApiError> {
    let (source, params) = match (method, data) {
        (Patch::Set(_) | Patch::Unset, Some(_)) => {
            let problem = Problem::ExclusiveWith("payment_method_data");
            return Err(ParameterError::new("payment_method", problem).into());
        }
        (Patch::Keep, None) => return Ok(Chosen::Keep),
        (Patch::Unset, None) => return Ok(Chosen::Unset),
        (Patch::Set(name), None) => return named((app, caller), "payment_method", name).await,
        (Patch::Keep, Some(data)) => data.split().map_err(|error| error.within("payment_method_data"))?,
    };
    made((app, caller), params, source).await
}

/// The method of that name: one that is there, or a new one of a test name.
pub(super) async fn named(
    (app, caller): (&App, &Caller),
    param: &'static str,
    name: String,
) -> Result<Chosen, ApiError> {
    if !is_test_name(&name) {
        return Ok(Chosen::Existing(id_of::<contract::PaymentMethod>(param, &name)?));
    }
    check_length(param, &name, 100)?;
    made((app, caller), CreateParams::default(), (param, NewMethod::Source(name))).await
}

/// True for the name of a test method.
pub(super) fn is_test_name(name: &str) -> bool {
    name.starts_with(TEST_METHODS)
}

async fn made(
    (app, caller): (&App, &Caller),
    params: CreateParams,
    source: (&'static str, NewMethod),
) -> Result<Chosen, ApiError> {
    let processor = app.processors.of(caller.account.livemode)?.on_behalf_of(caller.account.id);
    let new = (caller.new_object(), params);
    let create = flow::payment_methods::taken_in(&processor, new, source).await?;
    Ok(Chosen::New(Box::new(create)))
}

/// The id that a parameter holds, where it may be unset.
pub(super) fn patched<K: contract::Kind>(
    param: &str,
    given: Patch<String>,
) -> Result<Patch<crate::id::Id<K>>, ParameterError> {
    Ok(match given {
        Patch::Keep => Patch::Keep,
        Patch::Unset => Patch::Unset,
        Patch::Set(text) => Patch::Set(id_of::<K>(param, &text)?),
    })
}

/// Refuses an address that a buyer can't be sent to.
pub(super) fn check_return_url(given: Option<&ReturnUrl>, livemode: bool) -> Result<(), ParameterError> {
    let Some(text) = given else { return Ok(()) };
    let url = url::Url::parse(text).ok().filter(url::Url::has_host);
    let is_page = url.is_some_and(|url| url.scheme() == "https" || url.scheme() == "http" && !livemode);
    let reason = if livemode { "it must begin with https://" } else { "it must begin with http(s)://" };
    if is_page { Ok(()) } else { Err(ParameterError::new("return_url", Problem::NotAUrl(reason))) }
}
