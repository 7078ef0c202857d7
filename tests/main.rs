//! The black-box tests, in one binary so that they share one PostgreSQL.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that can't go on fails by panicking"
)]

mod api;
mod cli;
mod contract;
mod faults;
mod guarantee;
mod money;
mod operate;
mod worker;
