//! Which files a guard looks at: globs that include and exclude. It knows paths and no file.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use crate::finding::{Findings, shown};
use crate::rca::At;
use crate::rule::Rule;

/// A guard that needs more lists should be two.
const GLOBS_MAX: usize = 100;
const GLOB_BYTES_MAX: usize = 300;

#[derive(Debug, Clone)]
pub(super) struct Paths {
    /// As they are written.
    written: (Vec<String>, Vec<String>),
    include: GlobSet,
    exclude: GlobSet,
}

impl Paths {
    /// None where a glob cannot be read: the findings say which.
    pub(super) fn new(
        include: &[At<String>],
        exclude: &[At<String>],
        findings: &mut Findings,
    ) -> Option<Self> {
        let texts = |globs: &[At<String>]| globs.iter().map(|glob| glob.value.clone()).collect();
        let written = (texts(include), texts(exclude));
        let include = set(include, findings);
        let exclude = set(exclude, findings);
        Some(Self { written, include: include?, exclude: exclude? })
    }

    /// None where one of them cannot be read.
    pub(super) fn compiled(include: &[String], exclude: &[String]) -> Option<Self> {
        let placed = |globs: &[String]| -> Vec<At<String>> {
            globs.iter().map(|glob| At { value: glob.clone(), at: 0 }).collect()
        };
        Self::new(&placed(include), &placed(exclude), &mut Findings::default())
    }

    /// The globs that include, and those that exclude.
    pub(super) fn written(&self) -> (&[String], &[String]) {
        (&self.written.0, &self.written.1)
    }

    pub(super) fn hold(&self, path: &str) -> bool {
        self.include.is_match(path) && !self.exclude.is_match(path)
    }
}

fn set(globs: &[At<String>], findings: &mut Findings) -> Option<GlobSet> {
    let mut builder = GlobSetBuilder::new();
    let mut is_sound = true;
    for (index, At { value, at }) in globs.iter().enumerate() {
        let read = if index < GLOBS_MAX { glob(value) } else { Err(format!("more than {GLOBS_MAX} globs")) };
        match read {
            Ok(glob) => drop(builder.add(glob)),
            Err(why) => {
                findings.add(Rule::GuardPath, *at, format!("{}: {why}", shown(value)));
                is_sound = false;
            }
        }
    }
    is_sound.then(|| builder.build().ok()).flatten()
}

fn glob(text: &str) -> Result<Glob, String> {
    if text.len() > GLOB_BYTES_MAX {
        return Err(format!("a glob has at most {GLOB_BYTES_MAX} bytes"));
    }
    if !is_inside(text) {
        return Err("it does not stay within the folder of guards.toml".to_owned());
    }
    if text.ends_with('/') {
        return Err("it ends with /, and so names no file: all in a folder is folder/**".to_owned());
    }
    let built = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build();
    built.map_err(|error| error.kind().to_string())
}

/// Whether a path is relative and leads nowhere outside.
pub fn is_inside(path: &str) -> bool {
    let parts_are_names = || path.split('/').all(|part| !matches!(part, "." | ".."));
    !path.is_empty() && !path.starts_with('/') && !path.contains('\0') && parts_are_names()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(include: &[&str], exclude: &[&str]) -> Result<Paths, Vec<String>> {
        let list = |globs: &[&str]| -> Vec<At<String>> {
            globs.iter().map(|glob| At { value: (*glob).to_owned(), at: 0 }).collect()
        };
        let mut findings = Findings::default();
        Paths::new(&list(include), &list(exclude), &mut findings)
            .ok_or_else(|| findings.told("", false).into_iter().map(|found| found.message).collect())
    }

    #[test]
    fn a_star_stops_at_a_folder_and_two_do_not() {
        for (include, exclude, path, expected) in [
            ("src/*.rs", "", "src/a.rs", true),
            ("src/*.rs", "", "src/b/a.rs", false),
            ("src/**/*.rs", "", "src/a.rs", true),
            ("src/**/*.rs", "", "src/b/c/a.rs", true),
            ("**", "", ".github/workflows/ci.yml", true),
            ("**/*.{rs,sql}", "", "a/b.sql", true),
            ("**/*.rs", "**/tests/**", "a/tests/b.rs", false),
            ("**/*.rs", "**/tests/**", "a/src/b.rs", true),
            ("src/[ab].rs", "", "src/c.rs", false),
            ("SRC/*.rs", "", "src/a.rs", false),
        ] {
            let exclude = if exclude.is_empty() { &[][..] } else { &[exclude][..] };
            assert_eq!(paths(&[include], exclude).unwrap().hold(path), expected, "{include} {path}");
        }
    }

    #[test]
    fn a_glob_that_cannot_be_meant_is_refused() {
        for (glob, expected) in [
            ("/src/*.rs", "does not stay"),
            ("../src", "does not stay"),
            ("./src/*.rs", "does not stay"),
            ("src/", "all in a folder is folder/**"),
            ("src/[a", "unclosed character class"),
            (&"a".repeat(301), "at most 300 bytes"),
        ] {
            let said = paths(&[glob], &[]).unwrap_err();
            assert!(said.len() == 1 && said[0].contains(expected), "{glob}: {said:?}");
        }
        assert!(paths(&["a"; 101], &[]).unwrap_err()[0].contains("more than 100"));
    }
}
