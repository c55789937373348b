//! The key that a server is asked with: from a flag, a variable or a file, and never shown again.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use reqwest::header::HeaderValue;

/// No key is longer.
const FILE_BYTES_MAX: u64 = 4096;

#[derive(Debug, Args)]
pub(crate) struct KeyArguments {
    /// The key to ask with, sent as a bearer token; other users of this machine may see it among the arguments, so that a
    /// file or the variable is better
    #[arg(
        long,
        value_name = "KEY",
        env = "CASEBOOK_KEY",
        hide_env_values = true,
        global = true,
        value_parser = key,
        help_heading = "Connection"
    )]
    key: Option<Key>,
    /// A file with the key to ask with and nothing else; --key wins over it
    #[arg(
        long,
        value_name = "FILE",
        env = "CASEBOOK_KEY_FILE",
        hide_env_values = true,
        global = true,
        help_heading = "Connection"
    )]
    key_file: Option<PathBuf>,
}

/// A key as a header; no message shows it.
#[derive(Clone)]
struct Key(HeaderValue);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl KeyArguments {
    /// `Authorization`, if a key was given. What is wrong with a file is told without what it holds.
    pub(crate) fn header(&self) -> Result<Option<HeaderValue>, String> {
        let Some(path) = &self.key_file else { return Ok(self.key.clone().map(|key| key.0)) };
        if let Some(Key(header)) = &self.key {
            return Ok(Some(header.clone()));
        }
        let mut text = String::new();
        let file =
            std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
        file.map_err(|error| format!("--key-file {}: {error}", path.display()))?;
        let Key(header) =
            key(text.trim()).map_err(|fault| format!("--key-file {}: {fault}", path.display()))?;
        Ok(Some(header))
    }
}

fn key(text: &str) -> Result<Key, String> {
    let mut header = HeaderValue::try_from(format!("Bearer {text}"))
        .ok()
        .filter(|_| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()))
        .ok_or("a key consists of visible ASCII characters without blanks")?;
    header.set_sensitive(true);
    Ok(Key(header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_from_the_flag_or_from_a_file_and_is_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "canary-in-file\n").unwrap();
        let of_file = KeyArguments { key: None, key_file: Some(path.clone()) };
        let header = of_file.header().unwrap().unwrap();
        assert_eq!(header.to_str().unwrap(), "Bearer canary-in-file");
        assert!(!format!("{header:?} {of_file:?}").contains("canary"));
        let both = KeyArguments { key: Some(key("canary-flag").unwrap()), key_file: Some(path.clone()) };
        assert_eq!(both.header().unwrap().unwrap().to_str().unwrap(), "Bearer canary-flag");
        assert!(!format!("{both:?}").contains("canary"));
        std::fs::write(&path, "canary in words").unwrap();
        let fault = of_file.header().unwrap_err();
        assert!(fault.contains("without blanks") && !fault.contains("canary"), "{fault}");
    }
}
