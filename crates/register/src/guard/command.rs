//! Guards of the kind `command`: the contract that a script keeps. It ends with 0 and says nothing when all is well; else
//! each line of its output begins with `file:line`. This reads what a script said; it starts none.

use super::hit::{self, Hit};
use super::is_inside;

/// A script that says more is stopped.
pub const OUTPUT_BYTES_MAX: usize = 1024 * 1024;
pub const SECONDS_MAX: u64 = 600;
pub(super) const SECONDS: u64 = 60;
/// A script that names more places has the wrong question.
const NAMED_MAX: usize = 10_000;
const SHOWN_CHARS_MAX: usize = 200;

/// What is started, from the folder of `guards.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program, then its arguments. No shell reads them.
    pub words: Vec<String>,
    /// How long it may take.
    pub seconds_max: u64,
}

/// How a script ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Exit(i32),
    Signal,
    /// It was stopped: it took too long.
    Late,
    /// It was stopped: it said too much.
    Loud,
    /// It could not be started, and why.
    NotStarted(String),
}

/// What a script said.
#[derive(Debug)]
pub struct Said<'s> {
    pub ended: Ended,
    pub stdout: &'s [u8],
    pub stderr: &'s [u8],
}

/// What a line of its output names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub path: String,
    pub line: usize,
    pub column: usize,
    pub note: String,
}

/// What was named, file by file. The text of each file is asked for once; there is none where it cannot be read.
pub fn hits(mut named: Vec<Named>, mut text: impl FnMut(&str) -> Option<String>) -> Vec<Hit> {
    named.sort_by(|one, other| one.path.cmp(&other.path));
    let mut hits = Vec::new();
    for of_file in named.chunk_by(|one, other| one.path == other.path) {
        let Some(Named { path, .. }) = of_file.first() else { continue };
        let places = of_file.iter().map(|named| (named.line, named.column, named.note.clone()));
        hits.extend(hit::on_lines(path, text(path).as_deref(), places));
    }
    hits
}

impl Command {
    /// What it found, or how it broke the contract.
    pub fn told(&self, said: &Said<'_>) -> Result<Vec<Named>, String> {
        let stdout = String::from_utf8_lossy(said.stdout);
        let stderr = || -> String {
            let text = String::from_utf8_lossy(said.stderr).trim().to_owned();
            text.lines().last().map(|line| format!(": {}", shown(line))).unwrap_or_default()
        };
        let lines = || stdout.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        match &said.ended {
            Ended::Exit(0) => match lines().next() {
                None => Ok(Vec::new()),
                Some((_, line)) => Err(format!("it ended with 0 and yet said `{}`", shown(line))),
            },
            Ended::Exit(code) => {
                if lines().next().is_none() {
                    return Err(format!("it ended with {code} and named no file:line{}", stderr()));
                }
                if lines().count() > NAMED_MAX {
                    return Err(format!("it named more than {NAMED_MAX} places"));
                }
                lines()
                    .map(|(index, line)| named(line).map_err(|why| format!("line {}: {why}", index + 1)))
                    .collect()
            }
            Ended::Signal => Err(format!("a signal ended it{}", stderr())),
            Ended::Late => Err(format!("it took more than {} seconds", self.seconds_max)),
            Ended::Loud => Err(format!("it said more than {OUTPUT_BYTES_MAX} bytes")),
            Ended::NotStarted(why) => Err(format!("it could not be started: {why}")),
        }
    }
}

/// `file:line`, `file:line:column`, and after either of them a colon and what is wrong there.
fn named(line: &str) -> Result<Named, String> {
    let wrong = || format!("`{}` does not begin with file:line", shown(line));
    let mut rest = line;
    // The path ends where a number follows: it may hold colons itself.
    let mut from = 0;
    while let Some(colon) = rest.get(from..).and_then(|rest| rest.find(':')) {
        let (path, after) = rest.split_at(from + colon);
        let digits = after[1..].bytes().take_while(u8::is_ascii_digit).count();
        let is_number = digits > 0 && matches!(after[1 + digits..].chars().next(), None | Some(':' | ' '));
        if !is_number {
            from += colon + 1;
            continue;
        }
        let path = path.strip_prefix("./").unwrap_or(path);
        let number = after[1..=digits].parse::<usize>().ok().filter(|line| *line > 0).ok_or_else(wrong)?;
        if !is_inside(path) {
            return Err(format!("`{}` is no path within the tree", shown(path)));
        }
        rest = after[1 + digits..].trim_start_matches(':');
        let (column, note) = column(rest);
        return Ok(Named { path: path.to_owned(), line: number, column, note: note.trim().to_owned() });
    }
    Err(wrong())
}

