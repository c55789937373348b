//! Guards made a little worse, one change at a time: fixtures that notice none of it prove little. It runs nothing.

use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{Ast, Flag, FlagsItemKind, RepetitionKind};

use super::ast::Shape;
use super::guards::{Check, Guard};
use super::link::Link;
use super::paths::Paths;
use super::pattern::Pattern;
use super::sql::Columns;

/// A guard with more has a pattern that nobody reads.
const MUTANTS_MAX: usize = 200;
const ANYWHERE: &str = "**/";

/// A guard that is not quite what was meant.
#[derive(Debug)]
pub struct Mutant {
    /// What was changed.
    pub what: String,
    pub guard: Guard,
}

/// All small changes of a guard that still leave a guard.
pub fn mutants(guard: &Guard) -> Vec<Mutant> {
    let mut checks: Vec<(String, Check)> = Vec::new();
    match &guard.check {
        Check::Regex { paths, pattern } => {
            let with = |paths, pattern| Check::Regex { paths, pattern };
            over_paths(paths, &mut checks, |changed| {
                Some(with(changed, Pattern::compiled(pattern.source()).ok()?))
            });
            checks.extend(patterns(pattern.source()).into_iter().filter_map(|(what, changed)| {
                Some((what, with(paths.clone(), Pattern::compiled(&changed).ok()?)))
            }));
        }
        Check::Ast { paths, shape } => {
            let with = |paths, shape| Check::Ast { paths, shape };
            over_paths(paths, &mut checks, |changed| Some(with(changed, Shape::read(shape.source()).ok()?)));
            checks.extend(shapes(shape.source()).into_iter().filter_map(|(what, changed)| {
                Some((what, with(paths.clone(), Shape::read(&changed).ok()?)))
            }));
        }
        Check::Sql { paths, columns } => {
            over_paths(paths, &mut checks, |paths| Some(Check::Sql { paths, columns: columns.clone() }));
            checks.extend(columns.changed().into_iter().map(|(what, columns): (String, Columns)| {
                (what, Check::Sql { paths: paths.clone(), columns })
            }));
        }
        // With another argument it would be another program: the one that mends, where `--check` is gone.
        Check::Command(_) => {}
        Check::TestTag { paths, rca } => {
            over_paths(paths, &mut checks, |paths| Some(Check::TestTag { paths, rca: rca.clone() }));
            let other = Check::TestTag { paths: paths.clone(), rca: format!("{rca}-other") };
            checks.push(("it asks for another RCA".to_owned(), other));
        }
        Check::Boot { paths } => over_paths(paths, &mut checks, |paths| Some(Check::Boot { paths })),
        Check::Link { alerts, runbooks, link } => {
            let Link { annotation, base } = link;
            let same = || Link { annotation: annotation.clone(), base: base.clone() };
            over_paths(alerts, &mut checks, |alerts| {
                Some(Check::Link { alerts, runbooks: runbooks.clone(), link: same() })
            });
            let other = Link { annotation: format!("{annotation}_other"), base: base.clone() };
            let check = Check::Link { alerts: alerts.clone(), runbooks: runbooks.clone(), link: other };
            checks.push(("it asks for another annotation".to_owned(), check));
        }
    }
    checks.truncate(MUTANTS_MAX);
    checks.into_iter().map(|(what, check)| Mutant { what, guard: with_check(guard, check) }).collect()
}

fn with_check(guard: &Guard, check: Check) -> Guard {
    Guard {
        id: guard.id.clone(),
        rule: guard.rule.clone(),
        mode: guard.mode,
        message: guard.message.clone(),
        mend: guard.mend.clone(),
        fixtures: guard.fixtures.clone(),
        awaits_files: guard.awaits_files,
        line: guard.line,
        check,
    }
}

fn over_paths(paths: &Paths, checks: &mut Vec<(String, Check)>, check: impl Fn(Paths) -> Option<Check>) {
    let (include, exclude) = paths.written();
    let mut changed: Vec<(String, Vec<String>, Vec<String>)> = Vec::new();
    for (index, glob) in include.iter().enumerate() {
        if include.len() > 1 {
            changed.push((format!("without the path {glob}"), without(include, index), exclude.to_vec()));
        }
        for narrow in narrower(glob) {
            let mut include = include.to_vec();
            if let Some(place) = include.get_mut(index) {
                place.clone_from(&narrow);
            }
            changed.push((format!("with the path {narrow} for {glob}"), include, exclude.to_vec()));
        }
    }
    for (index, glob) in exclude.iter().enumerate() {
        changed.push((format!("without the exclusion {glob}"), include.to_vec(), without(exclude, index)));
    }
    for (what, include, exclude) in changed {
        if let Some(check) = Paths::compiled(&include, &exclude).and_then(&check) {
            checks.push((what, check));
        }
    }
}

/// Globs that hold a part of what this one holds.
fn narrower(glob: &str) -> Vec<String> {
    let mut narrow = Vec::new();
    if glob != "**" && glob.contains(ANYWHERE) {
        narrow.push(glob.replacen(ANYWHERE, "", 1));
    }
    if let (Some(open), Some(close)) = (glob.find('{'), glob.find('}'))
        && let Some(within) = glob.get(open + 1..close)
    {
        let words: Vec<String> = within.split(',').map(str::to_owned).collect();
        for index in 0..words.len() {
            let rest = without(&words, index).join(",");
            let (before, after) =
                (glob.get(..=open).unwrap_or_default(), glob.get(close..).unwrap_or_default());
            narrow.push(format!("{before}{rest}{after}"));
        }
    }
    narrow
}

fn without(list: &[String], index: usize) -> Vec<String> {
    list.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, item)| item.clone()).collect()
}

