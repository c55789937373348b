//! The demo as a whole: sets up, plays, shows what was found, and ends every process in good order even when
//! it is interrupted.

use std::pin::{Pin, pin};

use api::Incident;

use crate::casebook::ReceivedReport;
use crate::check::Check;
use crate::counts::Tally;
use crate::load::Load;
use crate::scenario::Scenario;
use crate::screen::Screen;
use crate::script::Loss;
use crate::stage::Stage;
use crate::{Options, closing, play, scripted};

/// How a demo ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every expectation was met.
    AsExpected,
    /// At least one was not.
    Wrong,
    /// A signal ended it before there was an answer.
    Interrupted,
}

/// What Casebook said, and how it compares with what happened.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) case: Option<Case>,
    /// What the client counted.
    pub(crate) tally: Tally,
    pub(crate) checks: Vec<Check>,
}

/// An incident with its report, in both forms.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) incident: Incident,
    pub(crate) report: ReceivedReport,
    pub(crate) markdown: String,
}

pub(crate) type Interruption<'a> = Pin<&'a mut dyn Future<Output = anyhow::Result<()>>>;

/// Plays what is asked for: with real processes where the scenario has them, else from the script.
pub async fn run(options: &Options, screen: &mut Screen) -> anyhow::Result<Outcome> {
    match options.scenario {
        None => scripted::run(options, &Scenario::ALL, screen).await,
        Some(scenario) if options.loss == Loss::NONE && scenario.has_processes() => {
            run_processes(options, scenario, screen).await
        }
        Some(scenario) => scripted::run(options, &[scenario], screen).await,
    }
}

async fn run_processes(
    options: &Options,
    scenario: Scenario,
    screen: &mut Screen,
) -> anyhow::Result<Outcome> {
    let mut stage = Stage::new(options.data.as_deref())?;
    let mut interruption = pin!(interrupted());
    let outcome = perform(options, scenario, &mut stage, screen, interruption.as_mut()).await;
    if let Ok(Outcome::Interrupted) = outcome {
        screen.progress("interrupted: ending every process")?;
    }
    stage.end().await;
    outcome
}

async fn perform(
    options: &Options,
    scenario: Scenario,
    stage: &mut Stage,
    screen: &mut Screen,
    mut interruption: Interruption<'_>,
) -> anyhow::Result<Outcome> {
    let played = async {
        let mut load = play::set_up(options, scenario, stage, screen).await?;
        let findings = play::play(options, scenario, stage, &mut load, screen).await?;
        anyhow::Ok((load, findings))
    };
    let (load, findings) = tokio::select! {
        played = played => played?,
        signal = interruption.as_mut() => return signal.map(|()| Outcome::Interrupted),
    };
    closing::findings(&findings, screen)?;
    if options.keep {
        closing::look_around(&stage.casebook()?.url(), findings.case.as_ref(), screen)?;
        screen.text("\nthe shop and its traffic go on, fault and all; Ctrl-C ends them")?;
        keep(stage, load, interruption).await?;
        screen.progress("ending every process")?;
    }
    closing::look_next(options, screen)?;
    let all_met = findings.checks.iter().all(|check| check.met);
    Ok(if all_met { Outcome::AsExpected } else { Outcome::Wrong })
}

/// Until a signal comes, the shop goes on as it is, fault and all.
async fn keep(stage: &mut Stage, mut load: Load, interruption: Interruption<'_>) -> anyhow::Result<()> {
    load.start();
    tokio::select! {
        error = stage.casebook_mut()?.ended() => Err(error),
        signal = interruption => signal,
    }
}

/// Ctrl-C, or the signal that ends a service.
pub(crate) async fn interrupted() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminated.recv() => Ok(()),
            ended = tokio::signal::ctrl_c() => Ok(ended?),
        }
    }
    #[cfg(not(unix))]
    Ok(tokio::signal::ctrl_c().await?)
}
