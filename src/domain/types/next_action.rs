//! Next actions: the steps that a buyer has to take before a payment goes on.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page that the buyer has to visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextAction {
    redirect_to_url: Redirect,
    r#type: ActionType,
}

/// The type of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NextActionType)]
pub enum ActionType {
    /// A challenge on a page of the processor.
    RedirectToUrl,
}

/// The page, and the one that follows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = NextActionRedirect)]
pub struct Redirect {
    return_url: Option<String>,
    url: String,
}

impl NextAction {
    /// A challenge on that page.
    #[must_use]
    pub const fn redirect(url: String, return_url: Option<String>) -> Self {
        Self { redirect_to_url: Redirect { return_url, url }, r#type: ActionType::RedirectToUrl }
    }
}
