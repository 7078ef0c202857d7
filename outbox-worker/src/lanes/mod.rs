//! Jobs that wait to be sent or are in flight, one lane an endpoint. Accounts take turns, and so do the
//! endpoints of an account. The rooms say if an account may send now. The caller says if an endpoint may.

mod rooms;
mod tenants;
mod turns;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use calmony_pay::outbox::{DeliveryKey, EndpointKey, Order};
use tokio::time::Instant;

use crate::attempt::Webhook;
use rooms::{Each, Host, host_of};
pub(crate) use rooms::{Room, Rooms};
use tenants::{Tenants, Waiting};
use turns::Turns;

/// One delivery that is to be attempted.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) key: DeliveryKey,
    pub(crate) bucket: i16,
    /// Attempts made before.
    pub(crate) attempts: u32,
    /// True if it came from a row of its own, and not straight from the outbox.
    pub(crate) is_retry: bool,
    /// True if it is ahead of its time: a failure then leaves its row as it is.
    pub(crate) early: bool,
    /// True if an earlier event of its object was given up.
    pub(crate) order_gap: bool,
    /// The lines that it stands in; `None` if its endpoint doesn't ask for order.
    pub(crate) order: Option<Order>,
    pub(crate) webhook: Webhook,
}

impl Job {
    /// The bytes of its body.
    fn size(&self) -> usize {
        self.webhook.body.len()
    }

    /// Its account and the host that it goes to.
    fn host(&self) -> Host {
        (self.key.event.account, host_of(&self.webhook.url).into())
    }
}

/// The jobs of one endpoint.
#[derive(Debug)]
struct Lane {
    account: i64,
    /// The jobs, each with the instant since which it waits.
    queued: VecDeque<(Instant, Job)>,
    /// The bytes of those jobs' bodies. A shared body counts for each job.
    bytes: usize,
    sent: usize,
    /// It had its turn and might not send: it waits until it is woken.
    waits: bool,
    /// The number of times in a row that it was found with requests in flight of which none had landed.
    quiet: u8,
    /// The endpoint answers.
    proven: bool,
}

impl Lane {
    const fn new(account: i64, proven: bool) -> Self {
        Self { account, queued: VecDeque::new(), bytes: 0, sent: 0, waits: false, quiet: 0, proven }
    }

    /// The room that its requests count in. An endpoint that lets nothing land for a while mustn't take the
    /// room of others.
    const fn room(&self) -> Room {
        if self.proven && !self.is_stuck() { Room::Proven } else { Room::Probation }
    }

    const fn is_stuck(&self) -> bool {
        self.quiet > 2
    }

    /// True if it has as many requests in flight as it may, and none lands.
    const fn hangs(&self) -> bool {
        self.waits && self.sent > 0 && self.is_stuck()
    }

    /// True if it can take a turn.
    fn is_ready(&self) -> bool {
        !self.waits && !self.queued.is_empty()
    }

    /// Its part in the jobs of its account.
    fn waiting(&self) -> Waiting {
        let queued = self.queued.len();
        let is_blocked = self.waits || self.room() == Room::Probation;
        Waiting { queued, blocked: if is_blocked { queued } else { 0 }, bytes: self.bytes }
    }
}

/// The jobs of all endpoints.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    endpoints: HashMap<String, Lane>,
    turns: Turns,
    tenants: Tenants,
    /// Requests in flight, by bucket.
    buckets: HashMap<i16, usize>,
    in_flight: Each<usize>,
    /// Endpoints that wait because their host has as many requests as it may.
    at_full_hosts: HashMap<Host, BTreeSet<String>>,
}

impl Lanes {
    /// Jobs that are queued.
    pub(crate) const fn queued(&self) -> usize {
        self.tenants.queued()
    }

    /// Jobs that are queued for endpoints that answer, and wait neither for their endpoint nor behind
    /// others of an account that is slow or behind.
    pub(crate) const fn runnable(&self) -> usize {
        self.tenants.runnable()
    }

    /// True if more may be read.
    pub(crate) const fn has_room(&self) -> bool {
        self.tenants.have_room()
    }

    /// True if the account has as many jobs here that can't go as it may.
    pub(crate) fn is_crowded(&self, account: i64) -> bool {
        self.tenants.is_crowded(account)
    }

    /// True if that endpoint has requests in flight of which none has landed since the last check.
    pub(crate) fn is_quiet(&self, endpoint: &str) -> bool {
        self.endpoints.get(endpoint).is_some_and(|lane| lane.sent > 0 && lane.quiet > 0)
    }

    /// Jobs of that account that are queued.
    pub(crate) fn queued_by(&self, account: i64) -> usize {
        self.tenants.queued_by(account)
    }

    /// The accounts that keep others from being read: they have at least `jobs` jobs that could go.
    pub(crate) fn busiest(&self, jobs: usize) -> Vec<i64> {
        self.tenants.busiest(jobs)
    }

