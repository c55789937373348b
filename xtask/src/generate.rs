//! Documents that are made from registers: one source per name, and the page follows it.
//!
//! The programs themselves print their registers (`casebook reference <page>`, hidden from the help), so
//! this tool needs to know no crate of the product and a page cannot differ from what ships.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

/// Packages whose programs print pages, and those programs.
const PROGRAMS: &[(&str, &str)] = &[("cli", "casebook"), ("edge", "casebook-edge")];

/// Each generated page, the package of the program that prints it, and what the program calls it.
const PAGES: &[(&str, &str, &str)] = &[
    ("doc/reference/cli.md", "cli", "cli"),
    ("doc/reference/configuration.md", "cli", "configuration"),
    ("doc/reference/edge-cli.md", "edge", "cli"),
    ("doc/reference/edge-configuration.md", "edge", "configuration"),
    ("doc/reference/edge-metrics.md", "edge", "metrics"),
    ("doc/reference/endpoints.md", "cli", "endpoints"),
    ("doc/reference/errors.md", "cli", "errors"),
    ("doc/reference/metrics.md", "cli", "metrics"),
    ("doc/reference/rca-rules.md", "cli", "rca-rules"),
    ("doc/reference/review-rules.md", "cli", "review-rules"),
    ("packaging/grafana/casebook-edge.json", "edge", "dashboard"),
];

/// Writes every page, or with `check` only says which differ; true when all are as they should be. `programs` is where they are
/// built already, for a run that must not build them once more.
pub(crate) fn run(root: &Path, check: bool, programs: Option<&Path>) -> anyhow::Result<bool> {
    let mut fresh = true;
    for (path, package, page) in PAGES {
        let made = printed(root, programs, package, page).with_context(|| format!("making {path}"))?;
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

fn printed(root: &Path, programs: Option<&Path>, package: &str, page: &str) -> anyhow::Result<String> {
    let output = printer(package, programs)?
        .args(["reference", page])
        .current_dir(root)
        .output()
        .context("running the program")?;
    ensure!(
        output.status.success(),
        "reference {page} of {package}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    String::from_utf8(output.stdout).context("the page is not UTF-8")
}

/// The package's program: the one that is there in `programs`, or else by cargo, which builds it first.
fn printer(package: &str, programs: Option<&Path>) -> anyhow::Result<Command> {
    let Some(programs) = programs else {
        let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
        cargo.args(["run", "--quiet", "--locked", "--package", package, "--"]);
        return Ok(cargo);
    };
    let program = PROGRAMS.iter().find(|(of, _)| *of == package).map(|(_, program)| *program);
    Ok(Command::new(programs.join(program.context("no program is known of the package")?)))
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
    fn a_built_program_is_asked_itself_and_another_by_cargo() {
        for (_, package, _) in PAGES {
            let built = printer(package, Some(Path::new("/programs"))).unwrap();
            assert!(built.get_program().to_string_lossy().starts_with("/programs/casebook"), "{built:?}");
            let cargo = printer(package, None).unwrap();
            assert!(cargo.get_args().any(|argument| argument == *package), "{cargo:?}");
        }
    }

    #[test]
    fn a_stale_or_missing_page_is_named_with_its_first_different_line() {
        assert_eq!(compare("a.md", Some("x\ny\n"), "x\ny\n"), None);
        assert!(compare("a.md", Some("x\ny\n"), "x\nz\n").unwrap().starts_with("a.md:2: stale"));
        assert!(compare("a.md", Some("x\n"), "x\nz\n").unwrap().starts_with("a.md:2: stale"));
        assert!(compare("a.md", None, "x\n").unwrap().starts_with("a.md:1: missing"));
    }
}
