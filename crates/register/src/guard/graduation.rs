//! Which mode a guard has earned, by the runs that it was part of, and which guards were lowered. It knows no file and no
//! date but those it is handed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::beside::{Fault, entries};
use super::file::is_id;
use super::guards::{Guard, Guards, Mode};
use super::outcome::{Outcome, Standing};

/// What is longer is not read.
pub const HISTORY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Of each guard the last runs are kept: no mode asks for more.
const RUNS_MAX: usize = 100;
/// Without a crash among them, before a guard may warn.
const RUNS_TO_WARN: usize = 10;
/// The same, before it may block.
const RUNS_TO_BLOCK: usize = 30;
/// On so many days: thirty runs of one afternoon are one look.
const DAYS_TO_BLOCK: usize = 7;
/// The last runs, in which it found nothing new: else it would stop everybody at once.
const QUIET_TO_BLOCK: usize = 10;
const HEADER: &str = "casebook.guard-history/v1";
const NOTE: &str = "# Runs of guards, the oldest first. Written by `casebook guard run --record`.";

/// One run of one guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// As `2026-12-05`.
    pub date: String,
    pub guard: String,
    pub came: Came,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    Clean,
    /// So much that is new.
    Found(usize),
    Crashed,
}

/// A mode, and what a guard lacks for the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earned {
    pub mode: Mode,
    pub lacks: Option<String>,
}

/// A guard that does less than it did, or nothing any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lowered {
    pub guard: String,
    pub from: Mode,
    /// None where the guard is gone, or keeps another rule: of the rule that it kept it is gone then.
    pub to: Option<Mode>,
}

pub fn read(bytes: &[u8]) -> Result<Vec<Ran>, Fault> {
    let said = "a line is a date, a guard, and `clean`, `crashed` or `found NUMBER`";
    let entries = entries(bytes, HEADER)?.into_iter();
    entries.map(|(number, line)| ran(line).ok_or_else(|| Fault::new(number, said))).collect()
}

fn ran(line: &str) -> Option<Ran> {
    let words: Vec<&str> = line.split(' ').collect();
    let (date, guard, came) = match words.as_slice() {
        [date, guard, "clean"] => (date, guard, Came::Clean),
        [date, guard, "crashed"] => (date, guard, Came::Crashed),
        [date, guard, "found", count] => (date, guard, Came::Found(count.parse().ok()?)),
        _ => return None,
    };
    let is_date = date.len() == 10 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    (is_date && is_id(guard)).then(|| Ran { date: (*date).to_owned(), guard: (*guard).to_owned(), came })
}

/// The history with one more run in it, and no more of each guard than counts.
pub fn recorded(mut runs: Vec<Ran>, outcome: &Outcome, guards: &[&Guard], today: &str) -> String {
    for guard in guards {
        let is_new = |standing: &Standing| *standing == Standing::New;
        let found = outcome
            .findings
            .iter()
            .filter(|found| found.guard == guard.id && is_new(&found.standing))
            .count();
        let came = match found {
            _ if outcome.crashes.iter().any(|crash| crash.guard == guard.id) => Came::Crashed,
            0 => Came::Clean,
            count => Came::Found(count),
        };
        runs.push(Ran { date: today.to_owned(), guard: guard.id.clone(), came });
    }
    let mut of: BTreeMap<&str, usize> = BTreeMap::new();
    let mut kept: Vec<&Ran> = Vec::new();
    for run in runs.iter().rev() {
        let count = of.entry(&run.guard).or_default();
        *count += 1;
        if *count <= RUNS_MAX {
            kept.push(run);
        }
    }
    let mut text = format!("{HEADER}\n{NOTE}\n");
    for Ran { date, guard, came } in kept.into_iter().rev() {
        let _ = match came {
            Came::Clean => writeln!(text, "{date} {guard} clean"),
            Came::Crashed => writeln!(text, "{date} {guard} crashed"),
            Came::Found(count) => writeln!(text, "{date} {guard} found {count}"),
        };
    }
    text
}

/// The mode that a guard has earned. One that nobody saw fail on its defect has earned none but `report`.
pub fn earned(guard: &str, runs: &[Ran], is_proved: bool) -> Earned {
    let lacks = |mode, what: String| Earned { mode, lacks: Some(what) };
    if !is_proved {
        return lacks(Mode::Report, "a proof".to_owned());
    }
    let since: Vec<&Ran> = runs
        .iter()
        .rev()
        .filter(|run| run.guard == guard)
        .take_while(|run| run.came != Came::Crashed)
        .collect();
    let count = since.len();
    if count < RUNS_TO_WARN {
        return lacks(Mode::Report, format!("{} more runs without a crash", RUNS_TO_WARN - count));
    }
    if count < RUNS_TO_BLOCK {
        return lacks(Mode::Warn, format!("{} more runs without a crash", RUNS_TO_BLOCK - count));
    }
    let days = since.iter().map(|run| run.date.as_str()).collect::<BTreeSet<_>>().len();
    if days < DAYS_TO_BLOCK {
        return lacks(Mode::Warn, format!("runs on {} more days", DAYS_TO_BLOCK - days));
    }
    if since.iter().take(QUIET_TO_BLOCK).any(|run| run.came != Came::Clean) {
        return lacks(Mode::Warn, format!("{QUIET_TO_BLOCK} runs on end that find nothing new"));
    }
    Earned { mode: Mode::Block, lacks: None }
}

