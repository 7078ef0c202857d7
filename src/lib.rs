//! Calmony Pay: a Stripe-shaped payments API whose every mutation is an event that cannot be forgotten.
//!
//! The modules stand in reading order, and dependencies run downwards only. The domain knows the vocabulary.
//! `log`, `read` and `outbox` know the domain. `http` knows those, and `pages` are clients of it. Nothing
//! else knows `http` but the binary. A test holds this.

pub mod clock;
pub mod contract;
mod currencies;
pub mod id;

pub mod address;
pub mod buckets;
pub mod card_number;
pub mod retry;
pub mod seal;
pub mod secret;
pub mod shares;
pub mod signature;

pub mod answer;
pub mod domain;

pub mod metrics;
pub mod tls;
pub mod trace;

pub mod database;
pub mod due;
pub mod log;
pub mod outbox;
pub mod processor;
pub mod read;

pub mod flow;

pub mod biller;

pub mod health;
pub mod http;
pub mod pages;

pub mod cli;
pub mod config;
pub mod output;
pub mod progress;
pub mod stop;
pub mod telemetry;
