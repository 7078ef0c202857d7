//! Lines: where an endpoint asks for order, the first attempts for one object's events go one after the
//! other, and so do those for one group's. A job stands in one line or in two, and goes once it is the first
//! of each.
//!
//! A line is here while its head is on its way, or until the row of a failed job is known to be written.
//! Events behind a row stand in line in the database (`calmony.owed_delivery`).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use calmony_pay::outbox::{DeliveryKey, EventKey, Order};

use crate::lanes::Job;

#[derive(Debug, Default)]
struct Line {
    /// The events in it. The first of them is on its way, unless it waits in another line.
    queue: VecDeque<EventKey>,
    /// Something of it has a row that may not be written yet: a job that comes now needs one, too.
    closed: bool,
}

/// The lines of all endpoints that ask for order, by the endpoint and the line's name.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: HashMap<(String, Arc<str>), Line>,
    /// The jobs that aren't the first of all their lines.
    waiting: HashMap<DeliveryKey, Job>,
}

/// The state in which a line is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Found {
    /// There is none: the event may go.
    Empty,
    /// Another event is on its way.
    Busy,
    /// An earlier event has a row.
    Closed,
}

impl Lines {
    pub(super) fn find(&self, endpoint: &str, line: &Arc<str>) -> Found {
        match self.lines.get(&(endpoint.to_owned(), line.clone())) {
            None => Found::Empty,
            Some(Line { closed: true, .. }) => Found::Closed,
            Some(Line { closed: false, .. }) => Found::Busy,
        }
    }

    /// The most events that stand behind the head of one of these lines.
    pub(super) fn waiting(&self, endpoint: &str, order: &Order) -> usize {
        let line = |line: &Arc<str>| self.lines.get(&(endpoint.to_owned(), line.clone()));
        order
            .lines()
            .filter_map(line)
            .map(|line| line.queue.len().saturating_sub(1))
            .max()
            .unwrap_or_default()
    }

    /// Puts a job behind the others of its lines. Returns it if it is the first of each: then it may go.
    pub(super) fn join(&mut self, order: &Order, job: Job) -> Option<Job> {
        for line in order.lines() {
            let line = self.lines.entry((job.key.endpoint.clone(), line.clone())).or_default();
            line.queue.push_back(job.key.event);
        }
        self.let_go_or_keep(job)
    }

    fn let_go_or_keep(&mut self, job: Job) -> Option<Job> {
        if self.is_first(&job) {
            return Some(job);
        }
        self.waiting.insert(job.key.clone(), job);
        None
    }

    fn is_first(&self, job: &Job) -> bool {
        let is_first_of = |line: &Arc<str>| {
            let line = self.lines.get(&(job.key.endpoint.clone(), line.clone()));
            line.is_none_or(|line| line.queue.front() == Some(&job.key.event))
        };
        job.order.iter().flat_map(Order::lines).all(is_first_of)
    }

    /// The delivery that was on its way was taken. Returns those that may go now.
    pub(super) fn advance(&mut self, taken: &DeliveryKey, order: &Order) -> Vec<Job> {
        let mut free = Vec::new();
        for name in order.lines() {
            let key = (taken.endpoint.clone(), name.clone());
            let Some(line) = self.lines.get_mut(&key).filter(|line| !line.closed) else { continue };
            line.queue.retain(|event| *event != taken.event);
            let Some(next) = line.queue.front().copied() else {
                self.lines.remove(&key);
                continue;
            };
            let next = self.waiting.remove(&DeliveryKey { event: next, endpoint: taken.endpoint.clone() });
            free.extend(next.and_then(|job| self.let_go_or_keep(job)));
        }
        free
    }

    /// Something of these lines gets a row. Returns the jobs that need one, too: all that wait in them, and
    /// all that wait in the other lines of those.
    pub(super) fn close(&mut self, endpoint: &str, order: &Order) -> Vec<Job> {
        let mut behind: Vec<Job> = Vec::new();
        let mut names: Vec<Arc<str>> = order.lines().cloned().collect();
        while let Some(name) = names.pop() {
            let line = self.lines.entry((endpoint.to_owned(), name)).or_default();
            line.closed = true;
            for event in std::mem::take(&mut line.queue) {
                let key = DeliveryKey { event, endpoint: endpoint.to_owned() };
                let Some(job) = self.waiting.remove(&key) else { continue };
                names.extend(job.order.iter().flat_map(Order::lines).cloned());
                behind.push(job);
            }
        }
        behind
    }

    /// Forgets closed lines after a write, but not those that have something unwritten. The database
    /// knows the order of their jobs now.
    pub(super) fn keep_closed(&mut self, has_unwritten: impl Fn(&str, &Arc<str>) -> bool) {
        self.lines.retain(|(endpoint, name), line| !line.closed || has_unwritten(endpoint, name));
    }

    /// Takes waiting jobs out. Their lines are to be closed.
    pub(super) fn unqueue(&mut self, which: impl Fn(&Job) -> bool) -> Vec<Job> {
        self.waiting.extract_if(|_, job| which(job)).map(|(_, job)| job).collect()
    }
}
