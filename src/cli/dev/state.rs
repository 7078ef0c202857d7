//! The memory of `calmony dev` between starts, `<data-dir>/state.json`, and the variables that it sets for
//! scripts, `<data-dir>/env`. Both hold secrets, and only their owner can read them.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use super::cluster;
use crate::seal::generate_key;

/// The state that is kept between starts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct State {
    /// The database's password.
    pub(super) password: String,
    /// The key that signing secrets are sealed with.
    #[serde(default = "generate_key")]
    pub(super) secret_key: String,
    /// The secret that the API and the sandbox processor share.
    #[serde(default = "new_secret")]
    pub(super) processor_secret: String,
    /// The API keys of the two accounts; `None` until they are made.
    pub(super) keys: Option<[String; 2]>,
    /// The inbox's endpoint; `None` until it is made.
    pub(super) inbox: Option<InboxState>,
}

/// The inbox's endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct InboxState {
    /// Its id.
    pub(super) endpoint: String,
    /// Its signing secret.
    pub(super) secret: String,
    /// The port it listens on, if that is still free.
    pub(super) port: u16,
}

impl State {
    /// The file that it is kept in.
    pub(super) fn path(folder: &Path) -> PathBuf {
        folder.join("state.json")
    }

    /// The state of an earlier start, or a new one.
    pub(super) fn load(folder: &Path) -> anyhow::Result<Self> {
        let path = Self::path(folder);
        if !path.exists() {
            // A new password would not open an old cluster.
            if let Some(left) = cluster::left_in(folder) {
                bail!(
                    "{} is missing, and with it the password of the PostgreSQL that left {}: bring it back, \
                     or delete {} to begin anew",
                    path.display(),
                    left.display(),
                    folder.display()
                );
            }
            let state = Self {
                password: new_secret(),
                secret_key: generate_key(),
                processor_secret: new_secret(),
                keys: None,
                inbox: None,
            };
            state.save(folder)?;
            return Ok(state);
        }
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
        let state: Self = serde_json::from_str(&text).with_context(|| {
            format!("{} is damaged; remove {} to begin anew", path.display(), folder.display())
        })?;
        // An earlier version may not have had all of it.
        state.save(folder)?;
        Ok(state)
    }

    /// Remembers it.
    pub(super) fn save(&self, folder: &Path) -> anyhow::Result<()> {
        write_private(&Self::path(folder), &serde_json::to_string_pretty(self)?)
    }
}

/// A text that nobody can guess.
fn new_secret() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// The variables for scripts: `NAME=value` lines for a shell.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment {
    pub(super) url: String,
    /// The URL of the API's metrics. The worker's metrics are beside its health.
    pub(super) metrics_url: String,
    pub(super) worker_url: String,
    pub(super) keys: [String; 2],
    /// The developer's own login, a superuser's: PostgreSQL is theirs alone, and one URL is for all commands.
    pub(super) database_url: String,
    /// The logins of the API, the worker, the billers and the sandbox processor, which nobody is told.
    pub(super) program_urls: [String; 4],
    pub(super) secret_key: String,
    /// The URL of the sandbox processor, and its secret.
    pub(super) processor_url: String,
    pub(super) processor_secret: String,
    pub(super) processor_pid: u32,
    pub(super) api_pid: u32,
    pub(super) worker_pid: u32,
    /// The URLs of the billers' metrics and health.
    pub(super) biller_urls: Vec<String>,
    /// The first biller's; 0 if there is none.
    pub(super) biller_pid: u32,
}

impl Environment {
    /// Writes the file as a whole, or not at all.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let [first, second] = &self.keys;
        let biller = self.biller_urls.first().map(|url| {
            format!("CALMONY_BILLER_PID={}\nCALMONY_BILLER_METRICS_URL={url}/metrics\n", self.biller_pid)
        });
        let text = format!(
            "CALMONY_URL={}\nCALMONY_API_KEY={first}\nCALMONY_API_KEY_2={second}\nCALMONY_DATABASE_URL={}\n\
             CALMONY_SECRET_KEY={}\nCALMONY_API_PID={}\nCALMONY_WORKER_PID={}\n\
             CALMONY_METRICS_URL={}/metrics\nCALMONY_WORKER_METRICS_URL={}/metrics\n\
             CALMONY_PROCESSOR_URL={}\nCALMONY_PROCESSOR_SECRET={}\nCALMONY_PROCESSOR_PID={}\n",
            self.url,
            self.database_url,
            self.secret_key,
            self.api_pid,
            self.worker_pid,
            self.metrics_url,
            self.worker_url,
            self.processor_url,
            self.processor_secret,
            self.processor_pid
        );
        write_private(&folder.join("env"), &(text + &biller.unwrap_or_default()))
    }

    /// Takes the file away, so that nobody reads of processes that are gone.
    pub(super) fn remove(folder: &Path) {
        // It may not be there.
        let _ = std::fs::remove_file(folder.join("env"));
    }
}

/// Writes a file that only its owner can read, by way of a new one that replaces it.
fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let draft = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .with_context(|| format!("can't write {}", draft.display()))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("can't write {}", draft.display()))?;
    std::fs::rename(&draft, path).with_context(|| format!("can't write {}", path.display()))
}
