//! Customers: the list, and a search.

use askama::Template;
use axum::extract::Query;
use axum::response::Html;
use serde::Deserialize;
use serde_json::Value;

use super::api::Failure;
use super::events::ROWS;
use super::pager::{Pager, Part};
use super::session::Session;
use crate::pages::shared::frame::Frame;
use crate::pages::shared::node::Node;

/// The customers that are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// A query of the search, or a part of a name or an address.
    q: String,
    page: String,
    #[serde(flatten)]
    part: Part,
}

#[derive(Template)]
#[template(path = "customers.html")]
struct CustomersPage<'a> {
    frame: Frame,
    q: &'a str,
    customers: Vec<Node>,
    pager: Pager,
}

/// The query for a typed text. Words are looked for in names and addresses. A text in the query language is
/// taken as it is.
fn query_of(q: &str) -> String {
    if q.contains([':', '~', '<', '>']) {
        return q.to_owned();
    }
    let quoted = q.replace('\\', "\\\\").replace('\'', "\\'");
    format!("name~'{quoted}' OR email~'{quoted}'")
}

/// The customers, or those that a search finds.
pub(super) async fn list(session: Session, Query(wanted): Query<Wanted>) -> Result<Html<String>, Failure> {
    let (frame, q) = (session.frame("customers"), wanted.q.trim());
    let query = query_of(q);
    let asked = if q.is_empty() {
        wanted.part.parameters(ROWS)
    } else {
        [("query", &*query), ("page", &wanted.page), ("limit", ROWS)]
    };
    let path = if q.is_empty() { "/v1/customers" } else { "/v1/customers/search" };
    let (frame, list) = match session.api.get(path, &asked).await {
        Ok(list) => (frame, list),
        Err(failure) => (frame.saying(failure.message()), Node(Value::Null)),
    };
    let pager =
        if q.is_empty() { Pager::of(&list, "/dashboard/customers", &asked) } else { next_of(&list, q) };
    let page = CustomersPage { frame, q, customers: list.nodes("/data"), pager };
    Ok(Html(page.render()?))
}

/// The link to the next page of a search.
fn next_of(list: &Node, q: &str) -> Pager {
    let next = list.text("/next_page");
    let link = || {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        format!("/dashboard/customers?{}", query.append_pair("q", q).append_pair("page", &next).finish())
    };
    Pager { newer: None, older: list.has("/has_more").then(link) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_looked_for_and_queries_are_taken_as_they_are() {
        assert_eq!(super::query_of("O'Neill"), "name~'O\\'Neill' OR email~'O\\'Neill'");
        assert_eq!(super::query_of("email:'a@b.c'"), "email:'a@b.c'");
    }
}
