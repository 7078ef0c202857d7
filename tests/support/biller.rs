//! Billers, running, and objects that are due.

use calmony_pay::cli::dev::Running;

use super::Database;
use super::client::http;
use super::system::{Started, start};

/// A running biller.
pub struct Biller {
    /// Its process.
    pub process: Running,
    /// The URL of its health and metrics.
    pub url: String,
}

impl Biller {
    /// A biller on that database, without a processor.
    pub async fn on(database: &Database) -> Self {
        Self::with(database, &[]).await
    }

    /// The same with more or other environment variables.
    pub async fn with(database: &Database, more: &[(&'static str, &str)]) -> Self {
        let mut environment = vec![("CALMONY_DATABASE_URL", database.url.clone())];
        environment.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let Started { process, url, .. } =
            start("calmony", &["biller"], "CALMONY_BILLER_LISTEN", environment).await;
        Self { process, url }
    }

    /// The value of a series of its metrics; `None` if there is no such series.
    pub async fn metric(&self, series: &str) -> Option<f64> {
        let text = http().get(format!("{}/metrics", self.url)).send().await.ok()?.text().await.ok()?;
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }
}

/// Appends a customer, by the database's administrator, that says that it has been due for so many
/// seconds. Nothing of a customer is ever due, so that no version of the biller knows a step for it.
pub async fn plant_due(database: &Database, account: i64, seconds: i64) {
    let sql = "insert into calmony.event \
                   (account, id, stream, version, type, data, internal, created_at) \
               select $1, 'evt_' || ulid, 'cus_' || ulid, 1, 'customer.created', \
                      json_build_object('id', 'cus_' || ulid, 'object', 'customer'), \
                      json_build_object('due', extract(epoch from now())::bigint - $2), now() \
                 from (select '01J9ZW' || upper(substr(translate(md5(random()::text), 'abcdef', '234567'), \
                                                       1, 20)) as ulid) u";
    database.admin().await.execute(sql, &[&account, &seconds]).await.unwrap();
}
