//! What pages have round their content.

/// What every page has round its content.
pub(crate) struct Frame {
    /// Which part of the navigation it belongs to.
    pub(crate) part: &'static str,
    pub(crate) token: String,
    pub(crate) readonly: bool,
    pub(crate) livemode: bool,
    /// What has just been done, or went wrong.
    pub(crate) said: String,
}

impl Frame {
    /// The same, and says something.
    pub(crate) fn saying(self, said: impl Into<String>) -> Self {
        Self { said: said.into(), ..self }
    }

    /// What a form is known by, so that what is sent twice is done once.
    pub(crate) fn once() -> String {
        format!("dashboard-{:032x}", rand::random::<u128>())
    }

    /// What marks the part of the navigation that the page is of.
    pub(crate) fn current(&self, part: &str) -> &'static str {
        if self.part == part { "page" } else { "false" }
    }
}
