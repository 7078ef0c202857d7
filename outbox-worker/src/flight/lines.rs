//! Lines: where an endpoint asks for order, the first attempts for one object's events go one after the
//! other.
//!
//! A line is here while its head is on its way, or until the row of what has failed is known to be
//! written. Events behind a row stand in line in the database (`calmony.owed_delivery`).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::lanes::Job;

#[derive(Debug, Default)]
struct Line {
    queue: VecDeque<Job>,
    /// Something of it has a row that may not be written yet: whoever comes now needs one, too.
    closed: bool,
}

/// The lines of all endpoints that ask for order.
#[derive(Debug, Default)]
pub(super) struct Lines(HashMap<(String, Arc<str>), Line>);

/// How a line is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// There is none: the event may go.
    Empty,
    /// Another event is on its way.
    Busy,
    /// An earlier event has a row.
    Closed,
}

impl Lines {
    pub(super) fn find(&self, endpoint: &str, object: &Arc<str>) -> Found {
        match self.0.get(&(endpoint.to_owned(), object.clone())) {
            None => Found::Empty,
            Some(Line { closed: true, .. }) => Found::Closed,
            Some(Line { closed: false, .. }) => Found::Busy,
        }
    }

    /// The events that stand in line.
    pub(super) fn waiting(&self, endpoint: &str, object: &Arc<str>) -> usize {
        self.0.get(&(endpoint.to_owned(), object.clone())).map_or(0, |line| line.queue.len())
    }

    /// An event is on its way, and those that come stand behind it.
    pub(super) fn open(&mut self, endpoint: &str, object: &Arc<str>) {
        self.0.entry((endpoint.to_owned(), object.clone())).or_default();
    }

    /// Puts a job behind the others.
    pub(super) fn join(&mut self, object: &Arc<str>, job: Job) {
        self.0.entry((job.key.endpoint.clone(), object.clone())).or_default().queue.push_back(job);
    }

    /// The event that was on its way was taken; the next one may go.
    pub(super) fn advance(&mut self, endpoint: &str, object: &Arc<str>) -> Option<Job> {
        let key = (endpoint.to_owned(), object.clone());
        let line = self.0.get_mut(&key).filter(|line| !line.closed)?;
        let next = line.queue.pop_front();
        if next.is_none() {
            self.0.remove(&key);
        }
        next
    }

    /// Something of this line gets a row, so that all behind it need one.
    pub(super) fn close(&mut self, endpoint: &str, object: &Arc<str>) -> Vec<Job> {
        let line = self.0.entry((endpoint.to_owned(), object.clone())).or_default();
        line.closed = true;
        std::mem::take(&mut line.queue).into()
    }

    /// What was to be written is written: the database knows who stands where, and closed lines are
    /// forgotten but those that have something unwritten.
    pub(super) fn keep_closed(&mut self, has_unwritten: impl Fn(&str, &Arc<str>) -> bool) {
        self.0.retain(|(endpoint, object), line| !line.closed || has_unwritten(endpoint, object));
    }

    /// Takes jobs out of the queues.
    pub(super) fn unqueue(&mut self, which: impl Fn(&Job) -> bool) -> Vec<Job> {
        let mut taken = Vec::new();
        for line in self.0.values_mut() {
            let (out, kept): (VecDeque<Job>, VecDeque<Job>) =
                std::mem::take(&mut line.queue).into_iter().partition(&which);
            line.queue = kept;
            taken.extend(out);
        }
        taken
    }
}