/// Guards that do less than before.
pub fn lowered(before: &Guards, now: &Guards) -> Vec<Lowered> {
    let mut lowered = Vec::new();
    for old in &before.guards {
        let same = now.guards.iter().find(|guard| guard.id == old.id && guard.rule == old.rule);
        let to = same.map(|guard| guard.mode);
        if to.is_none_or(|mode| mode < old.mode) {
            lowered.push(Lowered { guard: old.id.clone(), from: old.mode, to });
        }
    }
    lowered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(days: usize, each: usize, came: Came) -> Vec<Ran> {
        let run = |day: usize| Ran { date: format!("2026-11-{day:02}"), guard: "a".to_owned(), came };
        (1..=days).flat_map(|day| (0..each).map(move |_| day)).map(run).collect()
    }

    #[test]
    fn a_mode_is_earned_by_proof_and_runs() {
        let crash = runs(1, 1, Came::Crashed);
        let found = runs(1, 1, Came::Found(2));
        let other = vec![Ran { date: "2026-11-01".to_owned(), guard: "b".to_owned(), came: Came::Crashed }];
        for (what, history, is_proved, mode, lacks) in [
            ("no run", vec![], true, Mode::Report, "10 more runs"),
            ("no proof", runs(10, 10, Came::Clean), false, Mode::Report, "a proof"),
            ("nine runs", runs(9, 1, Came::Clean), true, Mode::Report, "1 more runs"),
            ("ten runs", runs(10, 1, Came::Clean), true, Mode::Warn, "20 more runs"),
            ("one day", runs(1, 40, Came::Clean), true, Mode::Warn, "runs on 6 more days"),
            ("a week", runs(7, 5, Came::Clean), true, Mode::Block, ""),
            ("a crash before", [crash.clone(), runs(7, 5, Came::Clean)].concat(), true, Mode::Block, ""),
            ("a crash since", [runs(7, 5, Came::Clean), crash].concat(), true, Mode::Report, "10 more runs"),
            ("another's crash", [runs(7, 5, Came::Clean), other].concat(), true, Mode::Block, ""),
            (
                "something new",
                [runs(7, 5, Came::Clean), found.clone()].concat(),
                true,
                Mode::Warn,
                "nothing new",
            ),
            ("new long ago", [found, runs(7, 5, Came::Clean)].concat(), true, Mode::Block, ""),
        ] {
            let earned = earned("a", &history, is_proved);
            assert_eq!(earned.mode, mode, "{what}");
            assert!(earned.lacks.as_deref().unwrap_or_default().contains(lacks), "{what}: {earned:?}");
        }
    }

    #[test]
    fn a_history_is_read_as_it_is_written_and_does_not_grow_for_ever() {
        let guards = crate::guard::tests::guards(
            "[[guard]]\nid = \"a\"\nrule = \"a\"\nkind = \"regex\"\nmode = \"block\"\nmessage = \"x\"\nmend = \"y\"\n\
             paths = [\"a\"]\npattern = 'x'\n",
        );
        let refs: Vec<&Guard> = guards.guards.iter().collect();
        let text = recorded(runs(20, 10, Came::Found(3)), &Outcome::default(), &refs, "2026-11-22");
        let read_back = read(text.as_bytes()).unwrap();
        assert_eq!(read_back.len(), RUNS_MAX);
        assert_eq!(read_back.last().map(|run| run.came), Some(Came::Clean));
        for line in ["2026-11-22 a", "22 a clean", "2026-11-22 A clean", "2026-11-22 a found many"] {
            assert_eq!(read(format!("{HEADER}\n{line}\n").as_bytes()).unwrap_err().line, 2, "{line}");
        }
    }

    #[test]
    fn a_guard_that_is_lowered_or_gone_is_told() {
        let with = |mode: &str| {
            crate::guard::tests::guards(&format!(
                "[[guard]]\nid = \"a\"\nrule = \"a\"\nkind = \"regex\"\nmode = \"{mode}\"\nmessage = \"x\"\nmend = \"y\"\n\
                 paths = [\"a\"]\npattern = 'x'\n"
            ))
        };
        let told = |lowered: Vec<Lowered>| lowered.into_iter().map(|lowered| lowered.to).collect::<Vec<_>>();
        assert_eq!(told(lowered(&with("warn"), &with("block"))), []);
        assert_eq!(told(lowered(&with("warn"), &with("warn"))), []);
        assert_eq!(told(lowered(&with("block"), &with("warn"))), [Some(Mode::Warn)]);
        assert_eq!(told(lowered(&with("report"), &Guards::default())), [None]);
        let mut other = with("block");
        other.guards.iter_mut().for_each(|guard| guard.rule = "b".to_owned());
        assert_eq!(told(lowered(&with("block"), &other)), [None]);
    }
}
