//! The `calmony` command: one sub-command a file.

mod api;
pub mod dev;
mod operate;
mod support;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::output::conclude;
use api::{deliveries, endpoints, events, listen, lookup, objects, pay, replays, trigger};
use operate::{
    biller, check_config, doctor, keys, ledger, migrate, processor, rebuild, sandbox_processor, secrets,
    serve, verify,
};
use support::manual;

/// A Stripe-shaped payments API whose every mutation is an event that cannot be forgotten
#[derive(Debug, Parser)]
#[command(name = "calmony", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything on this machine: a private PostgreSQL, the API, the worker and an inbox that shows
    /// webhooks
    Dev(dev::DevOptions),
    /// Run the API
    Serve(Box<serve::ServeOptions>),
    /// Run a biller: it does what time makes due, such as asking the processor for answers that didn't come
    Biller(Box<biller::BillerCommand>),
    /// Run the sandbox processor: a processor for tests, with published test cards, faults on demand and a
    /// journal. No money moves
    SandboxProcessor(Box<sandbox_processor::SandboxProcessorOptions>),
    /// Bring the database up to the schema of this version; safe to repeat and to run from several places
    Migrate(migrate::MigrateOptions),
    /// Manage API keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Manage the key that signing secrets are sealed with
    #[command(subcommand)]
    Secrets(secrets::SecretsCommand),
    /// See the log of an account
    #[command(subcommand)]
    Events(events::EventsCommand),
    /// See any object, and how it came to be as it is
    #[command(subcommand)]
    Objects(objects::ObjectsCommand),
    /// Tell the whole story of any id: the object, its events, their deliveries and attempts
    Lookup(lookup::LookupOptions),
    /// Make payments by hand: create, confirm, capture, cancel, refund
    #[command(subcommand)]
    Pay(pay::PayCommand),
    /// See and change webhook endpoints
    #[command(subcommand)]
    Endpoints(endpoints::EndpointsCommand),
    /// See who has got what, who hasn't, and why not
    #[command(subcommand)]
    Deliveries(deliveries::DeliveriesCommand),
    /// Owe events of the log to an endpoint once more
    #[command(subcommand)]
    Replay(replays::ReplayCommand),
    /// Follow the log and forward it to a URL, as signed webhooks: for developing a receiver
    Listen(listen::ListenOptions),
    /// Make an event happen, by the calls that a client would make
    Trigger(trigger::TriggerOptions),
    /// Prove that nothing was lost: the state is the fold of the log, every event has reached or is owed
    /// to every endpoint that asked for it, and money is accounted for, in the processor's journal too.
    /// Exit code 1 if anything is wrong
    Verify(Box<verify::VerifyOptions>),
    /// Show the balances of the ledger, folded out of the log
    Ledger(ledger::LedgerOptions),
    /// Say what is wrong now, or soon will be: late deliveries, missing workers, transactions that hold
    /// the horizon, clocks, settings that lose data. Exit code 1 if anything is wrong
    Doctor(Box<doctor::DoctorOptions>),
    /// Bring the state back to what the log says, beside running processes; what stands as it should is
    /// not touched
    Rebuild(rebuild::RebuildOptions),
    /// Check what `calmony serve` would be started with: the configuration, the database, its schema and
    /// roles, the sealing keys
    CheckConfig(Box<check_config::CheckConfigOptions>),
    /// Try adapters of processors
    #[command(subcommand)]
    Processor(processor::ProcessorCommand),
    /// Print the completions of a shell
    Completion(manual::CompletionOptions),
    /// Print the manual page, or write those of all commands into a folder
    Man(manual::ManOptions),
}

/// Runs a command. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
pub async fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Dev(options) => dev::run(options).await,
        Command::Serve(options) => serve::run(*options).await,
        Command::Biller(command) => Box::pin(biller::run(*command)).await,
        Command::SandboxProcessor(options) => sandbox_processor::run(*options).await,
        Command::Migrate(options) => migrate::run(options).await,
        Command::Keys(command) => keys::run(command).await,
        Command::Secrets(command) => secrets::run(command).await,
        Command::Events(command) => events::run(command).await,
        Command::Objects(command) => objects::run(command).await,
        Command::Lookup(options) => lookup::run(options).await,
        Command::Pay(command) => Box::pin(pay::run(command)).await,
        Command::Endpoints(command) => endpoints::run(command).await,
        Command::Deliveries(command) => deliveries::run(command).await,
        Command::Replay(command) => replays::run(command).await,
        Command::Listen(options) => listen::run(options).await,
        Command::Trigger(options) => trigger::run(options).await,
        Command::Verify(options) => Box::pin(verify::run(*options)).await,
        Command::Ledger(options) => ledger::run(options).await,
        Command::Doctor(options) => doctor::run(*options).await,
        Command::Rebuild(options) => rebuild::run(options).await,
        Command::CheckConfig(options) => Box::pin(check_config::run(*options)).await,
        Command::Processor(command) => Box::pin(processor::run(command)).await,
        Command::Completion(options) => {
            manual::complete(&options, Cli::command());
            Ok(())
        }
        Command::Man(options) => manual::man(&options, Cli::command()),
    };
    conclude("calmony", result)
}
