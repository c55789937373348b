//! The data directory: what lies where, and the installation's identity. It must never know what the files mean
//! to those who keep them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Longer files are no installation file.
const INSTALLATION_BYTES_MAX: u64 = 64 * 1024;

/// Where everything lies that a server keeps.
#[derive(Debug, Clone)]
pub struct DataDir {
    root: PathBuf,
}

/// Who this installation is. Made once, at the first start; without it what the journal holds cannot be read the
/// same way again, because users are hashed with the salt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installation {
    pub id: String,
    pub created_at: String,
    /// 32 hex digits.
    user_salt: model::TraceId,
}

#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    #[error("{path} is not an installation file: {reason}")]
    Installation { path: PathBuf, reason: String },
}

impl DataDir {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    pub fn store(&self) -> PathBuf {
        self.root.join("casebook.sqlite")
    }

    pub fn installation(&self) -> PathBuf {
        self.root.join("installation.json")
    }

    /// Makes the directories that are missing, readable by their owner only.
    pub fn create(&self) -> Result<(), DataDirError> {
        for path in [self.root.clone(), self.journal(), self.snapshots()] {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
            made.map_err(|error| DataDirError::Io { path, error })?;
        }
        Ok(())
    }

    /// The installation's identity as it was written.
    pub fn read_installation(&self) -> Result<Installation, DataDirError> {
        let path = self.installation();
        let io = |error| DataDirError::Io { path: path.clone(), error };
        if fs::metadata(&path).map_err(io)?.len() > INSTALLATION_BYTES_MAX {
            return Err(DataDirError::Installation { path, reason: "it is too long".to_owned() });
        }
        let text = fs::read(&path).map_err(io)?;
        serde_json::from_slice(&text)
            .map_err(|error| DataDirError::Installation { path, reason: error.to_string() })
    }

    /// The identity, made now if this is the first start.
    pub fn installation_or_create(&self) -> Result<Installation, DataDirError> {
        match self.read_installation() {
            Err(DataDirError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => return outcome,
        }
        let installation = Installation {
            id: uuid::Uuid::new_v4().to_string(),
            created_at: crate::clock::now().to_rfc3339(),
            user_salt: model::TraceId(salt()),
        };
        let path = self.installation();
        let text = serde_json::to_vec_pretty(&installation)
            .map_err(|error| DataDirError::Installation { path: path.clone(), reason: error.to_string() })?;
        write_durably(&path, &[&text]).map_err(|error| DataDirError::Io { path, error })?;
        Ok(installation)
    }
}

impl Installation {
    pub fn user_salt(&self) -> [u8; 16] {
        self.user_salt.0
    }
}

/// Two random ids folded into one: an id alone has six bits that are fixed.
pub fn salt() -> [u8; 16] {
    let (mut salt, other) = (*uuid::Uuid::new_v4().as_bytes(), *uuid::Uuid::new_v4().as_bytes());
    salt.iter_mut().zip(other.iter().rev()).for_each(|(byte, other)| *byte ^= other);
    salt
}

/// Writes a file, of these parts, so that after a power cut either the whole of it is there or nothing.
pub(crate) fn write_durably(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let parent = path.parent().ok_or_else(|| io::Error::other("a file needs a directory"))?;
    let temporary = path.with_extension("tmp");
    let written = write_new(&temporary, parts).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // It may be the room that it takes which is missing.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    File::open(parent)?.sync_all()
}

fn write_new(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_identity_is_made_once_and_kept_private() {
        let root = tempfile::tempdir().unwrap();
        let data = DataDir::new(root.path().join("data"));
        data.create().unwrap();
        let first = data.installation_or_create().unwrap();
        assert_eq!(data.installation_or_create().unwrap(), first);
        assert_ne!(first.user_salt(), [0; 16]);
        assert_eq!(fs::metadata(data.installation()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_identity_is_an_error_and_never_replaced() {
        let root = tempfile::tempdir().unwrap();
        let data = DataDir::new(root.path());
        fs::write(data.installation(), b"{\"id\":\"").unwrap();
        assert!(matches!(data.installation_or_create(), Err(DataDirError::Installation { .. })));
        assert_eq!(fs::read(data.installation()).unwrap(), b"{\"id\":\"");
    }
}
