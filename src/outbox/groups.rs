//! Calls between workers: a worker that takes or gives up an event of a group tells the owners of the
//! next ones. A call may be lost, so nothing depends on it but the time.

use super::{EndpointKey, Session};
use crate::database::DatabaseError;

/// The line of a group at an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupLine {
    /// The endpoint.
    pub to: EndpointKey,
    /// The id of the group.
    pub group: String,
}

impl GroupLine {
    /// The line that a message names, if it is one of ours.
    fn parse(message: &str) -> Option<Self> {
        let mut words = message.split(' ').map(str::to_owned);
        let (account, endpoint, group) = (words.next()?.parse().ok()?, words.next()?, words.next()?);
        Some(Self { to: EndpointKey { account, endpoint }, group })
    }
}

impl Session {
    /// Waits until another worker, or this one, calls the next of a group. `None`: it said something else.
    pub async fn called(&self) -> Option<GroupLine> {
        GroupLine::parse(&self.messages.lock().await.recv().await?)
    }

    /// Tells the workers that an event of these groups is over. Nobody waits for it in vain if that fails.
    pub async fn call_owners<'a>(&self, lines: impl Iterator<Item = &'a GroupLine>) {
        let (accounts, endpoints, groups) = columns(lines);
        if !accounts.is_empty()
            && let Err(error) =
                self.client.execute(&self.statements.call_owners, &[&accounts, &endpoints, &groups]).await
        {
            tracing::debug!(error = %DatabaseError::from(error), "the next of a group can't be called");
        }
    }

    /// Makes the first delivery of each line due, if it is in the session's own buckets. Returns their
    /// number.
    pub async fn call<'a>(
        &self,
        lines: impl Iterator<Item = &'a GroupLine>,
        own: &[i16],
    ) -> Result<u64, DatabaseError> {
        let (accounts, endpoints, groups) = columns(lines);
        Ok(self.client.execute(&self.statements.call, &[&accounts, &endpoints, &groups, &own]).await?)
    }
}

fn columns<'a>(lines: impl Iterator<Item = &'a GroupLine>) -> (Vec<i64>, Vec<&'a str>, Vec<&'a str>) {
    let columns = lines.map(|line| (line.to.account, (line.to.endpoint.as_str(), line.group.as_str())));
    let (accounts, (endpoints, groups)) = columns.unzip();
    (accounts, endpoints, groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_a_line_or_is_not_ours() {
        let line = GroupLine::parse("7 we_1 evt_1").expect("a line");
        assert_eq!((line.to.account, line.to.endpoint.as_str(), line.group.as_str()), (7, "we_1", "evt_1"));
        for other in ["", "7", "7 we_1", "we_1 7 evt_1"] {
            assert_eq!(GroupLine::parse(other), None, "{other}");
        }
    }
}
