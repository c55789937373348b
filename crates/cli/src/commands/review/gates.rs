//! The steps of gates: plan, claim, verdict, reasoning, reopening. Each makes a record of its arguments and knows no
//! rule.

use std::path::{Path, PathBuf};

use clap::Args;
use register::review::{
    At, Claim, Commit, Evidence, Excuse, FindingId, LIST_MAX, Name, Outcome, Prose, ReopenFinding,
    ReopenGate, Reveal, Step, Text, Verdict, hide,
};

use super::ledger::{Signing, text, wrong};
use crate::exit::{Exit, Failure};

const NOW: &str = "now";

/// Records plan.toml and signers.toml as they are
///
/// The gates of a review and who may sign stand in these two files of the ledger, and count once a verifier recorded
/// them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review plan --key ~/.config/casebook/ben.key

plan.toml:
  title = \"Names\"

  [[gate]]
  id = \"api\"
  title = \"Names are checked\"
  scope = [\"src/api\", \"doc/api.md\"]")]
pub(super) struct RecordPlan {
    #[command(flatten)]
    signing: Signing,
}

/// Claims that a gate holds, for the commit that is checked out
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review claim api --says 'Names are checked' --check 'make check' --expected '0 failed' --reasoning why.md")]
pub(super) struct MakeClaim {
    /// The gate, as plan.toml names it
    gate: Name,
    /// What holds
    #[arg(long, value_name = "TEXT")]
    says: Text,
    /// How to see it
    #[arg(long, value_name = "TEXT")]
    check: Text,
    /// What will then be seen
    #[arg(long, value_name = "TEXT")]
    expected: Text,
    /// A file with your reasoning, which you keep out of the repository: nobody reads it before the verdict, and the
    /// ledger has only a digest of it until you reveal it
    #[arg(long, value_name = "FILE")]
    reasoning: Option<PathBuf>,
    #[command(flatten)]
    signing: Signing,
}

/// Judges the claim on a gate
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review verdict api pass --commit 0f3c9ab --evidence '2026-11-21T18:00:00Z make check: 0 failed' \\
      --control 'now without the check for empty names: 1 failed'")]
pub(super) struct GiveVerdict {
    /// The gate
    gate: Name,
    /// pass or fail
    outcome: Outcome,
    /// The commit on which you ran the check
    #[arg(long, value_name = "COMMIT")]
    commit: String,
    /// When, and what was seen: a time or `now`, a blank, a text; may be given several times
    #[arg(long, value_name = "TIME TEXT", value_parser = seen)]
    evidence: Vec<(Option<At>, Text)>,
    /// The same for a check that you saw fail when the thing was broken
    #[arg(long, value_name = "TIME TEXT", value_parser = seen)]
    control: Vec<(Option<At>, Text)>,
    #[command(flatten)]
    signing: Signing,
}

/// Reveals the reasoning of a claim, after its verdict
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review reveal api --reasoning why.md")]
pub(super) struct RevealReasoning {
    /// The gate
    gate: Name,
    /// The very file that was given with the claim
    #[arg(long, value_name = "FILE")]
    reasoning: PathBuf,
    #[command(flatten)]
    signing: Signing,
}

/// Says that the reasoning of a claim cannot be revealed any more
///
/// For a claimant who left, or whose file is lost: else the gate could never be claimed again. A verifier who did not make
/// the claim says it, after the verdict.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review excuse api --why 'Ana has left, and nobody has her file'")]
pub(super) struct ExcuseReasoning {
    /// The gate
    gate: Name,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: Text,
    #[command(flatten)]
    signing: Signing,
}

/// Opens a gate that failed, or a finding whose fix did not hold
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review reopen api --why 'Empty names are refused since 0f3c9ab'
  casebook review reopen F1 --why 'A blank is still taken for a name'")]
pub(super) struct Reopen {
    /// A gate, or a finding such as F1
    #[arg(value_name = "GATE|FINDING", value_parser = reopened)]
    what: Reopened,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: Text,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Clone)]
