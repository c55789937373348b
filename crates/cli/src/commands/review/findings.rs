//! The steps of findings. Each makes a record of its arguments and knows no rule.

use clap::Args;
use register::review::{
    At, Close, Defer, Find, FindingId, Fix, LIST_MAX, Likeness, Name, Observe, Outcome, Predicted, Retest,
    Severity, Step, Text, Withdraw,
};

use super::gates::{evidence, seen};
use super::ledger::Signing;
use crate::exit::{Exit, Failure};

/// Records a finding, with what it predicts
///
/// It is about the commit that is checked out and gets the next number.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review find --gate api --severity high --description 'An empty name is taken' \\
      --reproduction 'curl -d name= /v1/names' --symptom '200 where 400 is right' --duration-s 1 \\
      --root-cause 'Nothing looks at the length' --fix-option 'Look at the length'")]
pub(super) struct RecordFinding {
    /// The gate it belongs to
    #[arg(long, value_name = "GATE")]
    gate: Option<Name>,
    /// critical, high, medium or low
    #[arg(long, value_name = "SEVERITY")]
    severity: Severity,
    /// What is wrong
    #[arg(long, value_name = "TEXT")]
    description: Text,
    /// How to see it
    #[arg(long, value_name = "TEXT")]
    reproduction: Text,
    /// What will be seen: said before anybody looked
    #[arg(long, value_name = "TEXT")]
    symptom: Text,
    /// For how many seconds it will be seen
    #[arg(long, value_name = "SECONDS")]
    duration_s: u32,
    /// The defect behind it
    #[arg(long, value_name = "TEXT")]
    root_cause: Text,
    /// A way to fix it; may be given several times
    #[arg(long, value_name = "TEXT")]
    fix_option: Vec<Text>,
    /// The finding that this one says anew; it is then corrected, and this one is open
    #[arg(long, value_name = "FINDING")]
    corrects: Option<FindingId>,
    #[command(flatten)]
    signing: Signing,
}

/// Records what was seen of a finding, to compare it with what was predicted
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review observe F1 --symptom '200 where 400 is right' --duration-s 1 --as-predicted yes")]
pub(super) struct RecordObservation {
    /// The finding, such as F1
    finding: FindingId,
    /// What was seen
    #[arg(long, value_name = "TEXT")]
    symptom: Text,
    /// For how many seconds
    #[arg(long, value_name = "SECONDS")]
    duration_s: u32,
    /// Whether the symptom is the predicted one: yes, partly or no
    #[arg(long, value_name = "LIKENESS")]
    as_predicted: Likeness,
    #[command(flatten)]
    signing: Signing,
}

/// Claims that a finding is fixed, by the commit that is checked out or another one
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review fix F1 --what 'The length is looked at' --commit 0f3c9ab")]
pub(super) struct ClaimFix {
    /// The finding
    finding: FindingId,
    /// What was changed
    #[arg(long, value_name = "TEXT")]
    what: Text,
    /// The commit with the fix
    #[arg(long, value_name = "COMMIT", default_value = "HEAD")]
    commit: String,
    #[command(flatten)]
    signing: Signing,
}

/// Records a re-test of a fix
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review retest F1 pass --commit 0f3c9ab --evidence 'now curl -d name= /v1/names: 400'")]
pub(super) struct RecordRetest {
    /// The finding
    finding: FindingId,
    /// pass (the finding is gone) or fail
    outcome: Outcome,
    /// The commit on which you tested
    #[arg(long, value_name = "COMMIT")]
    commit: String,
    /// When, and what was seen: a time or `now`, a blank, a text; may be given several times
    #[arg(long, value_name = "TIME TEXT", value_parser = seen)]
    evidence: Vec<(Option<At>, Text)>,
    #[command(flatten)]
    signing: Signing,
}

/// Closes a finding whose re-test passed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review close F1")]
pub(super) struct CloseFinding {
    /// The finding
    finding: FindingId,
    #[command(flatten)]
    signing: Signing,
}

/// Puts a finding off until something happens
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review defer F1 --trigger 'a second client' --until 2027-01-31T00:00:00Z")]
pub(super) struct DeferFinding {
    /// The finding
    finding: FindingId,
    /// What brings it back
    #[arg(long, value_name = "TEXT")]
    trigger: Text,
    /// When it is open again by itself
    #[arg(long, value_name = "TIME")]
    until: Option<At>,
    #[command(flatten)]
    signing: Signing,
}

/// Takes a finding back that was none
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review withdraw F1 --why 'It was seen on another branch'")]
pub(super) struct WithdrawFinding {
    /// The finding
    finding: FindingId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: Text,
    #[command(flatten)]
    signing: Signing,
}

impl RecordFinding {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        if self.fix_option.len() > LIST_MAX {
            return Err(Failure::new(Exit::Usage, format!("at most {LIST_MAX} ways to fix it")));
        }
        let pen = self.signing.open()?;
        let find = Find {
            id: pen.ledger.judged.state.next_finding(),
            gate: self.gate,
            severity: self.severity,
            description: self.description,
            reproduction: self.reproduction,
            predicted: Predicted { symptom: self.symptom, duration_s: self.duration_s },
            root_cause: self.root_cause,
            fix_options: self.fix_option,
            corrects: self.corrects,
        };
        pen.write(Step::Find(find))
    }
}

impl RecordObservation {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { finding, symptom, duration_s, as_predicted, signing } = self;
        signing.open()?.write(Step::Observe(Observe { finding, symptom, duration_s, as_predicted }))
    }
}

impl ClaimFix {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let pen = self.signing.open()?;
        let commit = pen.ledger.git.commit(&self.commit)?;
        pen.write_on(commit, Step::Fix(Fix { finding: self.finding, what: self.what }))
    }
}

impl RecordRetest {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let pen = self.signing.open()?;
        let commit = pen.ledger.git.commit(&self.commit)?;
        let evidence = evidence(self.evidence, pen.ledger.now, &commit)?;
        let retest = Retest { finding: self.finding, outcome: self.outcome, evidence };
        pen.write_on(commit, Step::Retest(retest))
    }
}

impl CloseFinding {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        self.signing.open()?.write(Step::Close(Close { finding: self.finding }))
    }
}

impl DeferFinding {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { finding, trigger, until, signing } = self;
        signing.open()?.write(Step::Defer(Defer { finding, trigger, until }))
    }
}

impl WithdrawFinding {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { finding, why, signing } = self;
        signing.open()?.write(Step::Withdraw(Withdraw { finding, why }))
    }
}
