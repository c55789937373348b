//! The repository's own tool: `cargo xtask tidy` and `cargo xtask generate [--check]`.
//!
//! It judges the tree it stands in and writes documents that are made from registers. It must never
//! be needed to build or run Casebook, and it knows nothing about incidents.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks through these")]

mod generate;
mod mask;
mod tidy;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <command>

  tidy [--tighten]      layers, purity, headers, names, sizes, text and links of this repository
                        --tighten lowers the numbers in xtask/ratchet.toml to what they are now
  generate [--check [--programs DIR]]
                        write the documents that come from registers, or say which are stale
                        --programs says where the programs that print them are built already
";

enum Command {
    Tidy { tighten: bool },
    Generate { check: bool, programs: Option<PathBuf> },
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(command) = parse(&words) else {
        eprint!("{USAGE}");
        return ExitCode::from(1);
    };
    let outcome = match command {
        Command::Tidy { tighten } => tidy::run(&root(), tighten),
        Command::Generate { check, programs } => generate::run(&root(), check, programs.as_deref()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn parse(words: &[String]) -> Option<Command> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["tidy"] => Some(Command::Tidy { tighten: false }),
        ["tidy", "--tighten"] => Some(Command::Tidy { tighten: true }),
        ["generate"] => Some(Command::Generate { check: false, programs: None }),
        ["generate", "--check"] => Some(Command::Generate { check: true, programs: None }),
        ["generate", "--check", "--programs", folder] => {
            Some(Command::Generate { check: true, programs: Some(PathBuf::from(folder)) })
        }
        _ => None,
    }
}

/// The workspace this tool was built from.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
