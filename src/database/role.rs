//! The roles that connections work under, and the settings of their sessions.

use super::{STATEMENT_TIMEOUT_MS, WORKER_SILENCE_MS};

/// The settings that pin the planner of sessions that write or drain. With statistics taken while a table
/// was short it would scan (docs/decisions/0005). It would also plan statements with arrays anew each time,
/// which takes longer than running them (docs/decisions/0018).
const PINNED: [(&str, &str); 5] = [
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
];

/// The group role that a connection works under. Its rights are in the migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Owns the schema. Only migrations and account keeping work under it.
    Owner,
    /// Appends events.
    Api,
    /// Reads.
    Reader,
    /// Drains the outbox.
    Worker,
    /// Does the work that time makes due.
    Biller,
    /// Works as the sandbox processor, in a schema of its own.
    Sandbox,
}

impl Role {
    /// Its name in PostgreSQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "calmony_owner",
            Self::Api => "calmony_api",
            Self::Reader => "calmony_reader",
            Self::Worker => "calmony_worker",
            Self::Biller => "calmony_biller",
            Self::Sandbox => "calmony_sandbox",
        }
    }

    /// The schema of its tables.
    const fn schema(self) -> &'static str {
        match self {
            Self::Owner | Self::Api | Self::Reader | Self::Worker | Self::Biller => "calmony",
            Self::Sandbox => "sandbox",
        }
    }

    /// The settings of every session of that role at its start. Times are in milliseconds.
    #[must_use]
    pub fn settings(self) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("role", self.name().to_owned()),
            ("search_path", self.schema().to_owned()),
            ("timezone", "UTC".to_owned()),
            ("jit", "off".to_owned()),
            ("idle_in_transaction_session_timeout", "10000".to_owned()),
        ];
        if matches!(self, Self::Api | Self::Worker | Self::Biller | Self::Sandbox) {
            // The API needs them, too: the look-up whether a key was used must go by the index, even if the
            // statistics come from an empty slot.
            settings.extend(PINNED.map(|(name, value)| (name, value.to_owned())));
        }
        match self {
            Self::Owner => {}
            Self::Reader | Self::Api | Self::Biller | Self::Sandbox => {
                settings.push(("statement_timeout", STATEMENT_TIMEOUT_MS.to_string()));
            }
            // PostgreSQL then frees the buckets of a machine that vanished or a worker that stopped.
            Self::Worker => settings.extend([
                ("statement_timeout", "30000".to_owned()),
                ("idle_session_timeout", WORKER_SILENCE_MS.to_string()),
                ("tcp_keepalives_idle", "5".to_owned()),
                ("tcp_keepalives_interval", "5".to_owned()),
                ("tcp_keepalives_count", "3".to_owned()),
                ("tcp_user_timeout", "20000".to_owned()),
            ]),
        }
        settings
    }
}