enum Reopened {
    Gate(Name),
    Finding(FindingId),
}

fn reopened(text: &str) -> Result<Reopened, String> {
    let finding = text.parse().map(Reopened::Finding);
    finding
        .or_else(|_| text.parse().map(Reopened::Gate))
        .map_err(|why: String| format!("{why}; a finding is called F1"))
}

/// What was seen, and when if not now.
pub(super) fn seen(given: &str) -> Result<(Option<At>, Text), String> {
    let wrong = "expected a time or `now`, a blank and what was seen, such as 'now make check: 0 failed'";
    let (at, what) = given.split_once(' ').ok_or(wrong)?;
    let at = if at == NOW { None } else { Some(at.parse()?) };
    Ok((at, what.trim().parse()?))
}

/// With the commit on which it was seen.
pub(super) fn evidence(
    seen: Vec<(Option<At>, Text)>,
    now: At,
    commit: &Commit,
) -> Result<Vec<Evidence>, Failure> {
    if seen.len() > LIST_MAX {
        return Err(Failure::new(Exit::Usage, format!("at most {LIST_MAX} pieces of evidence of each kind")));
    }
    let seen = seen.into_iter();
    Ok(seen.map(|(at, what)| Evidence { what, at: at.unwrap_or(now), commit: commit.clone() }).collect())
}

fn reasoning(path: &Path) -> Result<Prose, Failure> {
    text(path)?.trim().parse().map_err(|why: String| wrong(path, &why))
}

impl RecordPlan {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let pen = self.signing.open()?;
        let plan = pen.ledger.plan()?;
        pen.write(Step::Plan(plan))
    }
}

impl MakeClaim {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let pen = self.signing.open()?;
        let ledger = &pen.ledger;
        let hidden =
            self.reasoning.as_deref().map(reasoning).transpose()?.map(|text| hide(&pen.key, &text).digest);
        let branches = ledger.git.remote_branches_with(&ledger.head)?;
        let claim = Claim {
            gate: self.gate,
            says: self.says,
            check: self.check,
            expected: self.expected,
            reasoning: hidden,
            clean: ledger.git.is_clean(&ledger.inside)?,
            pushed: branches.into_iter().filter_map(|branch| branch.parse().ok()).take(LIST_MAX).collect(),
        };
        pen.write(Step::Claim(claim))
    }
}

impl GiveVerdict {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let pen = self.signing.open()?;
        let ledger = &pen.ledger;
        let commit = ledger.git.commit(&self.commit)?;
        let verdict = Verdict {
            claim: ledger
                .judged
                .state
                .gate(&self.gate)
                .and_then(|gate| gate.claim())
                .map_or(0, |claim| claim.seq),
            gate: self.gate,
            outcome: self.outcome,
            evidence: evidence(self.evidence, ledger.now, &commit)?,
            controls: evidence(self.control, ledger.now, &commit)?,
        };
        pen.write_on(commit, Step::Verdict(verdict))
    }
}

impl RevealReasoning {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let pen = self.signing.open()?;
        let reasoning = reasoning(&self.reasoning)?;
        let salt = hide(&pen.key, &reasoning).salt;
        let claim = pen.ledger.judged.state.promised(&self.gate).unwrap_or(0);
        pen.write(Step::Reveal(Reveal { claim, salt, reasoning }))
    }
}

impl ExcuseReasoning {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let pen = self.signing.open()?;
        let claim = pen.ledger.judged.state.promised(&self.gate).unwrap_or(0);
        pen.write(Step::Excuse(Excuse { claim, why: self.why }))
    }
}

impl Reopen {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let why = self.why;
        let step = match self.what {
            Reopened::Gate(gate) => Step::ReopenGate(ReopenGate { gate, why }),
            Reopened::Finding(finding) => Step::ReopenFinding(ReopenFinding { finding, why }),
        };
        self.signing.open()?.write(step)
    }
}