fn column(rest: &str) -> (usize, &str) {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, after) = rest.split_at(digits);
    match (number.parse::<usize>(), after.chars().next()) {
        (Ok(column), None | Some(':')) if column > 0 => (column, after.trim_start_matches(':')),
        _ => (1, rest),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ended: Ended, stdout: &str, stderr: &str) -> Result<Vec<(String, usize, usize, String)>, String> {
        let command = Command { words: vec!["x".to_owned()], seconds_max: 5 };
        let said = Said { ended, stdout: stdout.as_bytes(), stderr: stderr.as_bytes() };
        let named = command.told(&said)?;
        Ok(named.into_iter().map(|named| (named.path, named.line, named.column, named.note)).collect())
    }

    #[test]
    fn lines_of_output_name_a_file_and_a_line() {
        for (line, expected) in [
            ("a.rs:3", ("a.rs", 3, 1, "")),
            ("./a/b.rs:3: wrong", ("a/b.rs", 3, 1, "wrong")),
            ("a.rs:3:14: wrong: very", ("a.rs", 3, 14, "wrong: very")),
            ("a.rs:3:14", ("a.rs", 3, 14, "")),
            ("a.rs:3 wrong", ("a.rs", 3, 1, "wrong")),
            ("a.rs:3: 14 of them", ("a.rs", 3, 1, "14 of them")),
            ("a.rs:3:14 of them", ("a.rs", 3, 1, "14 of them")),
            ("odd:name.rs:7: x", ("odd:name.rs", 7, 1, "x")),
        ] {
            let (path, at, column, note) = expected;
            let expected = vec![(path.to_owned(), at, column, note.to_owned())];
            assert_eq!(told(Ended::Exit(1), line, ""), Ok(expected), "{line}");
        }
    }

    #[test]
    fn who_breaks_the_contract_has_found_nothing() {
        for (ended, stdout, stderr, expected) in [
            (Ended::Exit(0), "a.rs:3", "", "it ended with 0 and yet said `a.rs:3`"),
            (Ended::Exit(2), "", "x\nno such table", "it ended with 2 and named no file:line: no such table"),
            (Ended::Exit(1), "a.rs:3\nsumming up", "", "line 2: `summing up` does not begin with file:line"),
            (Ended::Exit(1), "a.rs:0", "", "line 1: `a.rs:0` does not begin with file:line"),
            (Ended::Exit(1), "/etc/passwd:1", "", "line 1: `/etc/passwd` is no path within the tree"),
            (Ended::Exit(1), "a/../../b:1", "", "line 1: `a/../../b` is no path within the tree"),
            (Ended::Signal, "a.rs:3", "", "a signal ended it"),
            (Ended::Late, "a.rs:3", "", "it took more than 5 seconds"),
            (Ended::Loud, "", "", "it said more than 1048576 bytes"),
            (Ended::NotStarted("gone".to_owned()), "", "", "it could not be started: gone"),
        ] {
            assert_eq!(told(ended, stdout, stderr), Err(expected.to_owned()));
        }
        assert_eq!(told(Ended::Exit(0), "\n", "a warning of the shell"), Ok(Vec::new()));
    }

    #[test]
    fn each_file_that_is_named_is_read_once_and_no_script_names_without_end() {
        let lines: String =
            (1..=3000).map(|line| format!("{}.rs:{}\n", ["a", "b"][line % 2], line)).collect();
        let command = Command { words: vec!["x".to_owned()], seconds_max: 5 };
        let said = Said { ended: Ended::Exit(1), stdout: lines.as_bytes(), stderr: b"" };
        let mut asked = Vec::new();
        let found = hits(command.told(&said).unwrap(), |path| {
            asked.push(path.to_owned());
            Some("x\ny\n".to_owned())
        });
        assert_eq!(asked, ["a.rs", "b.rs"]);
        assert_eq!(found.len(), 2 * 1001);
        assert_eq!((found[0].line, found[0].excerpt.as_str(), found[1001].line), (2, "y", 1));
        let many = "a:1\n".repeat(10_001);
        assert_eq!(told(Ended::Exit(1), &many, ""), Err("it named more than 10000 places".to_owned()));
    }
}
