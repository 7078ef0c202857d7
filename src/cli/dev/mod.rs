//! `calmony dev`: everything on one machine, for trying and for developing against.

mod children;
pub mod cluster;
mod demo;
mod inbox;
mod product;
pub mod programs;
mod state;

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::future::select_all;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::support::client::wait_ready;
use crate::config::{ParentOptions, listen_address};
use crate::database::migrate::migrate;
use crate::log::accounts::create_key;
use crate::log::secrets::reseal;
use crate::output::say;
use crate::retry::{Reconnect, RetrySchedule};
use crate::seal::Keyring;
use crate::secret::KeyKind;
use crate::stop::stop_token;
use crate::telemetry::{self, LogOptions};
pub use children::{Program, Running};
use cluster::Cluster;
use state::{Environment, State};

/// The longest time for the API and the worker to become ready.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// The time without a death after which the next restart is quick again.
const CALM: Duration = Duration::from_secs(10);

/// The options of running everything.
#[derive(Debug, clap::Args)]
pub struct DevOptions {
    /// Address of the API. Port 0 takes a free one
    #[arg(long, env = "CALMONY_LISTEN", default_value = "127.0.0.1:8080", value_parser = listen_address)]
    listen: SocketAddr,
    /// The folder that everything is kept in
    #[arg(long, env = "CALMONY_DATA_DIR", default_value = ".calmony", value_name = "FOLDER")]
    data_dir: PathBuf,
    /// No sample customer and no inbox
    #[arg(long, env = "CALMONY_NO_DEMO")]
    no_demo: bool,
    /// Number of billers
    #[arg(
        long,
        env = "CALMONY_BILLERS",
        default_value_t = 1,
        value_parser = clap::value_parser!(u8).range(0..=16),
        value_name = "COUNT"
    )]
    billers: u8,
    /// The delays between the attempts of one delivery
    #[arg(long, env = "CALMONY_RETRY_SCHEDULE", default_value_t, value_name = "DELAYS")]
    retry_schedule: RetrySchedule,
    #[command(flatten)]
    parent: ParentOptions,
    #[command(flatten)]
    log: LogOptions,
}

/// Everything that runs.
struct System {
    folder: PathBuf,
    cluster: Cluster,
    programs: Programs,
    environment: Environment,
}

/// The programs that run, and are started again when they die.
struct Programs {
    api: Running,
    worker: Running,
    billers: Vec<Running>,
    processor: Running,
}

pub(super) async fn run(options: DevOptions) -> anyhow::Result<()> {
    let _logging = telemetry::init(&options.log).context("can't start logging")?;
    let stop = stop_token(options.parent)?;
    std::fs::create_dir_all(&options.data_dir)
        .with_context(|| format!("can't make {}", options.data_dir.display()))?;
    let folder = options.data_dir.canonicalize();
    let folder = folder.with_context(|| format!("can't enter {}", options.data_dir.display()))?;
    let _lock = lock(&folder)?;
    let mut state = State::load(&folder)?;
    Environment::remove(&folder);

    let mut cluster = Cluster::open(&folder, &state.password, &[]).await?;
    if cluster.is_new() {
        // The remembered keys and inbox were another cluster's.
        (state.keys, state.inbox) = (None, None);
    }
    if let Some((data, user)) = cluster.elsewhere() {
        let (folder, data) = (folder.display(), data.display());
        say(format_args!(
            "PostgreSQL runs as the user {user}, who can't enter {folder}; its files are in {data}"
        ));
    }
    let mut system = tokio::select! {
        system = start(&options, &folder, &mut state, &mut cluster) => match system {
            Ok((programs, environment)) => System { folder, cluster, programs, environment },
            Err(error) => {
                cluster.stop().await?;
                return Err(error);
            }
        },
        () = stop.cancelled() => return cluster.stop().await,
    };
    let result = system.attend(&options, &mut state, &stop).await;
    say("stopping …");
    Environment::remove(&system.folder);
    system.programs.api.stop().await;
    system.programs.worker.stop().await;
    for biller in &mut system.programs.billers {
        biller.stop().await;
    }
    system.programs.processor.stop().await;
    system.cluster.stop().await?;
    result
}

/// Locks the folder: it takes one `calmony dev` at a time.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("lock");
    let file = File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
    if file.try_lock().is_err() {
        bail!("another `calmony dev` runs in {}; stop it or name another --data-dir", folder.display());
    }
    Ok(file)
}

