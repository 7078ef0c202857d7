//! `calmony listen`: follows the log and forwards it to a URL, signed as the worker signs. The developer
//! of a receiver needs no endpoint that the service could reach.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::cli::support::client::{ApiClient, ApiOptions, plain_client};
use crate::cli::support::stream::Messages;
use crate::cli::support::table::text;
use crate::clock;
use crate::config::ParentOptions;
use crate::contract::{Event, EventType};
use crate::id::Id;
use crate::output::say;
use crate::retry::Reconnect;
use crate::secret::SigningSecret;
use crate::signature::{self, Message};
use crate::stop::stop_token;

/// The options of listening.
#[derive(Debug, clap::Args)]
pub(crate) struct ListenOptions {
    #[command(flatten)]
    api: ApiOptions,
    /// Address that events are sent to, as signed webhooks
    #[arg(long, value_name = "URL", value_parser = target)]
    forward_to: url::Url,
    /// Only these types, with commas between; without it all but those of endpoints and replays
    #[arg(long, value_name = "TYPES", value_delimiter = ',', value_parser = event_type)]
    events: Vec<&'static str>,
    /// Begin after this event, instead of where the last run stopped or now
    #[arg(long, value_name = "EVENT")]
    since: Option<Id<Event>>,
    /// File of the place in the log and of the signing secret
    #[arg(long, env = "CALMONY_LISTEN_STATE", value_name = "FILE", default_value = ".calmony-listen.json")]
    state: PathBuf,
    /// Print the signing secret and do nothing else
    #[arg(long)]
    print_secret: bool,
    #[command(flatten)]
    parent: ParentOptions,
}

fn target(text: &str) -> Result<url::Url, String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("expected http:// or https://".to_owned());
    }
    // The called URL is the written one.
    let written = if url.path() == "/" && url.query().is_none() { text.trim_end_matches('/') } else { text };
    if url.as_str().trim_end_matches('/') == written.trim_end_matches('/') {
        Ok(url)
    } else {
        Err(format!("would be called as {url}; write that if it is meant"))
    }
}

fn event_type(text: &str) -> Result<&'static str, String> {
    let known = EventType::from_wire(text).map(EventType::as_str);
    known.ok_or_else(|| "no such type; `*` is what is sent without --events".to_owned())
}

/// The state that is kept between two runs.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    secret: String,
    last_event: Option<String>,
}

impl State {
    fn load(path: &Path) -> anyhow::Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                serde_json::from_str(&text).with_context(|| format!("{} is not ours", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self { secret: SigningSecret::generate().reveal().to_owned(), last_event: None })
            }
            Err(error) => Err(error).with_context(|| format!("can't read {}", path.display())),
        }
    }

    /// Writes the state beside its place and renames it, so that a crash leaves the old or the new one.
    fn save(&self, path: &Path) -> anyhow::Result<()> {
        let beside = path.with_extension("new");
        let text = serde_json::to_string_pretty(self)?;
        // It holds a secret.
        let mut open = std::fs::OpenOptions::new();
        let file = open.write(true).create(true).truncate(true).mode(0o600).open(&beside);
        let saved = file
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| std::fs::rename(&beside, path));
        saved.with_context(|| format!("can't write {}", path.display()))
    }
}

struct Listener {
    api: ApiClient,
    client: reqwest::Client,
    options: ListenOptions,
    secret: SigningSecret,
    state: State,
}

pub(crate) async fn run(options: ListenOptions) -> anyhow::Result<()> {
    let mut state = State::load(&options.state)?;
    state.save(&options.state)?;
    if options.print_secret {
        say(&state.secret);
        return Ok(());
    }
    let secret = SigningSecret::parse(&state.secret)?;
    if let Some(since) = options.since {
        state.last_event = Some(since.to_string());
    }
    let stop = stop_token(options.parent)?;
    say(format_args!("Events go to {} and are signed with {}", options.forward_to, state.secret));
    let api = options.api.client()?;
    let mut listener = Listener { api, client: plain_client()?, options, secret, state };
    let mut reconnect = Reconnect::default();
    loop {
        let followed = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            followed = listener.follow(&mut reconnect, &stop) => followed,
        };
        if let Err(error) = followed {
            let delay = reconnect.next_delay();
            say(format_args!("the stream broke off ({error:#}); again in {delay:.1?}"));
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(delay) => {}
            }
        }
    }
}

impl Listener {
    /// Follows the stream until it ends. The place is kept after each event that was forwarded.
    async fn follow(&mut self, reconnect: &mut Reconnect, stop: &CancellationToken) -> anyhow::Result<()> {
        let mut messages = Messages::open(&self.api, self.state.last_event.as_deref()).await?;
        reconnect.reset();
        while !stop.is_cancelled() {
            let data = messages.next().await?;
            self.take(&data).await?;
        }
        Ok(())
    }

    /// Takes one event in. A replay of a single event forwards that event again.
    async fn take(&mut self, data: &str) -> anyhow::Result<()> {
        let event: Value = serde_json::from_str(data)?;
        let id = text(&event, "/id");
        let kind = text(&event, "/type");
        if kind == EventType::ReplayCreated.as_str()
            && let Some(again) = event.pointer("/data/object/event").and_then(Value::as_str)
        {
            let path = format!("/v1/events/{again}");
            if let Some((body, event)) = self.api.text(Method::GET, &path).await?
                && self.is_wanted(&text(&event, "/type"))
            {
                self.forward(again, &event, body).await;
            }
        }
        if self.is_wanted(&kind) {
            self.forward(&id, &event, data.to_owned()).await;
        }
        self.state.last_event = Some(id);
        self.state.save(&self.options.state)
    }

    fn is_wanted(&self, kind: &str) -> bool {
        if self.options.events.is_empty() {
            // As for an endpoint that asks for `*`.
            return !kind.starts_with("webhook_endpoint.") && !kind.starts_with("replay.");
        }
        self.options.events.contains(&kind)
    }

    /// Sends an event once, and prints the outcome. A failure doesn't stop the listener.
    async fn forward(&self, id: &str, event: &Value, body: String) {
        let timestamp = clock::now().seconds();
        let message = Message { id, timestamp, body: body.as_bytes() };
        let secrets = std::slice::from_ref(&self.secret);
        let (stripe, standard) =
            (signature::stripe(message, secrets), signature::standard_webhooks(message, secrets));
        let began = tokio::time::Instant::now();
        let sent = self
            .client
            .post(self.options.forward_to.clone())
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .header("stripe-signature", &stripe)
            .header("calmony-signature", &stripe)
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", standard)
            .body(body)
            .send()
            .await;
        let outcome = match sent {
            Ok(answer) => answer.status().as_u16().to_string(),
            Err(error) => error.without_url().to_string(),
        };
        let took = Duration::from_millis(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        let kind = text(event, "/type");
        let object = text(event, "/data/object/id");
        say(format_args!("{kind:32} {id} {object} -> {outcome} ({took:?})"));
    }
}
