//! The page that says what went wrong.

use askama::Template;

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem<'a> {
    said: &'a str,
}

/// A page that says what went wrong.
pub(crate) fn problem(said: &str) -> String {
    Problem { said }.render().unwrap_or_else(|_| "Something went wrong here.".to_owned())
}
