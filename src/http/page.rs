//! Pages of lists: the parameters that all lists share, and a page as it is sent.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::app::App;
use super::error::ApiError;
use super::params::TimeRange;
use super::render::{self, Rendered};
use super::request::caller::Caller;
use crate::contract::Kind;
use crate::domain::{ParameterError, Problem, Resource};
use crate::id::Id;
use crate::read::objects::{ObjectFilter, having};
use crate::read::page::Listed;
use crate::read::{Direction, Page};

/// The most entries of a page.
const LIMIT_MAX: i64 = 100;
/// The number of entries of a page where the caller sets none.
const LIMIT_DEFAULT: i64 = 10;

/// The parameters of a list that takes no others.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PageParams {
    ending_before: Option<String>,
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    starting_after: Option<String>,
}

impl PageParams {
    /// The page they ask for.
    pub(super) fn page(self) -> Result<Page, ParameterError> {
        page(self.limit, self.starting_after, self.ending_before)
    }
}

/// The page that `limit`, `starting_after` and `ending_before` ask for.
pub(super) fn page(
    limit: Option<i64>,
    starting_after: Option<String>,
    ending_before: Option<String>,
) -> Result<Page, ParameterError> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(ParameterError::new("limit", Problem::OutOfRange(1, LIMIT_MAX)));
    }
    let direction = match (starting_after, ending_before) {
        (None, None) => Direction::Newest,
        (Some(cursor), None) => Direction::After(cursor),
        (None, Some(cursor)) => Direction::Before(cursor),
        (Some(_), Some(_)) => {
            return Err(ParameterError::new("starting_after", Problem::ExclusiveWith("ending_before")));
        }
    };
    Ok(Page { limit: usize::try_from(limit).unwrap_or(usize::MAX), direction })
}

/// The refusal of a cursor that names no object of the account.
pub(super) fn no_such_cursor<K: Kind>(page: &Page) -> ApiError {
    let (param, id) = match &page.direction {
        Direction::Before(id) => ("ending_before", id.clone()),
        Direction::After(id) => ("starting_after", id.clone()),
        Direction::Newest => ("starting_after", String::new()),
    };
    ParameterError::no_such::<K>(param, &id).into()
}

/// A page of the living objects of one resource, as it is sent. A cursor may be an object that was
/// deleted meanwhile, so that a client that deletes the objects that it pages through gets to the end.
pub(super) async fn objects<R: Resource>(
    app: &App,
    caller: &Caller,
    filter: &ObjectFilter,
    page: &Page,
) -> Result<Rendered, ApiError> {
    objects_at::<R>(app, caller, R::PATH, (filter, page)).await
}

/// The same for a list at another path, which clients go on with.
pub(super) async fn objects_at<R: Resource>(
    app: &App,
    caller: &Caller,
    url: &str,
    (filter, page): (&ObjectFilter, &Page),
) -> Result<Rendered, ApiError> {
    if let Direction::After(cursor) | Direction::Before(cursor) = &page.direction {
        let id = cursor.parse::<Id<R::Kind>>().map_err(|_| no_such_cursor::<R::Kind>(page))?;
        app.reader.object(caller.account.id, id).await?.ok_or_else(|| no_such_cursor::<R::Kind>(page))?;
    }
    let listed = app.reader.objects::<R::Kind>(caller.account.id, filter, page).await?;
    let entries = listed.entries.into_iter().map(|object| object.data).collect();
    render::list(url, Listed { entries, has_more: listed.has_more })
}

/// The filter of a list by time and by fields, of those that a caller gave.
pub(super) fn narrowed<const N: usize>(
    created: Option<TimeRange>,
    fields: [(&str, Option<Value>); N],
) -> ObjectFilter {
    let created = created.unwrap_or_default();
    ObjectFilter {
        created_from: created.from,
        created_until: created.until,
        having: having(fields),
        ..ObjectFilter::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_1_to_100_entries_and_one_cursor() {
        assert_eq!(page(None, None, None).expect("a page").limit, 10);
        for limit in [0, 101, -1, i64::MAX] {
            assert_eq!(page(Some(limit), None, None).unwrap_err().param, "limit");
        }
        assert_eq!(
            page(None, Some("a".into()), Some("b".into())).unwrap_err().problem,
            Problem::ExclusiveWith("ending_before")
        );
    }
}
