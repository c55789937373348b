//! `casebook guard prove`: that a guard fails on the defect it is there for, and is silent once it was mended.

use clap::Args;
use register::guard::baseline::Baseline;
use register::guard::proof::{On, Proof, still, weigh};
use register::guard::{Expected, Finding, Guard, judge};

use super::test::tried;
use super::{git, work};
use crate::escape;
use crate::exit::{Exit, Failure};
use crate::guards::{Loaded, Place};
use crate::output;

/// Shows that guards fail on the defect and are silent once it was mended
///
/// With --fix every guard of the rule looks at the tree before the commit, where it has to find something, and at the
/// tree after it, where some of that has to be gone and nothing may be new. Without it the guard's fixtures are run. What
/// was seen is kept in guards.proofs; --check runs all proofs again. Ends with 4 if a guard is not proved.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook guard prove deadline-on-providers --fix 0f3c9ab
  casebook guard prove deadline-on-providers
  casebook guard prove --check")]
pub(super) struct Prove {
    /// The permanent rule whose guards are proved
    #[arg(value_name = "RULE", required_unless_present = "check", conflicts_with = "check")]
    rule: Option<String>,
    #[command(flatten)]
    place: Place,
    /// The commit that mended the defect
    #[arg(long, value_name = "COMMIT", conflicts_with = "check")]
    fix: Option<String>,
    /// Run all proofs that are kept again
    #[arg(long)]
    check: bool,
}

impl Prove {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let loaded = self.place.load()?;
        let kept = loaded.proofs()?;
        match self.rule.as_deref().filter(|_| !self.check) {
            Some(rule) => prove(&loaded, rule, self.fix.as_deref(), kept),
            None => check(&loaded, &kept),
        }
    }
}

fn prove(loaded: &Loaded, rule: &str, fix: Option<&str>, mut kept: Vec<Proof>) -> Result<Exit, Failure> {
    let guards = loaded.guards.guards.iter().enumerate().filter(|(_, guard)| guard.rule == rule);
    let guards: Vec<(usize, &Guard)> = guards.collect();
    if guards.is_empty() {
        let of = loaded.guards.guards.iter().find(|guard| guard.id == rule);
        let said = match of {
            Some(guard) => format!("{rule} is a guard, and no rule: it keeps {}", guard.rule),
            None => format!("no guard keeps the rule {rule}: it is unenforced"),
        };
        return Err(Failure::new(Exit::Usage, escape::line(&said).into_owned()));
    }
    let (mut out, mut unproved) = (String::new(), 0);
    for (index, guard) in guards {
        let seen = match fix {
            Some(commit) => on_fix(loaded, index, commit),
            None => on_fixtures(loaded, guard),
        };
        let said = match seen {
            Ok((on, said)) => {
                kept.retain(|proof| proof.guard != guard.id || !same_kind(&proof.on, &on));
                kept.push(Proof { guard: guard.id.clone(), on });
                said
            }
            Err(why) => {
                unproved += 1;
                format!("not proved: {why}")
            }
        };
        out.push_str(&format!("{}: {}\n", guard.id, escape::line(&said)));
    }
    if unproved == 0 {
        kept.sort_by(|a, b| a.guard.cmp(&b.guard));
        loaded.write_proofs(&kept)?;
    }
    output::text(&out)?;
    Ok(if unproved == 0 { Exit::Ok } else { Exit::Server })
}

/// A guard has one proof on fixtures, and one for each fix.
fn same_kind(a: &On, b: &On) -> bool {
    match (a, b) {
        (On::Fixtures, On::Fixtures) => true,
        (On::Fix { commit: a, .. }, On::Fix { commit: b, .. }) => a == b,
        _ => false,
    }
}

fn on_fix(loaded: &Loaded, index: usize, commit: &str) -> Result<(On, String), String> {
    let (fix, parent) = git::fix(&loaded.root, commit)?;
    let before = found_in(loaded, index, &parent)?;
    let after = found_in(loaded, index, &fix)?;
    let reasons = weigh(&before, &after).map_err(|why| why.to_string())?;
    let first = reasons.first().map(|reason| reason.path.clone()).unwrap_or_default();
    let said = format!("red before {fix} in {first}, green after it");
    Ok((On::Fix { commit: fix, reasons }, said))
}

fn on_fixtures(loaded: &Loaded, guard: &Guard) -> Result<(On, String), String> {
    let bad = guard.fixtures.iter().find(|fixture| fixture.expected == Expected::Fail);
    let bad =
        bad.ok_or("it has no fixture under must_fail; --fix names the commit that mended the defect")?;
    for fixture in &guard.fixtures {
        let named = |why: String| format!("{} ({}): {why}", fixture.source.name(), fixture.expected.as_str());
        tried(guard, fixture, &loaded.root).map_err(named)?;
    }
    Ok((On::Fixtures, format!("red on {}", bad.source.name())))
}

/// What a guard finds in the tree of a commit. Neither baseline nor waiver counts there.
fn found_in(loaded: &Loaded, index: usize, commit: &str) -> Result<Vec<Finding>, String> {
    let checkout = git::checkout(&loaded.root, commit)?;
    let work = work::over_tree(loaded, &[index], &checkout.root()).map_err(|failure| failure.message)?;
    let outcome = judge(&loaded.guards, work.looked, &Baseline::default(), "");
    match outcome.crashes.into_iter().next() {
        Some(crash) => Err(format!("it did not run on {commit}: {}", crash.why)),
        None => Ok(outcome.findings),
    }
}

fn check(loaded: &Loaded, kept: &[Proof]) -> Result<Exit, Failure> {
    let (mut out, mut lost) = (String::new(), 0);
    let is_known = |id: &str| loaded.guards.guards.iter().any(|guard| guard.id == id);
    // Of a guard that a decision took out nothing is asked any more.
    let kept: Vec<&Proof> = kept
        .iter()
        .filter(|proof| is_known(&proof.guard) || loaded.decided(&proof.guard, None, &[]).is_err())
        .collect();
    for proof in &kept {
        if let Err(why) = holds(loaded, proof) {
            lost += 1;
            out.push_str(&format!("{}: {}\n", proof.guard, escape::line(&why)));
        }
    }
    let held = kept.len() - lost;
    let verb = if held == 1 { "proof holds" } else { "proofs hold" };
    let other = if lost == 1 { "does not" } else { "do not" };
    out.push_str(&format!("{held} {verb}, {lost} {other}\n"));
    output::text(&out)?;
    Ok(if lost == 0 { Exit::Ok } else { Exit::Server })
}

fn holds(loaded: &Loaded, proof: &Proof) -> Result<(), String> {
    let known = loaded.guards.guards.iter().enumerate().find(|(_, guard)| guard.id == proof.guard);
    let (index, guard) = known.ok_or_else(|| format!("there is no guard {} any more", proof.guard))?;
    match &proof.on {
        On::Fixtures => on_fixtures(loaded, guard).map(|_| ()),
        On::Fix { commit, reasons } => {
            let (fix, parent) = git::fix(&loaded.root, commit)?;
            let (before, after) = (found_in(loaded, index, &parent)?, found_in(loaded, index, &fix)?);
            still(reasons, &before, &after).map_err(|why| why.to_string())
        }
    }
}
