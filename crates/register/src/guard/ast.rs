//! Guards of the kind `ast`: patterns over the syntax of source, such as `$X.unwrap()`, which see no comment, text or
//! layout. It knows the grammar and no guard.

use std::borrow::Cow;

use ast_grep_core::matcher::PatternBuilder;
use ast_grep_core::tree_sitter::{LanguageExt, StrDoc, TSLanguage};
use ast_grep_core::{AstGrep, Language, Pattern, PatternError};

use super::hit::{self, Hit};
use crate::finding::{Findings, shown};
use crate::rca::At;
use crate::rule::Rule;

const PATTERN_BYTES_MAX: usize = 2000;
/// Stands for `$` in a pattern: Rust has no `$` in names.
const VARIABLE: char = 'µ';

/// Rust, as the library asks for a language.
#[derive(Debug, Clone, Copy)]
struct Rust;

/// A pattern and what it was written as.
pub(super) struct Shape {
    source: String,
    pattern: Pattern,
}

impl Language for Rust {
    fn expando_char(&self) -> char {
        VARIABLE
    }

    fn pre_process_pattern<'q>(&self, query: &'q str) -> Cow<'q, str> {
        Cow::Owned(with_variables(query))
    }

    fn kind_to_id(&self, kind: &str) -> u16 {
        self.get_ts_language().id_for_node_kind(kind, true)
    }

    fn field_to_id(&self, field: &str) -> Option<u16> {
        self.get_ts_language().field_id_for_name(field).map(|id| id.get())
    }

    fn build_pattern(&self, builder: &PatternBuilder<'_>) -> Result<Pattern, PatternError> {
        builder.build(|source| StrDoc::try_new(source, *self))
    }
}

impl LanguageExt for Rust {
    fn get_ts_language(&self) -> TSLanguage {
        tree_sitter_rust::LANGUAGE.into()
    }
}

/// `$X`, `$_` and `$$$` are variables of the pattern; `$x` is one of a macro and stays.
fn with_variables(query: &str) -> String {
    let mut out = String::with_capacity(query.len());
    let mut rest = query;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        let dollars = from.chars().take_while(|c| *c == '$').count();
        let after = from.get(dollars..).unwrap_or_default();
        let is_named = after.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
        let is_variable = is_named || dollars == 3;
        out.push_str(before);
        (0..dollars).for_each(|_| out.push(if is_variable { VARIABLE } else { '$' }));
        rest = after;
    }
    out.push_str(rest);
    out
}

impl Shape {
    /// None where it cannot be read: the findings say why.
    pub(super) fn new(pattern: &At<String>, findings: &mut Findings) -> Option<Self> {
        let At { value, at } = pattern;
        match Self::read(value) {
            Ok(shape) => Some(shape),
            Err(why) => {
                findings.add(Rule::GuardPattern, *at, format!("the pattern {}: {why}", shown(value)));
                None
            }
        }
    }

    pub(super) fn read(source: &str) -> Result<Self, String> {
        if source.len() > PATTERN_BYTES_MAX {
            return Err(format!("a pattern has at most {PATTERN_BYTES_MAX} bytes"));
        }
        let pattern = Pattern::try_new(source, Rust).map_err(|error| error.to_string())?;
        if pattern.has_error() {
            return Err("it is no Rust".to_owned());
        }
        if pattern.fixed_string().is_empty() {
            return Err("it holds variables alone, and so stands everywhere".to_owned());
        }
        Ok(Self { source: source.to_owned(), pattern })
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn find(&self, path: &str, text: &str) -> Vec<Hit> {
        // A text without the longest fixed part of the pattern holds no match, and parsing costs most.
        if !text.contains(self.pattern.fixed_string().as_ref()) {
            return Vec::new();
        }
        let Ok(tree) = AstGrep::try_new(text, Rust) else { return Vec::new() };
        let root = tree.root();
        let places = root.find_all(&self.pattern).map(|found| {
            let range = found.range();
            (range.start, range.end, String::new())
        });
        hit::hits(path, text, places)
    }
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Shape").field(&self.source).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, text: &str) -> Vec<(usize, usize)> {
        let shape = Shape::read(pattern).unwrap();
        shape.find("a.rs", text).into_iter().map(|hit| (hit.line, hit.column)).collect()
    }

    #[test]
    fn patterns_see_syntax_and_no_layout_comment_or_text() {
        for (pattern, text, expected) in [
            ("$X.unwrap()", "fn f() { a.unwrap(); }", vec![(1, 10)]),
            ("$X.unwrap()", "fn f() { a\n    .b()\n    .unwrap(); }", vec![(1, 10)]),
            ("$X.unwrap()", "fn f() { /* a.unwrap() */ g(\"a.unwrap()\"); }", vec![]),
            ("$X.unwrap()", "fn f() { a.unwrap_or(1); }", vec![]),
            ("$X.unwrap()", "fn f() { a.unwrap().unwrap(); }", vec![(1, 10), (1, 10)]),
            ("$X == $X", "fn f() -> bool { a.b == a.b }", vec![(1, 18)]),
            ("$X == $X", "fn f() -> bool { a.b == a.c }", vec![]),
            ("println!($$$)", "fn f() { println!(\"{} {}\", a, b); }", vec![(1, 10)]),
            ("std::thread::sleep($T)", "fn f() { std::thread::sleep(t); }", vec![(1, 10)]),
            ("unsafe { $$$ }", "fn f() { unsafe { g() } }", vec![(1, 10)]),
            ("$X.unwrap()", "fn f( { a.unwrap(); é }", vec![(1, 9)]),
        ] {
            assert_eq!(found(pattern, text), expected, "{pattern} in {text}");
        }
    }

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        for (pattern, expected) in
            [("$X", "variables alone"), ("", ""), ("fn (", ""), (&"a".repeat(2001), "at most 2000")]
        {
            let why = Shape::read(pattern).map(|_| ()).unwrap_err();
            assert!(why.contains(expected), "{pattern}: {why}");
        }
    }
}
