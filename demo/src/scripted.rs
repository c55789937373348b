//! Scenarios from their scripts: all of them at once against one real server, each in an environment of its own,
//! and a table of what came of them.

use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use api::Incident;
use model::Nanos;
use tokio::task::JoinSet;

use crate::live::{self, Target};
use crate::run::{Interruption, Outcome, interrupted};
use crate::scenario::Scenario;
use crate::screen::Screen;
use crate::script::{Script, Settings};
use crate::settle::case;
use crate::stage::Stage;
use crate::verdict::{Answer, Verdict};
use crate::{ENVIRONMENT, Options, closing};

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// For the last spans to be counted and the last report to be made.
const AFTERWARDS: Duration = Duration::from_secs(6);
const HEALTHY: Duration = Duration::from_secs(75);
const FAULTY: Duration = Duration::from_secs(30);
const RATE: u32 = 15;
/// A hundredth of the traces has to be something to go by.
const FAULTY_SAMPLED: Duration = Duration::from_secs(90);
const RATE_SAMPLED: u32 = 500;

/// One scenario under way.
struct Played {
    settings: Settings,
    opened: bool,
}

pub(crate) async fn run(
    options: &Options,
    scenarios: &[Scenario],
    screen: &mut Screen,
) -> anyhow::Result<Outcome> {
    let mut stage = Stage::new(options.data.as_deref())?;
    let mut interruption = pin!(interrupted());
    let outcome = perform(options, scenarios, &mut stage, screen, interruption.as_mut()).await;
    if let Ok(Outcome::Interrupted) = outcome {
        screen.progress("interrupted: ending every process")?;
    }
    stage.end().await;
    outcome
}

async fn perform(
    options: &Options,
    scenarios: &[Scenario],
    stage: &mut Stage,
    screen: &mut Screen,
    mut interruption: Interruption<'_>,
) -> anyhow::Result<Outcome> {
    let verdicts = tokio::select! {
        verdicts = play(options, scenarios, stage, screen) => verdicts?,
        signal = interruption.as_mut() => return signal.map(|()| Outcome::Interrupted),
    };
    let url = stage.casebook()?.url();
    if let [verdict] = &verdicts[..] {
        let env = environment(verdict.scenario);
        if let Some(first) = first(&stage.casebook()?.incidents_of(&env).await?) {
            let case = case(stage.casebook()?, &first.id).await?;
            screen.text(&format!("\n{}\n\nreport hash {}", case.markdown.trim_end(), case.report.hash))?;
        }
    }
    closing::table(&verdicts, screen)?;
    if options.keep {
        closing::look_around(&url, None, screen)?;
        screen.text("\nthe scripts are over, and the server stays up to look around in; Ctrl-C ends it")?;
        tokio::select! {
            error = stage.casebook_mut()?.ended() => return Err(error),
            signal = interruption => signal?,
        }
        screen.progress("ending every process")?;
    }
    closing::look_next(options, screen)?;
    Ok(if verdicts.iter().all(Verdict::right) { Outcome::AsExpected } else { Outcome::Wrong })
}

async fn play(
    options: &Options,
    scenarios: &[Scenario],
    stage: &mut Stage,
    screen: &mut Screen,
) -> anyhow::Result<Vec<Verdict>> {
    announce(options, scenarios, screen)?;
    stage.start_casebook().await?;
    let casebook = stage.casebook()?;
    screen.progress(&format!("casebook serve answers at {}", casebook.url()))?;
    let target = Target::new(casebook.otlp_http(), casebook.url())?;
    let mut under_way = JoinSet::new();
    let mut all = Vec::new();
    for &scenario in scenarios {
        let script = Script::new(settings(options, scenario));
        all.push(Played { settings: script.settings().clone(), opened: false });
        let target = target.clone();
        under_way.spawn(async move {
            live::play(script, &target).await.with_context(|| format!("{scenario} stopped short"))
        });
    }
    watch(stage, &mut all, &mut under_way, screen).await?;
    let mut verdicts = Vec::new();
    for played in &all {
        verdicts.push(judge(stage, &played.settings).await?);
    }
    Ok(verdicts)
}

