//! The keys file as it changes: read again every second and at SIGHUP. A broken file changes nothing, and says so until
//! it is whole again: those whose keys work go on working.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::Keyring;

const FILE_BYTES_MAX: u64 = 4 << 20;

#[derive(Debug)]
pub struct KeySource {
    path: PathBuf,
    current: RwLock<Arc<Keyring>>,
    last: Mutex<Last>,
    pub(crate) metrics: KeyMetrics,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct KeyMetrics {
    pub known: Gauge,
    pub broken: Gauge,
    pub reloads: Counter,
}

/// What was read last, good or not.
#[derive(Debug)]
struct Last {
    text: Result<String, String>,
    fault: Option<String>,
}

impl KeySource {
    /// Reads the file; a fault in it is an error of the configuration.
    pub(crate) fn open(path: &str) -> Result<Arc<Self>, String> {
        let path = PathBuf::from(path);
        let told = |fault: String| format!("{}: {fault}", path.display());
        let text = read(&path).map_err(told)?;
        let keyring = Keyring::parse(&text).map_err(told)?;
        let metrics = KeyMetrics::default();
        metrics.known.set(keyring.len() as i64);
        let last = Mutex::new(Last { text: Ok(text), fault: None });
        Ok(Arc::new(Self { path, current: RwLock::new(Arc::new(keyring)), last, metrics }))
    }

    pub(crate) fn keyring(&self) -> Arc<Keyring> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file again, and takes it over if it changed and is whole.
    pub(crate) fn look(&self) {
        let text = read(&self.path);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.text == text {
            return;
        }
        let parsed = text.as_deref().map_err(Clone::clone).and_then(Keyring::parse);
        last.text = text;
        let path = self.path.display();
        match parsed {
            Ok(keyring) => {
                let keyring = keyring.inherit(&self.keyring());
                tracing::info!(%path, keys = keyring.len(), "keys were read again");
                self.metrics.known.set(keyring.len() as i64);
                self.metrics.reloads.inc();
                self.metrics.broken.set(0);
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keyring);
                last.fault = None;
            }
            Err(fault) => {
                tracing::error!(%path, fault, "the keys file is broken; the keys from before stay in force");
                self.metrics.broken.set(1);
                last.fault = Some(fault);
            }
        }
    }

    /// What is wrong with the file, while something is.
    pub(crate) fn fault(&self) -> Option<String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.fault.as_ref().map(|fault| format!("{}: {fault}", self.path.display()))
    }
}

fn read(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > FILE_BYTES_MAX {
        return Err(format!("it has {length} bytes; at most {FILE_BYTES_MAX} are read"));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use api::Scope;

    use super::*;
    use crate::auth::NewKey;

    #[test]
    fn a_changed_file_counts_at_once_and_a_broken_one_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.toml");
        let (old, new) = (NewKey::generate(Scope::Read).unwrap(), NewKey::generate(Scope::Read).unwrap());
        let knows = |source: &KeySource, key: &NewKey| source.keyring().by_token(key.reveal()).is_some();
        std::fs::write(&path, old.file_entry("a", None)).unwrap();
        let source = KeySource::open(path.to_str().unwrap()).unwrap();
        assert!(knows(&source, &old) && !knows(&source, &new));

        for broken in ["[[keys", ""] {
            std::fs::write(&path, broken).unwrap();
            source.look();
            assert!(source.fault().is_some() && source.metrics.broken.get() == 1, "{broken:?}");
            assert!(knows(&source, &old) && !knows(&source, &new));
        }
        std::fs::remove_file(&path).unwrap();
        source.look();
        assert!(source.fault().unwrap().contains("cannot be read") && knows(&source, &old));

        std::fs::write(&path, new.file_entry("a", None)).unwrap();
        source.look();
        assert!(source.fault().is_none() && source.metrics.broken.get() == 0);
        assert!(!knows(&source, &old) && knows(&source, &new));
    }
}
