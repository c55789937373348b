//! Guards of the kind `test-tag`: an RCA has a test that shows its defect is gone, and nobody has switched that test off. It
//! reads source line by line and runs nothing; whether the test passes is for the test's own run to say.
//!
//! The tag is a comment, `rca: <id>`, above the test: a name cannot hold the id, an attribute needs a crate in each
//! language, and whoever renames or moves the test carries the comment along.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::hit::{self, Hit};
use super::sql::without_text;

/// So far below its tag a test may begin, and its marks so far above.
const LINES_MAX: usize = 30;

/// Ignored, be it under a condition other than that an interpreter runs it, or compiled under one that is never so.
const RUST_OFF: &str = r"(?x)
    \#\[ \s* ignore \b
    | \#\[ \s* cfg_attr \s* \( \s* (?: [^m] | m[^i] ) [^\]]* \b ignore \b
    | \#\[ \s* cfg \s* \( \s* (?: any\s*\(\s*\) | (?i:false)\b | not\s*\(\s*(?: all\s*\(\s*\) | true\b | test\b ) )";

/// How a language writes tests.
struct Tongue {
    endings: &'static [&'static str],
    /// The line at which what is tagged begins.
    begins: Regex,
    /// What makes it a test, in that line or those before it.
    is_test: Regex,
    /// What switches it off.
    is_off: Regex,
}

static TONGUES: LazyLock<Vec<Tongue>> = LazyLock::new(|| {
    let tongue = |endings, begins, is_test, is_off| Tongue {
        endings,
        begins: pattern(begins),
        is_test: pattern(is_test),
        is_off: pattern(is_off),
    };
    vec![
        tongue(&[".rs"], r"\bfn\s", r"#\[(?:\w+::)*(?:test|rstest|test_case)\b", RUST_OFF),
        tongue(&[".py"], r"^\s*(?:async\s+)?(?:def|class)\s", r"\bdef\s+test", r"@.*\bskip"),
        tongue(
            &[".js", ".jsx", ".mjs", ".ts", ".tsx"],
            r"\b(?:it|test|xit|xtest)\b\s*[.(]",
            r"\b(?:it|test)\b(?:\.\w+)*\s*\(",
            r"\.(?:skip|todo)\b|\bx(?:it|test)\b",
        ),
    ]
});

fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("patterns of the table are patterns")
}

/// What the tag stands above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tagged {
    Test,
    Off,
    NoTest,
    UnknownLanguage,
}

/// What is wrong with the tests of an RCA. `own` is where the guard itself stands: a test that is nowhere has no place.
pub(super) fn find(rca: &str, files: &[(&str, &str)], own: (&str, usize)) -> Vec<Hit> {
    let mut wrong = Vec::new();
    let mut is_tested = false;
    for (path, text) in files {
        let code = code(path, text);
        let lines: Vec<&str> = code.lines().collect();
        let tags = lines.iter().enumerate().filter(|(_, line)| is_tag(line, rca));
        let of_file = tags.filter_map(|(index, _)| {
            let note = match tagged(path, &lines, index) {
                Tagged::Test => {
                    is_tested = true;
                    return None;
                }
                Tagged::Off => "the test is switched off",
                Tagged::NoTest => "what is tagged is no test",
                Tagged::UnknownLanguage => "tests in this kind of file are not known",
            };
            Some((index + 1, 1, note.to_owned()))
        });
        wrong.extend(hit::on_lines(path, Some(text), of_file));
    }
    if !is_tested && wrong.is_empty() {
        let note = format!("no test is tagged `rca: {rca}`");
        wrong.extend(hit::on_lines(own.0, None, std::iter::once((own.1, 1, note))));
    }
    wrong
}

/// The text without what is no code and yet may look like it, line for line.
fn code<'t>(path: &str, text: &'t str) -> Cow<'t, str> {
    if path.ends_with(".rs") {
        return Cow::Owned(without_text(text));
    }
    if !(path.contains(".js") || path.contains(".mjs") || path.contains(".ts")) {
        return Cow::Borrowed(text);
    }
    // A text may hold the signs of a comment: one that counts begins its line.
    let mut is_within = false;
    let lines = text.lines().map(|line| {
        let is_comment = is_within || line.trim_start().starts_with("/*");
        is_within = is_comment && !line.contains("*/");
        if is_comment { "" } else { line }
    });
    Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
}

fn is_tag(line: &str, rca: &str) -> bool {
    let line = line.trim();
    let said = ["///", "//", "#"].iter().find_map(|mark| line.strip_prefix(mark));
    let after = said.and_then(|said| said.trim_start().strip_prefix("rca:")?.trim_start().strip_prefix(rca));
    after.is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_')))
}

