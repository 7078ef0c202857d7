//! The page about a problem.

use askama::Template;

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem<'a> {
    said: &'a str,
}

/// The page that shows this message about a problem.
pub(crate) fn problem(said: &str) -> String {
    Problem { said }.render().unwrap_or_else(|_| "Something went wrong here.".to_owned())
}
