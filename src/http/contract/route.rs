//! A route of the API: its parameters, its answers, and the events it appends.

use std::borrow::Cow;
use std::collections::BTreeSet;

use axum::http::Method;
use axum::routing::{MethodRouter, on};
use axum::{handler::Handler, routing::MethodFilter};
use serde_json::Value;
use utoipa::ToSchema;

use super::component::{Answer, Component};
use super::schemas::schema_of;
use crate::contract::EventType as E;
use crate::http::app::App;
use crate::http::params::NoParams;

/// A route of the API.
#[derive(Debug)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, with `{id}` for an id.
    pub path: &'static str,
    /// The events a successful call appends, in order; empty for a route that only reads.
    pub emits: &'static [E],
    /// Its summary, in a line.
    pub summary: &'static str,
    /// Its parameters.
    pub(crate) takes: Takes,
    /// The components that its answer may be.
    pub(crate) answers: Vec<Answer>,
    /// The parameters that a card's number may come in: `card[number]`.
    pub(crate) cards: &'static [&'static str],
    /// True where a card may be declined.
    pub(crate) may_decline: bool,
    /// True where some of the events are appended before the processor is asked, and the others after it.
    pub asks_processor: bool,
    /// Its handler.
    pub(crate) handler: MethodRouter<App>,
}

/// The parameters of a route: the name of their type in the contract, and its schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Takes {
    pub(crate) name: fn() -> Cow<'static, str>,
    pub(crate) schema: fn() -> Value,
}

impl Takes {
    fn of<T: ToSchema>() -> Self {
        Self { name: T::name, schema: schema_of::<T> }
    }
}

impl Route {
    fn new<H: Handler<T, App>, T: 'static>(filter: MethodFilter, path: &'static str, handler: H) -> Self {
        let method = match filter {
            MethodFilter::POST => Method::POST,
            MethodFilter::PATCH => Method::PATCH,
            MethodFilter::DELETE => Method::DELETE,
            _ => Method::GET,
        };
        let takes = Takes::of::<NoParams>();
        Self {
            method,
            path,
            emits: &[],
            summary: "",
            takes,
            answers: Vec::new(),
            cards: &[],
            may_decline: false,
            asks_processor: false,
            handler: on(filter, handler),
        }
    }

    /// A line that describes it.
    pub(crate) fn summary(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    /// The events that it appends, in order.
    pub(crate) fn emits(self, emits: &'static [E]) -> Self {
        Self { emits, ..self }
    }

    /// A card's number may come in these parameters, in test mode, and goes to the processor. Anywhere else
    /// it is refused.
    pub(crate) fn takes_cards(self, cards: &'static [&'static str]) -> Self {
        Self { cards, ..self }
    }

    /// A card may be declined: 402.
    pub(crate) fn may_decline(self) -> Self {
        Self { may_decline: true, ..self }
    }

    /// The processor is asked in the midst of its events.
    pub(crate) fn asks_processor(self) -> Self {
        Self { asks_processor: true, ..self }
    }

    /// Its parameters are a `T`.
    pub(crate) fn takes<T: ToSchema>(self) -> Self {
        Self { takes: Takes::of::<T>(), ..self }
    }

    /// Its answer may be a `C`.
    pub(crate) fn answers<C: Component>(mut self) -> Self {
        self.answers.push(Answer::of::<C>());
        self
    }

    /// The paths that can be expanded in its answer.
    pub(crate) fn expandable(&self) -> BTreeSet<&str> {
        self.answers.iter().flat_map(|answer| &answer.expandable).map(String::as_str).collect()
    }

    /// True for a route that answers with a list in pages, which `starting_after` leads through.
    pub(crate) fn has_pages(&self) -> bool {
        (self.takes.schema)().pointer("/properties/starting_after").is_some()
    }

    /// Its name: `post_v1_customers_id`.
    pub(crate) fn id(&self) -> String {
        let name: String = self
            .path
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '_' })
            .filter(|c| *c != '{')
            .collect();
        let words: Vec<_> = name.split('_').filter(|word| !word.is_empty()).collect();
        format!("{}_{}", self.method.as_str().to_ascii_lowercase(), words.join("_"))
    }
}

/// A route of method GET.
pub(crate) fn get<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route::new(MethodFilter::GET, path, handler)
}

/// A route of method POST.
pub(crate) fn post<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route::new(MethodFilter::POST, path, handler)
}

/// A route of method PATCH.
pub(crate) fn patch<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route::new(MethodFilter::PATCH, path, handler)
}

/// A route of method DELETE.
pub(crate) fn delete<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route::new(MethodFilter::DELETE, path, handler)
}
