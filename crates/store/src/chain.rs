//! The chain of the audit: every entry's hash covers the entry and the hash of the one before it, so that nothing in
//! between can be changed, taken out or put in without the rest telling. It must never know what an entry means.

use model::Audited;
use sha2::{Digest, Sha256};

use crate::WriteError;
use crate::archive::hex;

/// What stands before the first entry.
pub(crate) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One entry as its row has it: what it is found by, and all of it as JSON. The hash covers both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub position: Option<i64>,
    pub incident: Option<String>,
    pub other: Option<String>,
    pub actor: String,
    pub action: String,
    pub outcome: String,
    pub form: String,
}

/// The last entry that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// 0 before the first.
    pub sequence: u64,
    pub hash: String,
}

/// The first thing that is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokenLink {
    #[error("entry {sequence} is missing")]
    Missing { sequence: u64 },
    #[error(
        "entry {sequence} was changed or put in: its hash does not follow from it and the entry before it"
    )]
    WrongHash { sequence: u64 },
    #[error("entry {sequence} was put in: the server's last entry is {last}")]
    BehindTheLast { sequence: u64, last: u64 },
    #[error("the note of the last entry, {sequence}, does not fit it")]
    WrongHead { sequence: u64 },
}

impl Default for AuditHead {
    fn default() -> Self {
        Self { sequence: 0, hash: GENESIS.to_owned() }
    }
}

impl Row {
    pub(crate) fn of(entry: &Audited) -> Result<Self, WriteError> {
        let position = entry.position();
        let counted =
            |position: u64| i64::try_from(position).map_err(|_| WriteError::PositionTooLarge { position });
        let form = serde_json::to_string(entry).map_err(|error| WriteError::Form {
            what: "an entry of the audit".to_owned(),
            detail: error.to_string(),
        })?;
        Ok(Self {
            position: position.map(counted).transpose()?,
            incident: entry.incident().map(|id| id.to_string()),
            other: entry.other().map(|id| id.to_string()),
            actor: entry.actor().to_owned(),
            action: entry.action().to_owned(),
            outcome: entry.outcome().as_str().to_owned(),
            form,
        })
    }

    /// The hash of this row behind that one: SHA-256 over the hash before, the number, and every column with its length.
    pub(crate) fn link(&self, before: &str, sequence: u64) -> String {
        let position = self.position.map(|position| position.to_string());
        let columns = [
            position.as_deref(),
            self.incident.as_deref(),
            self.other.as_deref(),
            Some(&*self.actor),
            Some(&*self.action),
            Some(&*self.outcome),
            Some(&*self.form),
        ];
        let mut digest = Sha256::new();
        digest.update(before.as_bytes());
        digest.update(sequence.to_be_bytes());
        for column in columns {
            // One more than the length, so that nothing is not the empty text.
            let length = column.map_or(0, |text| text.len() as u64 + 1);
            digest.update(length.to_be_bytes());
            digest.update(column.unwrap_or_default().as_bytes());
        }
        hex(&digest.finalize())
    }
}

impl AuditHead {
    /// What the row that comes next in the table makes the head, or what is wrong with it.
    pub(crate) fn follow(&self, sequence: u64, row: &Row, hash: String) -> Result<Self, BrokenLink> {
        let expected = self.sequence + 1;
        if sequence > expected {
            return Err(BrokenLink::Missing { sequence: expected });
        }
        if sequence != expected || row.link(&self.hash, sequence) != hash {
            return Err(BrokenLink::WrongHash { sequence });
        }
        Ok(Self { sequence, hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            position: Some(7),
            incident: None,
            other: Some(String::new()),
            actor: "ada".to_owned(),
            action: "merge".to_owned(),
            outcome: "done".to_owned(),
            form: "{}".to_owned(),
        }
    }

    #[test]
    fn every_part_of_a_row_counts() {
        let base = row().link(GENESIS, 1);
        let others = [
            Row { position: None, ..row() },
            Row { incident: Some(String::new()), other: None, ..row() },
            Row { other: None, ..row() },
            Row { actor: "adam".to_owned(), action: "erge".to_owned(), ..row() },
            Row { action: "split".to_owned(), ..row() },
            Row { outcome: "refused".to_owned(), ..row() },
            Row { form: "{ }".to_owned(), ..row() },
        ];
        for other in others {
            assert_ne!(other.link(GENESIS, 1), base, "{other:?}");
        }
        assert_ne!(row().link(GENESIS, 2), base);
        assert_ne!(row().link(&base, 1), base);
    }

    #[test]
    fn the_first_broken_link_is_told() {
        let first = AuditHead::default();
        let hash = row().link(GENESIS, 1);
        let second = first.follow(1, &row(), hash.clone()).unwrap();
        assert_eq!(second, AuditHead { sequence: 1, hash: hash.clone() });
        assert_eq!(first.follow(2, &row(), hash.clone()), Err(BrokenLink::Missing { sequence: 1 }));
        assert_eq!(second.follow(1, &row(), hash.clone()), Err(BrokenLink::WrongHash { sequence: 1 }));
        assert_eq!(second.follow(2, &row(), hash), Err(BrokenLink::WrongHash { sequence: 2 }));
    }
}
