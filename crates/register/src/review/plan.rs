//! The two files that people write: `plan.toml` with the gates, `signers.toml` with who may sign. They count once a
//! plan with the same is recorded.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ground::{Fault, Ground};
use super::record::{Plan, PlannedGate, Signer, Step};
use super::words::Text;

/// Of each of the two. A reader needs to read no more than one byte beyond.
pub const PLAN_BYTES_MAX: usize = 256 * 1024;

const PLAN: &str = "plan.toml";
const SIGNERS: &str = "signers.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    title: Text,
    #[serde(default)]
    gate: Vec<PlannedGate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignersFile {
    #[serde(default)]
    signer: Vec<Signer>,
}

/// What the two files say; else which, where and what is wrong.
pub fn plan(plan: &str, signers: &str) -> Result<Plan, String> {
    let PlanFile { title, gate } = read(PLAN, plan)?;
    let SignersFile { signer } = read(SIGNERS, signers)?;
    let plan = Plan { title, gates: gate, signers: signer };
    match Step::Plan(plan.clone()).is_bounded() {
        true => Ok(plan),
        false => {
            Err("plan.toml has at most 200 gates with 32 paths each, signers.toml 100 signers".to_owned())
        }
    }
}

fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, String> {
    if text.len() > PLAN_BYTES_MAX {
        return Err(format!("{file} has more than {PLAN_BYTES_MAX} bytes"));
    }
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        format!("{file}:{line}: {}", error.message())
    })
}

/// The lines for a signer in `signers.toml`.
pub fn signer_entry(signer: &Signer) -> String {
    let (name, role, key) = (&signer.name, signer.role, signer.key.as_str());
    format!("[[signer]]\nname = \"{name}\"\nrole = \"{role}\"\nkey = \"{key}\"\n")
}

/// Whether the two files say what was recorded last.
pub fn signers_differ(files: &Plan, recorded: &Plan) -> Vec<Fault> {
    let differs = |file: &str| Ground::SignersFile.fault(file, "it says something else than the last plan");
    let plan = files.title != recorded.title || files.gates != recorded.gates;
    let signers = files.signers != recorded.signers;
    [(plan, PLAN), (signers, SIGNERS)]
        .into_iter()
        .filter(|(is_so, _)| *is_so)
        .map(|(_, file)| differs(file))
        .collect()
}
