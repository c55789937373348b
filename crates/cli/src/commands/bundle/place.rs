//! Where a bundle will be: made in a folder beside it and put there when it is whole. Knows nothing of what is in it.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use crate::escape;
use crate::exit::{Exit, Failure};

#[derive(Debug)]
pub(super) struct Place {
    out: PathBuf,
    partial: PathBuf,
}

impl Place {
    /// Makes the folder beside it. One that is there already is somebody else's, or left by a run that was killed.
    pub(super) fn claim(out: &Path) -> Result<Self, Failure> {
        let is_free = match fs::read_dir(out) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        let name = out.file_name().filter(|_| is_free).ok_or_else(|| {
            let shown = shown(out);
            let message = format!("--out {shown} is not a new or empty folder: nothing is overwritten");
            Failure::new(Exit::Usage, message)
        })?;
        let mut partial = name.to_owned();
        partial.push(".partial");
        let partial = out.with_file_name(partial);
        let parent = partial.parent().filter(|parent| !parent.as_os_str().is_empty());
        let made = parent.map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::create_dir(&partial));
        made.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                let message = format!(
                    "{} is there already, where the case would be made: nothing is overwritten",
                    shown(&partial)
                );
                Failure::new(Exit::Usage, message)
            }
            _ => failed(&partial, &error),
        })?;
        Ok(Self { out: out.to_owned(), partial })
    }

    pub(super) fn partial(&self) -> &Path {
        &self.partial
    }

    pub(super) fn failed(&self, error: &cases::CaseError) -> Failure {
        Failure::new(Exit::Usage, escape::lines(&error.to_string()))
    }

    pub(super) fn put(&self) -> Result<(), Failure> {
        let gone = fs::remove_dir(&self.out).or_else(|error| match error.kind() {
            ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        });
        gone.and_then(|()| fs::rename(&self.partial, &self.out)).map_err(|error| failed(&self.out, &error))
    }
}

impl Drop for Place {
    /// Nothing half made stays behind.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.partial);
    }
}

fn shown(path: &Path) -> String {
    escape::line(&path.display().to_string()).into_owned()
}

fn failed(path: &Path, error: &Error) -> Failure {
    Failure::new(Exit::Usage, format!("{}: {error}", shown(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_already_stays() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("below/case");
        let theirs = dir.path().join("below/case.partial");
        fs::create_dir_all(&theirs).unwrap();
        fs::write(theirs.join("notes"), "mine").unwrap();
        let refused = Place::claim(&out).unwrap_err();
        assert!(format!("{refused:?}").contains("nothing is overwritten"), "{refused:?}");
        assert_eq!(fs::read_to_string(theirs.join("notes")).unwrap(), "mine");
        assert!(!out.exists());
    }

    #[test]
    fn what_was_half_made_goes_and_what_is_whole_stays() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("case");
        let place = Place::claim(&out).unwrap();
        fs::write(place.partial().join("case.toml"), "").unwrap();
        drop(place);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let place = Place::claim(&out).unwrap();
        fs::write(place.partial().join("case.toml"), "").unwrap();
        place.put().unwrap();
        drop(place);
        assert!(out.join("case.toml").is_file());
        assert!(Place::claim(&out).is_err(), "it is no empty folder");
    }
}
