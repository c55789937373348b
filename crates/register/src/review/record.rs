//! What a review is made of: signed steps, as plain data. Whether a step may be taken is not known here.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::key::PublicKey;
use super::words::{At, Commit, Digest, FindingId, Name, Prose, ScopePath, Text, VetoId};

/// Of evidence, controls, fix options, branches and a gate's scope.
pub const LIST_MAX: usize = 32;
pub(super) const GATES_MAX: usize = 200;
pub(super) const SIGNERS_MAX: usize = 100;

/// One step, by one signer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// From 1, without a gap.
    pub seq: u64,
    /// The digest of the file before; none in the first.
    pub prev: Option<Digest>,
    pub at: At,
    pub by: Name,
    /// What it speaks of.
    pub commit: Commit,
    /// What was checked out when it was written.
    pub head: Commit,
    pub step: Step,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Plan(Plan),
    Claim(Claim),
    Verdict(Verdict),
    Reveal(Reveal),
    Excuse(Excuse),
    ReopenGate(ReopenGate),
    Find(Find),
    Observe(Observe),
    Fix(Fix),
    Retest(Retest),
    Close(Close),
    ReopenFinding(ReopenFinding),
    Defer(Defer),
    Withdraw(Withdraw),
    Veto(Veto),
    Lift(Lift),
}

/// Which gates there are, and who may sign. Only ever more of both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub title: Text,
    pub gates: Vec<PlannedGate>,
    pub signers: Vec<Signer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedGate {
    pub id: Name,
    pub title: Text,
    /// A later commit that touches one of these voids a pass.
    pub scope: Vec<ScopePath>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    pub name: Name,
    pub role: Role,
    pub key: PublicKey,
    /// Signs nothing any more.
    #[serde(default)]
    pub retired: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Claims and fixes.
    Builder,
    /// Judges, and may build what others then judge.
    Verifier,
}

/// That a gate holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    pub gate: Name,
    pub says: Text,
    /// How to see it.
    pub check: Text,
    pub expected: Text,
    /// Of the claimant's reasoning, which nobody reads before the verdict.
    pub reasoning: Option<Digest>,
    /// Nothing was changed or new in the tree.
    pub clean: bool,
    /// Branches of remotes that have the commit.
    pub pushed: Vec<Text>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    pub gate: Name,
    /// The number of the record that is judged.
    pub claim: u64,
    pub outcome: Outcome,
    pub evidence: Vec<Evidence>,
    /// The check seen to fail when the thing is broken.
    pub controls: Vec<Evidence>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Pass,
    Fail,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    pub what: Text,
    /// When it was seen.
    pub at: At,
    /// What it was seen on.
    pub commit: Commit,
}

/// The reasoning behind a claim, after its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reveal {
    pub claim: u64,
    pub salt: Digest,
    pub reasoning: Prose,
}

/// That nobody can reveal a reasoning any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Excuse {
    pub claim: u64,
    pub why: Text,
}

/// What has been done about a verdict that failed the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReopenGate {
    pub gate: Name,
    pub why: Text,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Find {
    pub id: FindingId,
    pub gate: Option<Name>,
    pub severity: Severity,
    pub description: Text,
    pub reproduction: Text,
    pub predicted: Predicted,
    pub root_cause: Text,
    pub fix_options: Vec<Text>,
    /// The finding that this one says anew.
    pub corrects: Option<FindingId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Critical,
    High,
    Medium,
    Low,
}

/// What will be seen of a finding, said before anybody looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicted {
    pub symptom: Text,
    pub duration_s: u32,
}

/// What was seen of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observe {
    pub finding: FindingId,
    pub symptom: Text,
    pub duration_s: u32,
    pub as_predicted: Likeness,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    Yes,
    Partly,
    No,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fix {
    pub finding: FindingId,
    pub what: Text,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retest {
    pub finding: FindingId,
    pub outcome: Outcome,
    pub evidence: Vec<Evidence>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    pub finding: FindingId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReopenFinding {
    pub finding: FindingId,
    pub why: Text,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defer {
    pub finding: FindingId,
    /// What brings it back.
    pub trigger: Text,
    /// When it comes back by itself.
    pub until: Option<At>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    pub finding: FindingId,
    pub why: Text,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Veto {
    pub id: VetoId,
    /// None: on all of them.
    pub gate: Option<Name>,
    pub why: Text,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    pub veto: VetoId,
    pub why: Text,
}

impl Step {
    /// As it is written everywhere.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Plan(_) => "plan",
            Self::Claim(_) => "claim",
            Self::Verdict(_) => "verdict",
            Self::Reveal(_) => "reveal",
            Self::Excuse(_) => "excuse",
            Self::ReopenGate(_) => "reopen_gate",
            Self::Find(_) => "find",
            Self::Observe(_) => "observe",
            Self::Fix(_) => "fix",
            Self::Retest(_) => "retest",
            Self::Close(_) => "close",
            Self::ReopenFinding(_) => "reopen_finding",
            Self::Defer(_) => "defer",
            Self::Withdraw(_) => "withdraw",
            Self::Veto(_) => "veto",
            Self::Lift(_) => "lift",
        }
    }

    /// Its lists are no longer than they may be.
    pub(super) fn is_bounded(&self) -> bool {
        match self {
            Self::Plan(plan) => {
                plan.gates.len() <= GATES_MAX
                    && plan.signers.len() <= SIGNERS_MAX
                    && plan.gates.iter().all(|gate| gate.scope.len() <= LIST_MAX)
            }
            Self::Claim(claim) => claim.pushed.len() <= LIST_MAX,
            Self::Verdict(verdict) => verdict.evidence.len().max(verdict.controls.len()) <= LIST_MAX,
            Self::Find(find) => find.fix_options.len() <= LIST_MAX,
            Self::Retest(retest) => retest.evidence.len() <= LIST_MAX,
            _ => true,
        }
    }
}

macro_rules! shown {
    ($($kind:ident: $($name:ident $text:literal)*;)*) => {
        $(impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $text,)*
                })
            }
        }

        impl std::str::FromStr for $kind {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$name),)*
                    _ => Err(concat!("expected one of:" $(, " ", $text)*).to_owned()),
                }
            }
        })*
    };
}

shown! {
    Role: Builder "builder" Verifier "verifier";
    Outcome: Pass "pass" Fail "fail";
    Severity: Critical "critical" High "high" Medium "medium" Low "low";
    Likeness: Yes "yes" Partly "partly" No "no";
}
