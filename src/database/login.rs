//! Logins: their rights besides the group roles, and their creation.

use tokio_postgres::{Client, Row};

use super::{DatabaseError, DatabaseUrl, Role};

/// The programs that have a login of their own, named `calmony_` and this (`schema/logins.sql`).
const PROGRAMS: [&str; 6] = ["migrate", "serve", "deliver", "bill", "process", "inspect"];

/// A login, and those of its rights that its program has no need of.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Login {
    /// Its name.
    pub name: String,
    /// Each right in words that follow "it is". Empty for a login as `schema/logins.sql` makes it.
    pub excess: Vec<String>,
}

impl From<&Row> for Login {
    fn from(row: &Row) -> Self {
        Self { name: row.get("name"), excess: row.get("excess") }
    }
}

/// The logins of these names, whose programs work under these roles.
pub async fn logins(client: &Client, names: &[String], roles: &[Role]) -> Result<Vec<Login>, DatabaseError> {
    look_up(client, Some(names), roles).await
}

/// The logins as PostgreSQL knows them. `None` asks about the session's own login.
async fn look_up(
    client: &Client,
    names: Option<&[String]>,
    roles: &[Role],
) -> Result<Vec<Login>, DatabaseError> {
    let roles: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    let rows = client.query(include_str!("sql/logins.sql"), &[&names, &roles]).await?;
    Ok(rows.iter().map(Login::from).collect())
}

impl DatabaseUrl {
    /// The rights of this login that a program under these roles has no need of.
    pub async fn excess(&self, roles: &[Role]) -> Result<Vec<String>, DatabaseError> {
        let own = look_up(&self.login_client().await?, None, roles).await?;
        Ok(own.into_iter().flat_map(|login| login.excess).collect())
    }

    /// Makes a login for each program, all with that password. This login has to be an administrator's.
    pub async fn make_logins(&self, password: &str) -> Result<(), DatabaseError> {
        let client = self.login_client().await?;
        for program in PROGRAMS {
            let setting = format!("calmony.{program}_password");
            client.execute("select set_config($1, $2, false)", &[&setting, &password]).await?;
        }
        Ok(client.batch_execute(include_str!("../../schema/logins.sql")).await?)
    }
}