/// A regular expression without one of its branches, options or conditions.
fn patterns(source: &str) -> Vec<(String, String)> {
    let Ok(ast) = Parser::new().parse(source) else { return Vec::new() };
    let mut edits = Vec::new();
    collect(source, &ast, &mut edits);
    let replaced = |(what, from, to, with): (String, usize, usize, String)| {
        let (before, after) = (source.get(..from)?, source.get(to..)?);
        Some((what, format!("{before}{with}{after}")))
    };
    edits.into_iter().filter_map(replaced).collect()
}

/// What to say, from where to where, and what to put there. The parser bounds the depth.
fn collect(source: &str, ast: &Ast, edits: &mut Vec<(String, usize, usize, String)>) {
    let text =
        |ast: &Ast| source.get(ast.span().start.offset..ast.span().end.offset).unwrap_or_default().to_owned();
    let (from, to) = (ast.span().start.offset, ast.span().end.offset);
    match ast {
        Ast::Alternation(all) => {
            let branches: Vec<String> = all.asts.iter().map(&text).collect();
            for (index, branch) in branches.iter().enumerate() {
                edits.push((format!("without `{branch}`"), from, to, without(&branches, index).join("|")));
            }
            all.asts.iter().for_each(|ast| collect(source, ast, edits));
        }
        Ast::Concat(all) => all.asts.iter().for_each(|ast| collect(source, ast, edits)),
        Ast::Group(group) => collect(source, &group.ast, edits),
        Ast::Repetition(repetition) => {
            let op = &repetition.op;
            let with = match op.kind {
                RepetitionKind::ZeroOrMore => "+",
                RepetitionKind::ZeroOrOne | RepetitionKind::OneOrMore => "",
                RepetitionKind::Range(_) => return collect(source, &repetition.ast, edits),
            };
            let what = format!("with `{}{with}` for `{}`", text(&repetition.ast), text(ast));
            edits.push((what, op.span.start.offset, op.span.end.offset, with.to_owned()));
            collect(source, &repetition.ast, edits);
        }
        Ast::Flags(set) => {
            let is_case = |kind: &FlagsItemKind| *kind == FlagsItemKind::Flag(Flag::CaseInsensitive);
            if set.flags.items.len() == 1 && set.flags.items.iter().all(|item| is_case(&item.kind)) {
                edits.push(("with the case of letters".to_owned(), from, to, String::new()));
            }
        }
        Ast::Assertion(_) => edits.push((format!("without `{}`", text(ast)), from, to, String::new())),
        _ => {}
    }
}

/// A pattern of syntax with a name in the place of one of its variables.
fn shapes(source: &str) -> Vec<(String, String)> {
    let mut changed = Vec::new();
    for (at, _) in source.match_indices('$') {
        let before = source.get(..at).unwrap_or_default();
        let after = source.get(at + 1..).unwrap_or_default();
        let length = after.bytes().take_while(|byte| byte.is_ascii_uppercase() || *byte == b'_').count();
        if length == 0 || before.ends_with('$') {
            continue;
        }
        let (name, rest) = after.split_at(length);
        changed.push((format!("with a name for ${name}"), format!("{before}a_name{rest}")));
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::read;

    fn told(kind: &str) -> Vec<String> {
        let text = format!(
            "[[guard]]\nid = \"a\"\nrule = \"a\"\nmode = \"block\"\nmessage = \"x\"\nmend = \"y\"\n{kind}"
        );
        let (guards, findings) = read(text.as_bytes());
        assert_eq!(findings, [], "{text}");
        mutants(&guards.guards[0]).into_iter().map(|mutant| mutant.what).collect()
    }

    #[test]
    fn every_kind_is_made_a_little_worse() {
        for (kind, expected) in [
            ("kind = \"regex\"\npaths = [\"a.rs\"]\npattern = 'x'", vec![]),
            (
                "kind = \"regex\"\npaths = [\"src/**/*.{rs,sql}\", \"b.rs\"]\nexclude = [\"c.rs\"]\n\
                 pattern = '\\b(?:ab|cd)e?'",
                vec![
                    "without the path src/**/*.{rs,sql}",
                    "with the path src/*.{rs,sql} for src/**/*.{rs,sql}",
                    "with the path src/**/*.{sql} for src/**/*.{rs,sql}",
                    "with the path src/**/*.{rs} for src/**/*.{rs,sql}",
                    "without the path b.rs",
                    "without the exclusion c.rs",
                    "without `\\b`",
                    "without `ab`",
                    "without `cd`",
                    "with `e` for `e?`",
                ],
            ),
            ("kind = \"regex\"\npaths = [\"a\"]\npattern = '(?i)now'", vec!["with the case of letters"]),
            ("kind = \"regex\"\npaths = [\"a\"]\npattern = 'ab*'", vec!["with `b+` for `b*`"]),
            (
                "kind = \"ast\"\nlanguage = \"rust\"\npaths = [\"a\"]\npattern = '$X.get($Y)'",
                vec!["with a name for $X", "with a name for $Y"],
            ),
            (
                "kind = \"sql\"\npaths = [\"a\"]\ncolumns = [\"x\", \"*_at\"]\nallowed = [\"y_at\"]",
                vec!["without the column x", "without the column *_at", "with y_at not allowed"],
            ),
            ("kind = \"sql\"\npaths = [\"a\"]\ncolumns = [\"x\"]", vec!["with another column for x"]),
            ("kind = \"command\"\ncommand = [\"a\", \"-b\"]", vec![]),
            ("kind = \"test-tag\"\npaths = [\"a\"]\nrca = \"b\"", vec!["it asks for another RCA"]),
        ] {
            assert_eq!(told(kind), expected, "{kind}");
        }
    }
}
