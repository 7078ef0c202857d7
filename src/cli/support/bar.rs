//! A progress bar on standard error, if that is a terminal.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

use crate::log::verify::Watch;

/// The bar of a command that works in stages.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// Takes it away.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Watch for Bar {
    fn stage(&mut self, name: &'static str, steps: u64) {
        self.clear();
        if std::io::stderr().is_terminal() {
            self.0 = ProgressBar::new(steps).with_message(name);
            if let Ok(style) = ProgressStyle::with_template("{msg:10} {wide_bar} {pos}/{len} {eta}") {
                self.0.set_style(style);
            }
        }
    }

    fn done(&mut self, steps: u64) {
        self.0.inc(steps);
    }
}
