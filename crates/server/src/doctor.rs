//! What `casebook doctor` can find out from a data directory that no server has open. Reads only.

use api::{Check, CheckStatus};
use journal::{Journal, OpenError};
use sha2::{Digest, Sha256};
use store::{SqliteStore, Store};

use crate::data::DataDir;
use crate::{health, journal_options};

/// SHA-256 of "abc", as FIPS 180-2 gives it.
const SHA256_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Every check, in the order in which a person would make them.
pub async fn check_data(data: &DataDir) -> Vec<Check> {
    let mut checks = vec![health::disk(data.root()), installation(data), hashes()];
    checks.push(journal(data).await);
    checks.push(store(data).await);
    checks
}

fn check(name: &str, status: CheckStatus, detail: impl Into<String>) -> Check {
    Check { name: name.to_owned(), status, detail: detail.into() }
}

fn installation(data: &DataDir) -> Check {
    match data.read_installation() {
        Ok(installation) => check("installation", CheckStatus::Ok, format!("id {}", installation.id)),
        Err(error) => check("installation", CheckStatus::Fail, error.to_string()),
    }
}

/// Reports are compared by hash, so a machine that hashes wrongly must be known.
fn hashes() -> Check {
    let hash: String = Sha256::digest(b"abc").iter().map(|byte| format!("{byte:02x}")).collect();
    let document = serde_json::json!({ "b": [1, 2.5e-7, "\u{20ac}"], "a": null });
    let canonical = engine::canonical::to_bytes(&document);
    let is_right = hash == SHA256_ABC && canonical == "{\"a\":null,\"b\":[1,2.5e-7,\"\u{20ac}\"]}".as_bytes();
    match is_right {
        true => check("hash", CheckStatus::Ok, "known texts have their known hash and canonical form"),
        false => check(
            "hash",
            CheckStatus::Fail,
            "a known text does not have its known hash: do not trust this build",
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
    let found =
        format!("{} entries in {} segments, {} bytes", recovery.entries, recovery.segments, recovery.bytes);
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

async fn store(data: &DataDir) -> Check {
    if !data.store().exists() {
        return check("store", CheckStatus::Warn, "there is none; the next start builds it from the journal");
    }
    let store = match SqliteStore::open_read_only(&data.store()).await {
        Ok(store) => store,
        Err(error) => return check("store", CheckStatus::Fail, error.to_string()),
    };
    let applied = store.applied_position().await;
    store.close().await;
    match applied {
        Ok(Some(position)) => {
            check("store", CheckStatus::Ok, format!("its schema is known; applied up to position {position}"))
        }
        Ok(None) => check("store", CheckStatus::Ok, "its schema is known; nothing was applied yet"),
        Err(error) => check("store", CheckStatus::Fail, error.to_string()),
    }
}
