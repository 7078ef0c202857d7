//! A private PostgreSQL: its own folder, its own port on loopback, its own password.
//!
//! It lives as long as this process. A shell between the two waits for the end of its standard input, and
//! then stops PostgreSQL. So PostgreSQL goes even when this process is killed.

use std::fs::{OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use sha2::{Digest as _, Sha256};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::Instant;

use super::programs::{self, Unprivileged};
use crate::database::{DatabaseError, DatabaseUrl};

/// A script that runs its arguments. It stops them with SIGINT (PostgreSQL's fast shutdown) when standard
/// input ends.
const SHELL: &str = r#"exec 3<&0
"$@" </dev/null 3<&- & server=$!
{ read _ <&3; kill -INT $server; } & watcher=$!
wait $server; status=$?
kill $watcher 2>/dev/null
exit $status"#;

/// The longest time for a start of PostgreSQL, recovery after a crash included.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// The time for which a start that fails at once is tried again.
const RESTART_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause between two such tries.
const RESTART_DELAY: Duration = Duration::from_millis(100);
/// The longest time for a stop of PostgreSQL.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// The superuser of a private cluster.
const USER: &str = "calmony";
/// PostgreSQL's own log, in the folder.
const LOG: &str = "postgres.log";
/// The first two characters of PostgreSQL's message about a login that it refuses (SQLSTATE class 28).
const LOGIN_REFUSED: &str = "28";

/// A private PostgreSQL.
#[derive(Debug)]
pub struct Cluster {
    bin: PathBuf,
    data: PathBuf,
    log: PathBuf,
    user: Option<Unprivileged>,
    password: String,
    settings: Vec<String>,
    port: u16,
    is_new: bool,
    child: Option<Child>,
    /// The other end of its standard input, kept apart because waiting for a child closes the one it has.
    lifeline: Option<ChildStdin>,
}

impl Cluster {
    /// Opens the cluster in that folder, and makes it if there is none. It is not running yet. `settings` are
    /// `name=value`.
    pub async fn open(folder: &Path, password: &str, settings: &[&str]) -> anyhow::Result<Self> {
        let bin = programs::find()?;
        let user = programs::unprivileged()?;
        std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
        let folder = folder.canonicalize().with_context(|| format!("can't enter {}", folder.display()))?;
        let home = home(&folder, user.as_ref(), password)?;
        let mut cluster = Self {
            bin,
            data: home.join("postgres"),
            log: folder.join(LOG),
            user,
            password: password.to_owned(),
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            port: free_port()?,
            is_new: false,
            child: None,
            lifeline: None,
        };
        let version = cluster.data.join("PG_VERSION");
        match std::fs::read_to_string(&version) {
            Ok(made_by) => cluster.check_version(made_by.trim())?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                cluster.make(&home).await?;
                cluster.is_new = true;
            }
            Err(error) => return Err(error).with_context(|| format!("can't read {}", version.display())),
        }
        Ok(cluster)
    }

    /// True if it was made just now. It holds nothing of an earlier one then.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.is_new
    }

    /// Refuses a cluster that another version of PostgreSQL has made, which this one can't run.
    fn check_version(&self, made_by: &str) -> anyhow::Result<()> {
        let Some(own) = programs::version(&self.bin).filter(|own| own.to_string() != made_by) else {
            return Ok(());
        };
        bail!(
            "{} was made by PostgreSQL {made_by}, and {} has PostgreSQL {own}: name the folder of the initdb \
             of PostgreSQL {made_by} in CALMONY_POSTGRES_BIN, or delete {} to begin anew",
            self.data.display(),
            self.bin.display(),
            self.folder().display()
        )
    }

    /// The folder that it was opened with.
    fn folder(&self) -> &Path {
        self.log.parent().unwrap_or(&self.data)
    }

    /// Makes the cluster beside its place and moves it there. So a half-made one is never taken for whole.
    async fn make(&self, home: &Path) -> anyhow::Result<()> {
        let draft = home.join("postgres.new");
        let password_file = home.join("password.new");
        if draft.exists() {
            std::fs::remove_dir_all(&draft).with_context(|| format!("can't remove {}", draft.display()))?;
        }
        let written = self.write_password(&password_file);
        written.with_context(|| format!("can't write {}", password_file.display()))?;
        let initdb = self.bin.join("initdb");
        let output = self
            .command(&initdb)
            .args(["--username", USER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(&draft)
            .output()
            .await
            .with_context(|| format!("can't run {}", initdb.display()))?;
        std::fs::remove_file(&password_file)
            .with_context(|| format!("can't remove {}", password_file.display()))?;
        ensure!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        std::fs::rename(&draft, &self.data).with_context(|| format!("can't make {}", self.data.display()))
    }

    /// Writes the password for `initdb`, which runs as the user that runs PostgreSQL.
    fn write_password(&self, path: &Path) -> std::io::Result<()> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        file.and_then(|mut file| file.write_all(self.password.as_bytes()))?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        self.user.as_ref().map_or(Ok(()), |user| chown(path, Some(user.uid), Some(user.gid)))
    }

    /// The folder of PostgreSQL's files, and the user that can't enter the folder that the cluster was
    /// opened with; `None` if the files are in that one.
    #[must_use]
    pub fn elsewhere(&self) -> Option<(&Path, &str)> {
        let user = self.user.as_ref()?;
        (!self.data.starts_with(self.folder())).then_some((&self.data, &user.name))
    }

    /// Starts it and waits until it takes connections. After a crash the backends of the killed server may
    /// hold its memory for a moment longer, and PostgreSQL refuses to start. So the start is tried again for
    /// a while.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        self.end_leftover().await;
        let deadline = Instant::now() + RESTART_TIMEOUT;
        loop {
            self.spawn()?;
            if tokio::time::timeout(START_TIMEOUT, self.comes_up()).await.unwrap_or(Ok(false))? {
                return Ok(());
            }
            if !self.has_ended() || Instant::now() > deadline {
                bail!("PostgreSQL did not start{}; its log is {}", self.last_said(), self.log.display());
            }
            tokio::time::sleep(RESTART_DELAY).await;
        }
    }

    /// The reason that PostgreSQL's log gives last.
    fn last_said(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let fatal = log.lines().rev().find_map(|line| line.split_once("FATAL: "));
        fatal.map(|(_, reason)| format!(" ({})", reason.trim())).unwrap_or_default()
    }

    fn spawn(&mut self) -> anyhow::Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("can't write {}", self.log.display()))?;
        let mut command = self.command(Path::new("sh"));
        command.arg("-c").arg(SHELL).arg("postgres").arg(self.bin.join("postgres")).arg("-D").arg(&self.data);
        let fixed = [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "max_connections=200".to_owned(),
        ];
        for setting in fixed.iter().chain(&self.settings) {
            command.arg("-c").arg(setting);
        }
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let mut child = command.spawn().context("can't start PostgreSQL")?;
        self.lifeline = child.stdin.take();
        self.child = Some(child);
        Ok(())
    }

    /// Waits until it takes connections. Returns false if it ends before, and an error if it refuses the
    /// login.
    async fn comes_up(&mut self) -> anyhow::Result<bool> {
        let url = self.url("postgres")?;
        loop {
            match url.login_client().await {
                Ok(_) => return Ok(true),
                Err(DatabaseError::Unavailable(said)) if said.starts_with(LOGIN_REFUSED) => bail!(
                    "the PostgreSQL in {} has another password than the one that {} has for it ({said}): \
                     bring the right one back, or delete {} to begin anew",
                    self.data.display(),
                    self.folder().display(),
                    self.folder().display()
                ),
                Err(_) if self.has_ended() => return Ok(false),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// True if it has stopped by itself or was killed.
    pub fn has_ended(&mut self) -> bool {
        self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }

    /// Waits until it stops by itself or is killed.
    pub async fn ended(&mut self) {
        match &mut self.child {
            Some(child) => drop(child.wait().await),
            None => std::future::pending().await,
        }
    }

    /// Stops it. Open transactions are rolled back, and everything committed is on disk.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        self.lifeline = None;
        if tokio::time::timeout(STOP_TIMEOUT, child.wait()).await.is_err() {
            self.end_leftover().await;
        }
        Ok(())
    }

    /// The process id of the running server.
    pub fn pid(&self) -> anyhow::Result<u32> {
        let path = self.data.join("postmaster.pid");
        let file = std::fs::read_to_string(&path)
            .with_context(|| format!("PostgreSQL is not running: can't read {}", path.display()))?;
        file.lines()
            .next()
            .and_then(|line| line.trim().parse().ok())
            .context("postmaster.pid has no process id")
    }

    /// The port that it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The folder that its files are in.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> anyhow::Result<DatabaseUrl> {
        self.url_text(database).parse().map_err(anyhow::Error::msg)
    }

    /// The same as text, with the password.
    #[must_use]
    pub fn url_text(&self, database: &str) -> String {
        self.login_url_text(USER, database)
    }

    /// The same for another login. All have one password.
    #[must_use]
    pub fn login_url_text(&self, login: &str, database: &str) -> String {
        format!("postgresql://{login}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Stops a server that a killed predecessor left behind. The process id in its file may be another
    /// program's by now.
    async fn end_leftover(&self) {
        let Ok(pid) = self.pid() else { return };
        let command_line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let own = self.data.as_os_str().as_encoded_bytes();
        let known = Path::new("/proc/self").exists();
        if known && !command_line.windows(own.len()).any(|part| part == own) {
            return;
        }
        let mut command = self.command(&self.bin.join("pg_ctl"));
        // It fails when the server is gone already, which is the aim.
        let _ = command.args(["stop", "-m", "immediate", "-w", "-s", "-D"]).arg(&self.data).output().await;
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").env("LC_ALL", "C");
        if let Some(user) = &self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }
}

/// The folder that PostgreSQL's files go to, owned by the user that runs it. It lies within the given folder.
/// If that user can't get there (a clone in root's home), it is one of the system's folders.
fn home(folder: &Path, user: Option<&Unprivileged>, password: &str) -> anyhow::Result<PathBuf> {
    let Some(user) = user else {
        return Ok(folder.to_owned());
    };
    let open = |path: &Path| path.metadata().is_ok_and(|metadata| metadata.mode() & 0o001 != 0);
    let home = if folder.ancestors().skip(1).all(open) {
        folder.join("cluster")
    } else {
        system_folder(folder, password)
    };
    std::fs::create_dir_all(&home).with_context(|| format!("can't make {}", home.display()))?;
    let permit = |path: &Path, mode| {
        let permitted = std::fs::set_permissions(path, Permissions::from_mode(mode));
        permitted.with_context(|| format!("can't set the permissions of {}", path.display()))
    };
    permit(folder, 0o711)?;
    permit(&home, 0o700)?;
    chown(&home, Some(user.uid), Some(user.gid))
        .with_context(|| format!("can't give {} to {}", home.display(), user.name))?;
    Ok(home)
}

/// The system's folder for PostgreSQL's files of a folder. The password is a part of its name. So a folder
/// that is deleted and made again doesn't meet the files of its predecessor. Earlier versions left the
/// password out.
fn system_folder(folder: &Path, password: &str) -> PathBuf {
    let named = |parts: &[&[u8]]| {
        let digest = Sha256::digest(parts.concat());
        let name = digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        PathBuf::from("/var/lib/calmony-dev").join(format!("{name:016x}"))
    };
    let path = folder.as_os_str().as_encoded_bytes();
    let (home, earlier) = (named(&[path, b"\0", password.as_bytes()]), named(&[path]));
    // Only a folder that PostgreSQL was started for before has a log.
    if !home.exists() && earlier.exists() && folder.join(LOG).exists() { earlier } else { home }
}

/// Something in a folder that a cluster has left there.
pub(super) fn left_in(folder: &Path) -> Option<PathBuf> {
    [LOG, "postgres", "cluster"].into_iter().map(|name| folder.join(name)).find(|path| path.exists())
}

/// The ports below those that Linux gives to outgoing connections: one of these would be taken again by any
/// connection before a server listens on it.
const PORTS: std::ops::Range<u16> = 10_000..32_768;

/// A port that is free now, and that is hardly chosen by another process at the same time.
pub fn free_port() -> anyhow::Result<u16> {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut tried = std::iter::repeat_with(|| rand::random_range(PORTS)).take(1_000);
    tried.find(is_free).context("no port is free on 127.0.0.1")
}
