//! What each kind of guard asks for. It looks at nothing.

use super::super::ast::Shape;
use super::super::command::{Command, SECONDS, SECONDS_MAX};
use super::super::guards::Check;
use super::super::link::Link;
use super::super::paths::Paths;
use super::super::pattern::Pattern;
use super::super::sql::Columns;
use crate::finding::shown;
use crate::rca::At;
use crate::rca::reader::{Reader, Word};
use crate::rule::Rule;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Regex,
    Ast,
    Sql,
    Command,
    TestTag,
    Link,
    Boot,
}

/// The languages whose syntax is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Rust,
}

impl Word for Kind {
    const WORDS: &[(&str, Self)] = &[
        ("regex", Self::Regex),
        ("ast", Self::Ast),
        ("sql", Self::Sql),
        ("command", Self::Command),
        ("test-tag", Self::TestTag),
        ("link", Self::Link),
        ("boot", Self::Boot),
    ];
}

impl Word for Language {
    const WORDS: &[(&str, Self)] = &[("rust", Self::Rust)];
}

/// How the guard looks, where that can be read.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Check> {
    // Which of the other keys belong to it is not known where there is none.
    let Some(At { value: kind, .. }) = reader.word::<Kind>("kind") else {
        reader.pass_over();
        return None;
    };
    match kind {
        Kind::Regex => regex(reader),
        Kind::Ast => ast(reader),
        Kind::Sql => sql(reader),
        Kind::Command => command(reader),
        Kind::TestTag => test_tag(reader),
        Kind::Link => link(reader),
        Kind::Boot => boot(reader),
    }
}

fn regex(reader: &mut Reader<'_>) -> Option<Check> {
    reader.need(Rule::GuardKey, &["paths", "pattern"]);
    let paths = paths(reader, "paths");
    let pattern = reader.raw("pattern")?;
    let pattern = Pattern::new(&pattern, reader.findings);
    Some(Check::Regex { paths: paths?, pattern: pattern? })
}

fn ast(reader: &mut Reader<'_>) -> Option<Check> {
    reader.need(Rule::GuardKey, &["paths", "language", "pattern"]);
    let paths = paths(reader, "paths");
    let language = reader.word::<Language>("language");
    let pattern = reader.raw("pattern")?;
    let Language::Rust = language?.value;
    let shape = Shape::new(&pattern, reader.findings);
    Some(Check::Ast { paths: paths?, shape: shape? })
}

fn sql(reader: &mut Reader<'_>) -> Option<Check> {
    reader.need(Rule::GuardKey, &["paths", "columns"]);
    let paths = paths(reader, "paths");
    let (columns, allowed) = (reader.texts("columns"), reader.texts("allowed"));
    if columns.is_empty() {
        return None;
    }
    let columns = Columns::new(&columns, &allowed, reader.findings);
    Some(Check::Sql { paths: paths?, columns: columns? })
}

fn command(reader: &mut Reader<'_>) -> Option<Check> {
    reader.need(Rule::GuardKey, &["command"]);
    let words: Vec<String> = reader.texts("command").into_iter().map(|word| word.value).collect();
    let seconds_max = match reader.number("seconds_max") {
        Some(At { value, .. }) if (1..=SECONDS_MAX).contains(&value) => value,
        Some(At { value, at }) => {
            let message = format!("seconds_max is {value}: 1 to {SECONDS_MAX}");
            reader.findings.add(Rule::GuardCommand, at, message);
            return None;
        }
        None => SECONDS,
    };
    if words.first()?.is_empty() {
        reader.findings.add(Rule::GuardCommand, reader.at, "the program of command is empty");
        return None;
    }
    Some(Check::Command(Command { words, seconds_max }))
}

fn test_tag(reader: &mut Reader<'_>) -> Option<Check> {
    reader.need(Rule::GuardKey, &["paths", "rca"]);
    let paths = paths(reader, "paths");
    let At { value: rca, at } = reader.text("rca").filter(|rca| !rca.value.is_empty())?;
    if !rca.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        reader.findings.add(Rule::GuardId, at, format!("rca is {}", shown(&rca)));
        return None;
    }
    Some(Check::TestTag { paths: paths?, rca })
}

fn link(reader: &mut Reader<'_>) -> Option<Check> {
    reader.need(Rule::GuardKey, &["paths", "runbooks", "annotation"]);
    let alerts = paths(reader, "paths");
    let runbooks = paths(reader, "runbooks");
    let base = reader.text("base").map(|base| base.value).unwrap_or_default();
    let annotation = reader.text("annotation").filter(|key| !key.value.is_empty());
    Some(Check::Link {
        alerts: alerts?,
        runbooks: runbooks?,
        link: Link { annotation: annotation?.value, base },
    })
}

fn boot(reader: &mut Reader<'_>) -> Option<Check> {
    reader.need(Rule::GuardKey, &["paths"]);
    Some(Check::Boot { paths: paths(reader, "paths")? })
}

/// Those of a key; `exclude` is read with the paths of the guard.
fn paths(reader: &mut Reader<'_>, key: &'static str) -> Option<Paths> {
    let exclude = if key == "paths" { reader.texts("exclude") } else { Vec::new() };
    let include = reader.texts(key);
    if include.is_empty() {
        return None;
    }
    Paths::new(&include, &exclude, reader.findings)
}
