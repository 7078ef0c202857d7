//! Sub-commands for the service's operators, a file each.

pub(super) mod biller;
pub(super) mod check_config;
pub(super) mod doctor;
pub(super) mod keys;
pub(super) mod ledger;
pub(super) mod migrate;
pub(super) mod processor;
pub(super) mod rebuild;
pub(super) mod sandbox_processor;
pub(super) mod secrets;
pub(super) mod serve;
pub(super) mod verify;
