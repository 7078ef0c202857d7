//! Finding PostgreSQL's programs on this machine, and the user that may run them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// The oldest PostgreSQL that works: `idle_session_timeout` came with it.
const VERSION_MIN: u32 = 14;
/// The advice for a machine without PostgreSQL, in one line.
const INSTALL_HINT: &str = "PostgreSQL 14 or later is not on this machine: install it with \
    `apt-get install postgresql` (Debian, Ubuntu), `dnf install postgresql-server` (Fedora) or \
    `brew install postgresql@17` (macOS), or name the folder of initdb in CALMONY_POSTGRES_BIN";

/// The folder of `initdb` and `postgres`. A folder that the environment names is the only one looked at.
/// Otherwise the PATH comes first, then the folder that `pg_config` names, then those of Debian and Homebrew,
/// the newest version first.
pub fn find() -> anyhow::Result<PathBuf> {
    find_unless(std::env::var_os("CALMONY_POSTGRES_BIN"))
}

fn find_unless(named: Option<OsString>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named.filter(|named| !named.is_empty()).map(PathBuf::from) {
        return usable(&named).with_context(|| {
            format!(
                "CALMONY_POSTGRES_BIN names {}, which has no initdb and postgres of version {VERSION_MIN} or \
                 later that can be run",
                named.display()
            )
        });
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = std::env::split_paths(&path)
        .chain(pg_config())
        .chain(versions("/usr/lib/postgresql", "bin"))
        .chain(versions("/opt/homebrew/opt", "bin"))
        .chain(versions("/usr/local/opt", "bin"));
    first_usable(candidates)
}

fn first_usable(candidates: impl IntoIterator<Item = PathBuf>) -> anyhow::Result<PathBuf> {
    candidates.into_iter().find_map(|folder| usable(&folder)).context(INSTALL_HINT)
}

/// That folder, if it has the programs. If they are links, the folder that they lead to: it has the other
/// programs, too.
fn usable(folder: &Path) -> Option<PathBuf> {
    let initdb = folder.join("initdb").canonicalize().ok()?;
    let folder = initdb.parent()?;
    (version(folder)? >= VERSION_MIN).then(|| folder.to_owned())
}

/// The major version of the PostgreSQL in that folder.
pub(super) fn version(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let number =
        text.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(folder.trim()))
}

/// The folders `<root>/<version>/<leaf>`, the highest version first.
fn versions(root: &str, leaf: &str) -> Vec<PathBuf> {
    let number = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.trim_start_matches("postgresql@").parse::<u32>().unwrap_or(0)
    };
    let mut folders: Vec<_> =
        std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    folders.sort_by_key(|path| std::cmp::Reverse(number(path)));
    folders.into_iter().map(|path| path.join(leaf)).collect()
}

/// A user without rights, under whom root runs PostgreSQL, which refuses root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unprivileged {
    /// The user's name, for messages.
    pub name: String,
    /// The user's number.
    pub uid: u32,
    /// The user's group.
    pub gid: u32,
}

/// The user to run PostgreSQL as if this process is root's. `None` means this process's own user.
pub fn unprivileged() -> anyhow::Result<Option<Unprivileged>> {
    let id = Command::new("id").arg("-u").output().context("can't run `id -u`")?;
    if String::from_utf8_lossy(&id.stdout).trim() != "0" {
        return Ok(None);
    }
    let passwd = std::fs::read_to_string("/etc/passwd").context("can't read /etc/passwd")?;
    for name in ["postgres", "nobody"] {
        if let Some(user) = passwd.lines().find_map(|line| user_of_line(line, name)) {
            return Ok(Some(user));
        }
    }
    bail!("PostgreSQL refuses to run as root, and this machine has neither a user postgres nor a user nobody")
}

/// The user of a line of `/etc/passwd`, if the line is about that name.
fn user_of_line(line: &str, name: &str) -> Option<Unprivileged> {
    let mut fields = line.split(':');
    let (found, _password, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    (found == name).then(|| {
        Some(Unprivileged { name: name.to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_postgresql_one_line_says_what_to_install() {
        let error = first_usable([PathBuf::from("/nowhere")]).unwrap_err().to_string();
        assert!(error.contains("apt-get install postgresql") && error.lines().count() == 1, "{error}");
    }

    #[test]
    fn a_folder_that_is_named_is_the_only_one_looked_at() {
        let error = find_unless(Some("/nowhere".into())).unwrap_err().to_string();
        assert!(error.contains("CALMONY_POSTGRES_BIN names /nowhere,"), "{error}");
    }

    #[test]
    fn a_line_of_passwd_names_its_user_only() {
        let line = "postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash";
        assert_eq!(user_of_line(line, "postgres").map(|user| (user.uid, user.gid)), Some((101, 104)));
        assert_eq!(user_of_line(line, "nobody"), None);
        assert_eq!(user_of_line("postgres:x:abc", "postgres"), None);
    }
}