fn tagged(path: &str, lines: &[&str], tag: usize) -> Tagged {
    let knows = |tongue: &&Tongue| tongue.endings.iter().any(|ending| path.ends_with(ending));
    let Some(tongue) = TONGUES.iter().find(knows) else { return Tagged::UnknownLanguage };
    let is_mark = |line: &&&str| {
        let line = line.trim_start();
        line.starts_with("#[") || line.starts_with('@') || line.starts_with("//")
    };
    let before = lines.iter().take(tag).rev().take(LINES_MAX).take_while(is_mark).count();
    let after = lines.iter().skip(tag + 1).take(LINES_MAX);
    let Some(begin) = after.clone().position(|line| !is_comment(line) && tongue.begins.is_match(line)) else {
        return Tagged::NoTest;
    };
    let about = lines.iter().skip(tag - before).take(before + 1 + begin + 1);
    let code: Vec<&str> = about.copied().filter(|line| !is_comment(line)).collect();
    let code = code.join("\n");
    match (tongue.is_test.is_match(&code), tongue.is_off.is_match(&code)) {
        (_, true) => Tagged::Off,
        (true, false) => Tagged::Test,
        (false, false) => Tagged::NoTest,
    }
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("//") || (line.starts_with('#') && !line.starts_with("#["))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const RCA: &str = "2026-11-card-provider-outage";

    fn found(path: &str, text: &str) -> Vec<(String, usize, String)> {
        let text = text.replace("RCA", &format!("rca: {RCA}"));
        let hits = find(RCA, &[(path, &text)], ("guards.toml", 7));
        hits.into_iter().map(|hit| (hit.path, hit.line, hit.note)).collect()
    }

    #[test]
    fn a_test_with_the_tag_is_there_and_not_switched_off() {
        for (path, text) in [
            ("a.rs", "// RCA\n#[test]\nfn gives_up() {}"),
            ("a.rs", "/// RCA: waits no longer\n#[test]\nfn gives_up() {}"),
            ("a.rs", "#[tokio::test]\n// RCA\nasync fn gives_up() {}"),
            ("a.rs", "    // RCA\n    // It is long.\n    #[test]\n    #[cfg(unix)]\n    fn gives_up() {}"),
            ("a.rs", "// RCA\n#[test]\n#[cfg_attr(miri, ignore)]\nfn gives_up() {}"),
            (
                "a.rs",
                "const P: &str = \"src/**/*.rs\";\n// RCA\n#[test]\n#[cfg(any(unix, windows))]\nfn gives_up() {}",
            ),
            ("a.ts", "const p = 'src/**/*.ts';\n/* x */\n// RCA\nit(\"gives up\", () => {})"),
            ("a.py", "# RCA\ndef test_gives_up():\n    pass"),
            ("a.ts", "// RCA\nit(\"gives up\", () => {})"),
            ("a.ts", "// RCA\ntest.each([1])(\"gives up\", () => {})"),
        ] {
            assert_eq!(found(path, text), [], "{text}");
        }
    }

    #[test]
    fn a_test_that_is_off_or_none_is_found() {
        let off = "the test is switched off";
        let none = "what is tagged is no test";
        for (path, text, line, expected) in [
            ("a.rs", "// RCA\n#[test]\n#[ignore]\nfn gives_up() {}", 1, off),
            ("a.rs", "// RCA\n#[ignore = \"slow\"]\n#[test]\nfn gives_up() {}", 1, off),
            ("a.rs", "#[test]\n#[ignore]\n// RCA\nfn gives_up() {}", 3, off),
            ("a.rs", "// RCA\n#[test]\n#[cfg_attr(all(), ignore)]\nfn gives_up() {}", 1, off),
            (
                "a.rs",
                "// RCA\n#[test]\n#[cfg_attr(\n    not(miri),\n    ignore = \"x\"\n)]\nfn gives_up() {}",
                1,
                off,
            ),
            ("a.rs", "// RCA\n#[cfg(any())]\n#[test]\nfn gives_up() {}", 1, off),
            ("a.rs", "// RCA\n#[cfg(not(all()))]\n#[test]\nfn gives_up() {}", 1, off),
            ("a.rs", "// RCA\n#[cfg(FALSE)]\n#[test]\nfn gives_up() {}", 1, off),
            ("a.rs", "// RCA\n/*\n#[test]\nfn gives_up() {}\n*/", 1, none),
            ("a.rs", "// RCA\nfn gives_up() {}", 1, none),
            ("a.rs", "// RCA\n// #[test]\nfn gives_up() {}", 1, none),
            ("a.rs", "// RCA\nfn help() {}\n#[test]\nfn gives_up() {}", 1, none),
            ("a.rs", "// RCA", 1, none),
            ("a.py", "# RCA\n@unittest.skip\ndef test_gives_up():", 1, off),
            ("a.ts", "// RCA\nit.skip(\"gives up\", f)", 1, off),
            ("a.ts", "// RCA\nxit(\"gives up\", f)", 1, off),
            ("a.kt", "// RCA\n@Test fun x() {}", 1, "tests in this kind of file are not known"),
        ] {
            assert_eq!(found(path, text), [(path.to_owned(), line, expected.to_owned())], "{text}");
        }
    }

    #[test]
    fn where_there_is_none_the_guard_is_the_place() {
        for text in [
            "",
            "// rca: 2026-11-card-provider-outage-two\n#[test]\nfn f() {}",
            "// see RCA\n#[test]\nfn f() {}",
            "/*\n// RCA\n#[test]\nfn f() {}\n*/",
            "const T: &str = \"\n// RCA\n#[test]\nfn f() {}\n\";",
        ] {
            let expected = ("guards.toml".to_owned(), 7, format!("no test is tagged `rca: {RCA}`"));
            assert_eq!(found("a.rs", text), [expected], "{text}");
        }
    }

    #[test]
    fn a_file_of_tags_alone_ends_soon() {
        let began = Instant::now();
        assert_eq!(found("a.rs", &"// RCA\n".repeat(20_000)).len(), 1001);
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    }
}