fn announce(options: &Options, scenarios: &[Scenario], screen: &mut Screen) -> anyhow::Result<()> {
    match scenarios {
        [one] => screen.progress(&format!("scenario {one}: {}", one.story()))?,
        _ => screen.progress(&format!(
            "{} scenarios at once, each in an environment of its own, {ENVIRONMENT}-NAME",
            scenarios.len()
        ))?,
    }
    if options.loss.drops_spans() {
        screen.progress("of the spans of each, a share is lost, each span for itself")?;
    }
    if options.loss.samples_heads() {
        screen.progress("of the traces of each, a share is sampled, and kept whole")?;
    }
    screen.progress(
        "their telemetry comes from scripts of the shop: six services, a database, a card provider",
    )?;
    screen.progress("starting casebook serve")?;
    Ok(())
}

fn settings(options: &Options, scenario: Scenario) -> Settings {
    let (rate, faulty) =
        if options.loss.samples_heads() { (RATE_SAMPLED, FAULTY_SAMPLED) } else { (RATE, FAULTY) };
    Settings {
        scenario,
        env: environment(scenario),
        seed: options.seed,
        start: live::start(),
        healthy_s: options.healthy.unwrap_or(HEALTHY).as_secs(),
        faulty_s: options.duration.unwrap_or(faulty).as_secs(),
        rate: options.rate.unwrap_or(rate),
        loss: options.loss.clone(),
        innocent_deployments: false,
    }
}

fn environment(scenario: Scenario) -> String {
    format!("{ENVIRONMENT}-{scenario}")
}

/// Until all scripts are over, and a little longer: says what opens.
async fn watch(
    stage: &Stage,
    all: &mut [Played],
    under_way: &mut JoinSet<anyhow::Result<()>>,
    screen: &mut Screen,
) -> anyhow::Result<()> {
    let mut over: Option<Instant> = None;
    while over.is_none_or(|since| since.elapsed() < AFTERWARDS) {
        tokio::time::sleep(LOOK_EVERY).await;
        while let Some(done) = under_way.try_join_next() {
            done.context("a script stopped short")??;
        }
        if under_way.is_empty() {
            over.get_or_insert_with(Instant::now);
        }
        for played in all.iter_mut().filter(|played| !played.opened) {
            if let Some(incident) = first(&stage.casebook()?.incidents_of(&played.settings.env).await?) {
                played.opened = true;
                screen.progress(&format!(
                    "{}: {} opened: {}",
                    played.settings.scenario, incident.id, incident.summary
                ))?;
            }
        }
        screen.live(&standing(all))?;
    }
    Ok(())
}

/// Where the scripts stand; all of them began together.
fn standing(all: &[Played]) -> String {
    let opened = all.iter().filter(|played| played.opened).count();
    let expected = all.iter().filter(|played| played.settings.scenario.truth().opens()).count();
    let now = crate::casebook::now();
    let phase = match all.first().map(|played| played.settings.fault()) {
        Some(fault) if now < fault => {
            format!("healthy traffic, faults in {} s", fault.since(now) / 1_000_000_000)
        }
        Some(fault) => format!("faults since {} s", now.since(fault) / 1_000_000_000),
        None => String::new(),
    };
    format!("{phase}: {opened} of {expected} incidents open")
}

async fn judge(stage: &Stage, settings: &Settings) -> anyhow::Result<Verdict> {
    let incidents = stage.casebook()?.incidents_of(&settings.env).await?;
    let Some(first) = first(&incidents) else {
        return Ok(Verdict::new(settings, Answer::default()));
    };
    let report = stage.casebook()?.report(&first.id).await?;
    let detected = Nanos::parse_rfc3339(&first.detected_at).context("an incident without a time")?;
    let ms = |at: Nanos| i64::try_from(at.0 / 1_000_000).unwrap_or(i64::MAX);
    let after = ms(detected) - ms(settings.fault());
    Ok(Verdict::new(settings, Answer::of(incidents.len(), Some(after), &report.content)))
}

/// The incident that opened first.
fn first(incidents: &[Incident]) -> Option<&Incident> {
    incidents.iter().min_by_key(|incident| (&incident.detected_at, &incident.id))
}
