//! `casebook review`: work whose "done" is checked by someone else. Here are files, Git and the clock; what may be
//! done is decided by the register.

mod findings;
mod gates;
mod git;
mod keys;
mod ledger;
mod render;
mod status;
mod verify;
mod vetoes;

use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};

/// Keeps a ledger of signed claims, verdicts and findings
///
/// The ledger is a folder of the repository, doc/review: plan.toml and signers.toml, which people write, and one file
/// for each signed record. Commit what a command adds. What a command refuses, and why, stands in
/// doc/reference/review-rules.md; a refusal ends with 4.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review key new --name ana --role builder --out ~/.config/casebook/ana.key --add-to doc/review/signers.toml
  casebook review plan --key ~/.config/casebook/ben.key
  casebook review claim api --says 'Names are checked' --check 'make check' --expected '0 failed' --key ana.key
  casebook review verdict api pass --commit 0f3c9ab --evidence 'now make check: 0 failed' \\
      --control 'now without the check for empty names: 1 failed' --key ben.key
  casebook review status
  casebook review verify --base origin/main")]
pub(crate) struct Review {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Key(keys::Key),
    Plan(gates::RecordPlan),
    Claim(gates::MakeClaim),
    Verdict(gates::GiveVerdict),
    Reveal(gates::RevealReasoning),
    Excuse(gates::ExcuseReasoning),
    Reopen(gates::Reopen),
    Find(findings::RecordFinding),
    Observe(findings::RecordObservation),
    Fix(findings::ClaimFix),
    Retest(findings::RecordRetest),
    Close(findings::CloseFinding),
    Defer(findings::DeferFinding),
    Withdraw(findings::WithdrawFinding),
    Veto(vetoes::MakeVeto),
    Lift(vetoes::LiftVeto),
    Status(status::Status),
    Render(render::Render),
    Verify(verify::Verify),
}

impl Review {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.what {
            What::Key(command) => command.run(),
            What::Plan(command) => command.run(),
            What::Claim(command) => command.run(),
            What::Verdict(command) => command.run(),
            What::Reveal(command) => command.run(),
            What::Excuse(command) => command.run(),
            What::Reopen(command) => command.run(),
            What::Find(command) => command.run(),
            What::Observe(command) => command.run(),
            What::Fix(command) => command.run(),
            What::Retest(command) => command.run(),
            What::Close(command) => command.run(),
            What::Defer(command) => command.run(),
            What::Withdraw(command) => command.run(),
            What::Veto(command) => command.run(),
            What::Lift(command) => command.run(),
            What::Status(command) => command.run(),
            What::Render(command) => command.run(),
            What::Verify(command) => command.run(),
        }
    }
}