/// Starts the database and the programs, and waits until they are ready.
async fn start(
    options: &DevOptions,
    folder: &Path,
    state: &mut State,
    cluster: &mut Cluster,
) -> anyhow::Result<(Programs, Environment)> {
    let address = free_address(options.listen)?;
    cluster.start().await?;
    cluster.url("postgres")?.create_database("calmony").await?;
    let url = cluster.url("calmony")?;
    migrate(&url).await?;
    url.make_logins(&state.password).await?;
    let keyring = state.secret_key.parse::<Keyring>();
    let keyring =
        keyring.with_context(|| format!("{} holds no secret_key", State::path(folder).display()))?;
    reseal(&url, &keyring).await?;
    if state.keys.is_none() {
        let make = async |account| create_key(&url, account, KeyKind::default(), None).await;
        let keys = [make("dev").await?, make("other").await?];
        state.keys = Some(keys.map(|key| key.reveal().to_owned()));
        state.save(folder)?;
    }
    let environment = Environment {
        url: format!("http://{address}"),
        metrics_url: free_url()?,
        worker_url: free_url()?,
        keys: state.keys.clone().unwrap_or_default(),
        database_url: cluster.url_text("calmony"),
        processor_url: free_url()?,
        processor_secret: state.processor_secret.clone(),
        program_urls: ["calmony_serve", "calmony_deliver", "calmony_bill", "calmony_process"]
            .map(|login| cluster.login_url_text(login, "calmony")),
        secret_key: state.secret_key.clone(),
        biller_urls: (0..options.billers).map(|_| free_url()).collect::<anyhow::Result<_>>()?,
        ..Environment::default()
    };
    let api = product::api(address, &environment)?.start()?;
    let worker = product::worker(&environment, &options.retry_schedule)?.start()?;
    let processor = product::processor(&environment)?.start()?;
    let billers = environment.biller_urls.iter().map(|url| product::biller(url, &environment)?.start());
    let billers = billers.collect::<anyhow::Result<Vec<_>>>()?;
    let urls = [&environment.url, &environment.worker_url, &environment.processor_url];
    for url in urls.into_iter().chain(&environment.biller_urls) {
        wait_ready(url, READY_TIMEOUT).await?;
    }
    let programs = Programs { api, worker, billers, processor };
    let environment = programs.noted(environment);
    Ok((programs, environment))
}

impl Programs {
    /// The variables with the programs' ids.
    fn noted(&self, environment: Environment) -> Environment {
        Environment {
            api_pid: self.api.pid(),
            worker_pid: self.worker.pid(),
            biller_pid: self.billers.first().map_or(0, Running::pid),
            processor_pid: self.processor.pid(),
            ..environment
        }
    }

    /// Waits until one ends. Returns it, and the way that it ended.
    async fn ended(&mut self) -> (&mut Running, String) {
        let Self { api, worker, billers, processor } = self;
        let all = [api, worker, processor].into_iter().chain(billers);
        let ended = all.map(|program| {
            Box::pin(async move {
                let how = program.ended().await;
                (program, how)
            })
        });
        // There is an API always.
        select_all(ended).await.0
    }
}

/// The address to listen on, with port 0 replaced by a free one. A taken address is an error.
fn free_address(wanted: SocketAddr) -> anyhow::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind(wanted)
        .with_context(|| format!("can't listen on {wanted}; name another with --listen"))?;
    Ok(listener.local_addr()?)
}

/// A place on this machine where nobody listens.
fn free_url() -> anyhow::Result<String> {
    Ok(format!("http://127.0.0.1:{}", cluster::free_port()?))
}

impl System {
    /// Runs the demonstration and greets. Then it restarts each program that dies, until it is told to stop.
    async fn attend(
        &mut self,
        options: &DevOptions,
        state: &mut State,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        tokio::select! {
            done = demo::run(&self.folder, &self.environment.url, options.no_demo, state) => done?,
            () = stop.cancelled() => return Ok(()),
        }
        self.environment.write(&self.folder)?;
        demo::greet(&self.environment.url, &self.environment.keys);
        let mut pauses = Pauses::default();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.cluster.ended() => {
                    say("PostgreSQL ended; it is started again");
                    tokio::select! {
                        started = self.cluster.start() => started?,
                        () = stop.cancelled() => return Ok(()),
                    }
                }
                (program, how) = self.programs.ended() => {
                    say(format_args!("{how}; it is started again"));
                    pauses.take().await;
                    program.restart()?;
                }
            }
            self.environment = self.programs.noted(std::mem::take(&mut self.environment));
            self.environment.write(&self.folder)?;
        }
    }
}

/// The pauses before restarts: short, and growing to two seconds for a program that dies at once.
#[derive(Default)]
struct Pauses {
    reconnect: Reconnect,
    last: Option<Instant>,
}

impl Pauses {
    async fn take(&mut self) {
        if self.last.is_none_or(|last| last.elapsed() > CALM) {
            self.reconnect.reset();
        }
        tokio::time::sleep(self.reconnect.next_delay()).await;
        self.last = Some(Instant::now());
    }
}