    /// Notes if the account is behind: its jobs then keep no other account from being read.
    pub(crate) fn set_behind(&mut self, account: i64, is_behind: bool) {
        self.tenants.set_behind(account, is_behind);
    }

    /// The accounts that have as many jobs queued here as they may.
    pub(crate) fn full_accounts(&self) -> Vec<i64> {
        self.tenants.full()
    }

    /// Requests in flight.
    pub(crate) const fn in_flight(&self) -> usize {
        *self.in_flight.of(Room::Proven) + *self.in_flight.of(Room::Probation)
    }

    /// Requests in flight that are counted in that room.
    pub(crate) const fn in_room(&self, room: Room) -> usize {
        *self.in_flight.of(room)
    }

    /// Jobs of that endpoint, queued or in flight.
    pub(crate) fn of(&self, endpoint: &str) -> usize {
        self.endpoints.get(endpoint).map_or(0, |lane| lane.queued.len() + lane.sent)
    }

    /// Jobs of that endpoint that are queued.
    pub(crate) fn queued_of(&self, endpoint: &str) -> usize {
        self.endpoints.get(endpoint).map_or(0, |lane| lane.queued.len())
    }

    /// Requests of that endpoint in flight.
    pub(crate) fn sent(&self, endpoint: &str) -> usize {
        self.endpoints.get(endpoint).map_or(0, |lane| lane.sent)
    }

    /// The endpoints that have `count` jobs here, or as many as may be in flight to an endpoint on
    /// probation.
    pub(crate) fn with_enough(&self, count: usize, on_probation: usize) -> impl Iterator<Item = &String> {
        let full = move |lane: &Lane| {
            let most = if lane.room() == Room::Proven { count } else { on_probation };
            lane.queued.len() + lane.sent >= most
        };
        self.endpoints.iter().filter(move |(_, lane)| full(lane)).map(|(endpoint, _)| endpoint)
    }

    /// The endpoints that have something queued.
    pub(crate) fn queued_endpoints(&self) -> impl Iterator<Item = EndpointKey> {
        let queued = self.endpoints.iter().filter(|(_, lane)| !lane.queued.is_empty());
        queued.map(|(endpoint, lane)| EndpointKey { account: lane.account, endpoint: endpoint.clone() })
    }

    /// True if that endpoint has as many requests in flight as it may, and none lands.
    pub(crate) fn hangs(&self, endpoint: &str) -> bool {
        self.endpoints.get(endpoint).is_some_and(Lane::hangs)
    }

    /// True if a request of that bucket is in flight.
    pub(crate) fn flies(&self, bucket: i16) -> bool {
        self.buckets.contains_key(&bucket)
    }

    /// Changes a lane, and updates the counts of its account and of the rooms. If it has become ready, or
    /// ready in another room, it stands in line for a turn.
    fn change<R>(
        &mut self,
        rooms: &mut Rooms,
        endpoint: &str,
        change: impl FnOnce(&mut Lane) -> R,
    ) -> Option<R> {
        let lane = self.endpoints.get_mut(endpoint)?;
        let (room, sent, waiting, was_ready) = (lane.room(), lane.sent, lane.waiting(), lane.is_ready());
        let result = change(lane);
        let account = lane.account;
        let (new_room, new_sent) = (lane.room(), lane.sent);
        if (room, sent) != (new_room, new_sent) {
            for (room, before, after) in [(room, sent, 0), (new_room, 0, new_sent)] {
                rooms.changed(room, account, before, after);
                let in_room = self.in_flight.of_mut(room);
                *in_room = (*in_room + after).saturating_sub(before);
            }
        }
        self.tenants.changed(account, waiting, lane.waiting());
        if lane.is_ready() && (!was_ready || room != new_room) {
            self.turns.join(new_room, account, endpoint);
        }
        if lane.queued.is_empty() && lane.sent == 0 {
            self.endpoints.remove(endpoint);
        }
        Some(result)
    }

    /// Queues a job. `proven`: its endpoint answers.
    pub(crate) fn push(&mut self, rooms: &mut Rooms, job: Job, proven: bool, now: Instant) {
        let (endpoint, account) = (job.key.endpoint.clone(), job.key.event.account);
        self.endpoints.entry(endpoint.clone()).or_insert_with(|| Lane::new(account, proven));
        self.change(rooms, &endpoint, |lane| {
            lane.bytes += job.size();
            lane.queued.push_back((now, job));
        });
    }

