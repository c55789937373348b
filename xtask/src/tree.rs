//! The files of the repository as text, in a fixed order.
//!
//! It follows what git would keep, without asking git, so that it also works on an unpacked archive.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::mask;

/// Directories that hold what tools make, never what people write.
const SKIPPED: &[&str] = &["target", "node_modules", "__pycache__", ".git", ".venv", ".claude"];

/// One text file. `code` is the text with comments and literals blanked, for Rust files only.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) code: Option<String>,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = path.ends_with(".rs").then(|| mask::code(text));
        Source { path: path.to_owned(), text: text.to_owned(), code }
    }

    pub(crate) fn extension(&self) -> &str {
        Path::new(&self.path).extension().and_then(|e| e.to_str()).unwrap_or("")
    }

    /// A file that only tests compile: the rules about what ships do not reach it.
    pub(crate) fn is_test(&self) -> bool {
        let in_folder = self.path.split('/').any(|part| matches!(part, "tests" | "benches" | "examples"));
        in_folder || self.path.ends_with("/tests.rs")
    }
}

/// Every text file under `root`, sorted by path.
pub(crate) fn read(root: &Path) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    walk(root, root, &mut sources)?;
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn walk(root: &Path, folder: &Path, out: &mut Vec<Source>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = entry.file_name();
        if kind.is_dir() {
            if !SKIPPED.iter().any(|skipped| name == *skipped) {
                walk(root, &path, out)?;
            }
        } else if kind.is_file() {
            // What is not UTF-8 is a binary fixture and has no lines to judge.
            if let Ok(text) = String::from_utf8(fs::read(&path)?) {
                let relative = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
                out.push(Source::new(&relative, &text));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_in_order_and_skips_what_tools_make() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b.rs", "a/x.md", "target/debug/y.rs", "web/node_modules/z.js"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
        }
        fs::write(folder.path().join("binary"), [0xff, 0xfe]).unwrap();
        let paths: Vec<String> = read(folder.path()).unwrap().into_iter().map(|s| s.path).collect();
        assert_eq!(paths, ["a/x.md", "b.rs"]);
    }

    #[test]
    fn knows_test_files() {
        for path in ["crates/a/tests/x.rs", "crates/a/src/b/tests.rs", "crates/a/src/tests/x.rs"] {
            assert!(Source::new(path, "").is_test(), "{path}");
        }
        assert!(!Source::new("crates/a/src/contests.rs", "").is_test());
    }
}
