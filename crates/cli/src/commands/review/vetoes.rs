//! The steps of vetoes. Each makes a record of its arguments and knows no rule.

use clap::Args;
use register::review::{Lift, Name, Step, Text, Veto, VetoId};

use super::ledger::Signing;
use crate::exit::{Exit, Failure};

/// Vetoes one gate, or all of them
///
/// The review is not DONE before it is lifted, whatever else holds. It gets the next number.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review veto api --why 'The release waits for the keys'
  casebook review veto --why 'Nothing is released in the last week of the year'")]
pub(super) struct MakeVeto {
    /// The gate; without it all of them
    gate: Option<Name>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: Text,
    #[command(flatten)]
    signing: Signing,
}

/// Lifts a veto that you made
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review lift V1 --why 'The keys are there'")]
pub(super) struct LiftVeto {
    /// The veto, such as V1
    veto: VetoId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: Text,
    #[command(flatten)]
    signing: Signing,
}

impl MakeVeto {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let pen = self.signing.open()?;
        let id = pen.ledger.judged.state.next_veto();
        pen.write(Step::Veto(Veto { id, gate: self.gate, why: self.why }))
    }
}

impl LiftVeto {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        self.signing.open()?.write(Step::Lift(Lift { veto: self.veto, why: self.why }))
    }
}