    /// The next job to send. A room is filled to one `part`th of its places at the most. `may_send` says if
    /// an endpoint with so many in flight may send now. An endpoint that may not waits until it is woken.
    pub(crate) fn next(
        &mut self,
        rooms: &mut Rooms,
        part: usize,
        mut may_send: impl FnMut(&str, usize) -> bool,
    ) -> Option<Job> {
        for room in Room::BOTH {
            while self.in_room(room) < rooms.max(room).div_ceil(part) {
                let Some((account, endpoint)) =
                    self.turns.next(room, |account| rooms.has_place(room, account))
                else {
                    break;
                };
                let ready =
                    self.endpoints.get(&endpoint).filter(|lane| lane.is_ready() && lane.room() == room);
                let Some(lane) = ready else { continue };
                let Some(host) = lane.queued.front().map(|(_, job)| job.host()) else { continue };
                let at_full_host = rooms.free_at(&host) == 0;
                if at_full_host || !may_send(&endpoint, lane.sent) {
                    self.change(rooms, &endpoint, |lane| lane.waits = true);
                    if at_full_host {
                        self.at_full_hosts.entry(host).or_default().insert(endpoint);
                    }
                    continue;
                }
                let taken = self.change(rooms, &endpoint, |lane| {
                    lane.sent += 1;
                    let (_, job) = lane.queued.pop_front()?;
                    lane.bytes = lane.bytes.saturating_sub(job.size());
                    Some((job, lane.is_ready()))
                });
                let Some(Some((job, more))) = taken else { continue };
                if more {
                    self.turns.join(room, account, &endpoint);
                }
                rooms.sent_to(&host);
                *self.buckets.entry(job.bucket).or_default() += 1;
                return Some(job);
            }
        }
        None
    }

    /// Lets accounts that found no place look again.
    pub(crate) fn look_again(&mut self) {
        self.turns.look_again();
    }

    /// Notes that a request is no longer in flight.
    pub(crate) fn landed(&mut self, rooms: &mut Rooms, job: &Job) {
        if let Some(count) = self.buckets.get_mut(&job.bucket) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.buckets.remove(&job.bucket);
            }
        }
        rooms.landed_from(&job.host());
        self.change(rooms, &job.key.endpoint, |lane| {
            lane.sent = lane.sent.saturating_sub(1);
            lane.quiet = 0;
        });
    }

    /// Wakes as many of the endpoints that wait for the host of a job as the host has free places.
    pub(crate) fn wake_host(&mut self, rooms: &mut Rooms, job: &Job) {
        if self.at_full_hosts.is_empty() {
            return;
        }
        let host = job.host();
        for _ in 0..rooms.free_at(&host) {
            let Some(waiting) = self.at_full_hosts.get_mut(&host) else { return };
            let endpoint = waiting.pop_first();
            if waiting.is_empty() {
                self.at_full_hosts.remove(&host);
            }
            if let Some(endpoint) = endpoint {
                self.wake(rooms, &endpoint);
            }
        }
    }

    /// Notes if the endpoint answers.
    pub(crate) fn prove(&mut self, rooms: &mut Rooms, endpoint: &str, proven: bool) {
        self.change(rooms, endpoint, |lane| lane.proven = proven);
    }

    /// Wakes the endpoint: it may perhaps send again.
    pub(crate) fn wake(&mut self, rooms: &mut Rooms, endpoint: &str) {
        self.change(rooms, endpoint, |lane| lane.waits = false);
    }

    /// Finds receivers that hang: endpoints with as many requests in flight as they may have, of which none
    /// has landed since the call before the last. Finds the slow accounts, too. Called at a steady pace.
    pub(crate) fn find_hanging(&mut self, rooms: &mut Rooms, now: Instant) -> HashSet<String> {
        let endpoints: Vec<String> = self.endpoints.keys().cloned().collect();
        let mut found = HashSet::new();
        for endpoint in endpoints {
            let hangs = self.change(rooms, &endpoint, |lane| {
                lane.quiet = if lane.sent > 0 { lane.quiet.saturating_add(1) } else { 0 };
                lane.hangs()
            });
            if hangs == Some(true) {
                found.insert(endpoint);
            }
        }
        // The endpoint that was woken for a free place may be gone, and then no endpoint has taken the
        // place.
        let free: Vec<Host> =
            self.at_full_hosts.keys().filter(|host| rooms.free_at(host) > 0).cloned().collect();
        for endpoint in
            free.iter().filter_map(|host| self.at_full_hosts.remove(host)).flatten().collect::<Vec<_>>()
        {
            self.wake(rooms, &endpoint);
        }
        let heads = self.endpoints.values().filter_map(|lane| Some((lane.account, lane.queued.front()?.0)));
        self.tenants.judge(heads, now);
        found
    }

    /// Takes jobs out of the queues.
    pub(crate) fn unqueue(&mut self, rooms: &mut Rooms, which: impl Fn(&Job) -> bool) -> Vec<Job> {
        let mut taken = Vec::new();
        let endpoints: Vec<String> = self.endpoints.keys().cloned().collect();
        for endpoint in endpoints {
            self.change(rooms, &endpoint, |lane| {
                for (since, job) in std::mem::take(&mut lane.queued) {
                    if which(&job) {
                        lane.bytes = lane.bytes.saturating_sub(job.size());
                        taken.push(job);
                    } else {
                        lane.queued.push_back((since, job));
                    }
                }
            });
        }
        taken
    }
}

#[cfg(test)]
mod tests;
