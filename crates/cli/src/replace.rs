//! Writing a generated file whole or not at all, and never through a link. It knows nothing of what is written.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A link in the place of the file, or of the half of it, is taken away and not followed: what it leads to stays.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        // What a run that was interrupted left behind.
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(&partial)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&partial, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_is_written_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (outside, file) = (dir.path().join("outside"), dir.path().join("README.md"));
        fs::write(&outside, "mine").unwrap();
        for link in ["README.md", "README.md.partial"] {
            symlink(&outside, dir.path().join(link)).unwrap();
            replace(&file, "generated").unwrap();
            assert_eq!(fs::read_to_string(&outside).unwrap(), "mine", "{link}");
            assert_eq!(fs::read_to_string(&file).unwrap(), "generated", "{link}");
            assert!(!fs::symlink_metadata(&file).unwrap().is_symlink(), "{link}");
        }
    }
}
