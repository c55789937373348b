//! Documents that are made from registers: one source per name, and the page follows it.
//!
//! The program itself prints its registers (`casebook reference <page>`, hidden from the help), so
//! this tool needs to know no crate of the product and a page cannot differ from what ships.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

/// Each generated page and the arguments that make the program print it.
const PAGES: &[(&str, &[&str])] = &[
    ("doc/reference/cli.md", &["reference", "cli"]),
    ("doc/reference/configuration.md", &["reference", "configuration"]),
    ("doc/reference/endpoints.md", &["reference", "endpoints"]),
    ("doc/reference/errors.md", &["reference", "errors"]),
    ("doc/reference/metrics.md", &["reference", "metrics"]),
];

/// Writes every page, or with `check` only says which differ; true when all are as they should be.
pub(crate) fn run(root: &Path, check: bool) -> anyhow::Result<bool> {
    let mut fresh = true;
    for (path, arguments) in PAGES {
        let made = program(root, arguments).with_context(|| format!("making {path}"))?;
        let file = root.join(path);
        if check {
            if let Some(problem) = compare(path, fs::read_to_string(&file).ok().as_deref(), &made) {
                println!("{problem}");
                fresh = false;
            }
        } else {
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&file, &made).with_context(|| format!("writing {path}"))?;
        }
    }
    println!("generate: {} pages{}", PAGES.len(), if check { ", compared" } else { " written" });
    Ok(fresh)
}

fn program(root: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--locked", "--package", "cli", "--"])
        .args(arguments)
        .current_dir(root)
        .output()
        .context("running casebook")?;
    ensure!(
        output.status.success(),
        "casebook {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    String::from_utf8(output.stdout).context("the page is not UTF-8")
}

fn compare(path: &str, committed: Option<&str>, made: &str) -> Option<String> {
    match committed {
        Some(text) if text == made => None,
        Some(text) => {
            let same = text.lines().zip(made.lines()).take_while(|(a, b)| a == b).count();
            Some(format!("{path}:{}: stale: run `cargo xtask generate` and commit the result", same + 1))
        }
        None => Some(format!("{path}:1: missing: run `cargo xtask generate` and commit the result")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_or_missing_page_is_named_with_its_first_different_line() {
        assert_eq!(compare("a.md", Some("x\ny\n"), "x\ny\n"), None);
        assert!(compare("a.md", Some("x\ny\n"), "x\nz\n").unwrap().starts_with("a.md:2: stale"));
        assert!(compare("a.md", Some("x\n"), "x\nz\n").unwrap().starts_with("a.md:2: stale"));
        assert!(compare("a.md", None, "x\n").unwrap().starts_with("a.md:1: missing"));
    }
}
