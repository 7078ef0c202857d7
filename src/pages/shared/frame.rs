//! The frame of pages, round their content.

/// The frame of a page, round its content.
pub(crate) struct Frame {
    /// The part of the navigation that the page belongs to.
    pub(crate) part: &'static str,
    pub(crate) token: String,
    pub(crate) readonly: bool,
    pub(crate) livemode: bool,
    /// The message about a change that was just made, or about a problem. It is empty if there is none.
    pub(crate) said: String,
}

impl Frame {
    /// The same frame with a message.
    pub(crate) fn saying(self, said: impl Into<String>) -> Self {
        Self { said: said.into(), ..self }
    }

    /// A new `Idempotency-Key` for a form. A form that is sent twice is done once.
    pub(crate) fn once() -> String {
        format!("dashboard-{:032x}", rand::random::<u128>())
    }

    /// The value of `aria-current` for a part of the navigation: it marks the part that the page is of.
    pub(crate) fn current(&self, part: &str) -> &'static str {
        if self.part == part { "page" } else { "false" }
    }
}
