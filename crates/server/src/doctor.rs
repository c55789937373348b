//! What `casebook doctor` can find out from a data directory that no server has open. Reads only.

use api::{Check, CheckStatus};
use journal::{Journal, OpenError};
use store::{SqliteStore, Store};

use crate::data::DataDir;
use crate::disk_room::DiskRoom;
use crate::journal_options;

/// One of the published vectors: a report as anybody may write it, and the hash of its canonical form. This one has
/// every kind of difficult text in it.
const VECTOR: &str = include_str!("../../../doc/formats/vectors/hostile-text.input.json");
const VECTOR_SHA256: &str = include_str!("../../../doc/formats/vectors/hostile-text.sha256");

/// Every check, in the order in which a person would make them. `disk_reserve` is the room that a server there would keep.
pub async fn check_data(data: &DataDir, disk_reserve: u64) -> Vec<Check> {
    if let Some(nothing) = nothing_kept(data) {
        return vec![nothing];
    }
    let room = DiskRoom::new(data.root().to_owned(), disk_reserve).check();
    let mut checks = vec![room, installation(data), hashes()];
    checks.push(journal(data).await);
    checks.extend(store(data).await);
    checks
}

fn check(name: &str, status: CheckStatus, detail: impl Into<String>) -> Check {
    Check { name: name.to_owned(), status, detail: detail.into() }
}

/// The wrong directory was most likely named. Everything else would fail for the same reason.
fn nothing_kept(data: &DataDir) -> Option<Check> {
    let missing = match data.root().is_dir() {
        false => data.root().to_owned(),
        true if !data.installation().exists() && !data.journal().exists() => data.installation(),
        true => return None,
    };
    let detail = format!(
        "no server has kept data here: {} does not exist; --data is the directory that `casebook serve` was given",
        missing.display()
    );
    Some(check("data", CheckStatus::Fail, detail))
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn installation(data: &DataDir) -> Check {
    match data.read_installation() {
        Ok(installation) => check("installation", CheckStatus::Ok, format!("id {}", installation.id)),
        Err(error) => check("installation", CheckStatus::Fail, error.to_string()),
    }
}

/// Reports are compared by hash, so a machine that hashes wrongly must be known.
fn hashes() -> Check {
    let expected = VECTOR_SHA256.split_ascii_whitespace().next();
    let document = serde_json::from_str(VECTOR);
    let hash = document.map(|document| engine::sha256_hex(&engine::canonical::to_bytes(&document)));
    match hash.is_ok_and(|hash| Some(hash.as_str()) == expected) {
        true => check("hash", CheckStatus::Ok, "a published report has its published hash"),
        false => check(
            "hash",
            CheckStatus::Fail,
            "a published report does not have its published hash: do not trust this build",
        ),
    }
}

async fn journal(data: &DataDir) -> Check {
    let options = journal_options(data, None);
    let opening = tokio::task::spawn_blocking(move || Journal::read(options));
    let recovery = match opening.await {
        Ok(Ok((_, recovery))) => recovery,
        Ok(Err(OpenError::Locked { .. })) => {
            return check("journal", CheckStatus::Ok, "a running server has it open; ask it with --server");
        }
        Ok(Err(error)) => return check("journal", CheckStatus::Fail, error.to_string()),
        Err(_) => return check("journal", CheckStatus::Fail, "reading it failed unexpectedly"),
    };
    let found = format!(
        "{} in {}, {}",
        counted(recovery.entries, "entry", "entries"),
        counted(recovery.segments as u64, "segment", "segments"),
        counted(recovery.bytes, "byte", "bytes")
    );
    if recovery.corrupt_frames > 0 || recovery.missing_bytes > 0 {
        let damage = format!(
            "{found}; {} damaged stretches ({} bytes) are stepped over and {} bytes are missing: check the disk",
            recovery.corrupt_frames, recovery.corrupt_bytes, recovery.missing_bytes
        );
        return check("journal", CheckStatus::Warn, damage);
    }
    if recovery.torn_bytes > 0 {
        let torn = recovery.torn_bytes;
        return check(
            "journal",
            CheckStatus::Ok,
            format!("{found}; the next start cuts off {torn} bytes that were never acknowledged"),
        );
    }
    check("journal", CheckStatus::Ok, found)
}

/// The store, and the chain of the audit in it.
async fn store(data: &DataDir) -> Vec<Check> {
    if !data.store().exists() {
        let detail = "there is none; the next start builds it from the journal";
        return vec![check("store", CheckStatus::Warn, detail)];
    }
    let store = match SqliteStore::open_read_only(&data.store()).await {
        Ok(store) => store,
        Err(error) => return vec![check("store", CheckStatus::Fail, error.to_string())],
    };
    let checks = vec![applied(&store).await, audit(&store).await];
    store.close().await;
    checks
}

async fn audit(store: &SqliteStore) -> Check {
    match store.check_audit().await {
        Ok(Ok(head)) => {
            let entries = counted(head.sequence, "entry", "entries");
            check(
                "audit",
                CheckStatus::Ok,
                format!("{entries} in an unbroken chain; the last has hash {}", head.hash),
            )
        }
        Ok(Err(broken)) => {
            let detail = format!("{broken}: somebody wrote to {}", SqliteStore::FILE_NAME);
            check("audit", CheckStatus::Fail, detail)
        }
        Err(error) => check("audit", CheckStatus::Fail, error.to_string()),
    }
}

async fn applied(store: &SqliteStore) -> Check {
    match store.applied_position().await {
        Ok(Some(position)) => {
            check("store", CheckStatus::Ok, format!("its schema is known; applied up to position {position}"))
        }
        Ok(None) => check("store", CheckStatus::Ok, "its schema is known; nothing was applied yet"),
        Err(error) => check("store", CheckStatus::Fail, error.to_string()),
    }
}
