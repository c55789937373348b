//! One scenario from the first process to the last check.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use api::Incident;

use crate::Options;
use crate::check::{self, Check, Expected};
use crate::load::Load;
use crate::plan::{Fault, Plan};
use crate::run::Findings;
use crate::scenario::Scenario;
use crate::screen::Screen;
use crate::settle::{self, settled};
use crate::stage::Stage;

/// Requests a second.
const RATE: u32 = 50;
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How much longer than the fault an incident may take to open before the demo gives up on it.
const OPEN_WITHIN: Duration = Duration::from_secs(20);

/// What the players need all the time.
struct Players<'a> {
    stage: &'a mut Stage,
    load: &'a mut Load,
    screen: &'a mut Screen,
}

pub(crate) async fn set_up(
    options: &Options,
    scenario: Scenario,
    stage: &mut Stage,
    screen: &mut Screen,
) -> anyhow::Result<Load> {
    let plan = plan(scenario)?;
    screen.progress(&format!("scenario {scenario}: {}", scenario.story()))?;
    screen.progress("starting casebook serve")?;
    stage.start_casebook().await?;
    let url = stage.casebook()?.url();
    screen
        .progress(&format!("casebook serve answers at {url}, its data is in {}", stage.data().display()))?;
    stage.start_shop(plan.failures_per_mille).await?;
    screen.progress(
        "the shop is open: gateway, checkout, payment, inventory, store; a card provider outside",
    )?;
    Load::new(stage.gateway_port()?, options.rate.unwrap_or(RATE))
}

pub(crate) async fn play(
    options: &Options,
    scenario: Scenario,
    stage: &mut Stage,
    load: &mut Load,
    screen: &mut Screen,
) -> anyhow::Result<Findings> {
    let plan = plan(scenario)?;
    let duration = options.duration.unwrap_or(plan.duration);
    let mut players = Players { stage, load, screen };
    players.load.start();
    if !scenario.truth().opens() {
        return players.quiet(duration, plan.failures_per_mille).await;
    }
    players.healthy(options.healthy.unwrap_or(plan.healthy)).await?;
    players.broken(scenario, plan, duration).await
}

fn plan(scenario: Scenario) -> anyhow::Result<&'static Plan> {
    Plan::of(scenario).with_context(|| format!("{scenario} has no processes"))
}

impl Players<'_> {
    async fn healthy(&mut self, duration: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            tokio::time::sleep(LOOK_EVERY).await;
            self.show("healthy traffic")?;
        }
        let tally = self.load.tally();
        self.screen.progress(&format!(
            "healthy traffic for {} s: {} requests, {} failed",
            duration.as_secs(),
            tally.answered(),
            tally.failed()
        ))?;
        Ok(())
    }

    async fn broken(
        &mut self,
        scenario: Scenario,
        plan: &'static Plan,
        duration: Duration,
    ) -> anyhow::Result<Findings> {
        let mut checks = vec![check::healthy_before(&self.load.tally())];
        let early = self.stage.casebook()?.incidents().await?;
        self.inject(plan.fault).await?;
        self.screen.progress(&format!("fault injected: {}", scenario.story()))?;

        let opened = self.wait_for_incident(duration).await?;
        self.load.stop().await?;
        self.stage.flush().await?;
        let tally = self.load.tally();
        self.screen.progress(&format!("traffic stopped: {} requests failed", tally.failed()))?;
        let Some(opened) = opened else {
            checks.push(check::one_incident(&[]));
            return Ok(Findings { case: None, tally, checks });
        };
        let casebook = self.stage.casebook()?;
        let case = settled(casebook, &opened.id, tally.failed(), self.screen).await?;
        checks.extend(early.iter().map(|found| opened_early(&found.id)));
        checks.push(check::one_incident(&casebook.incidents().await?));
        let expected = Expected {
            truth: scenario.truth(),
            propagation: plan.propagation,
            requests_affected: tally.failed(),
        };
        checks.extend(check::report(&expected, &case.incident, &case.report));
        Ok(Findings { case: Some(case), tally, checks })
    }

    async fn inject(&mut self, fault: Fault) -> anyhow::Result<()> {
        match fault {
            Fault::CardProviderDown => self.stage.kill_card_provider().await,
            Fault::BrokenCheckout => self.stage.roll_out_broken_checkout().await,
            Fault::GiftCards => {
                self.load.order_gift_cards();
                Ok(())
            }
            Fault::Nothing => Ok(()),
        }
    }

    /// Lets the fault last its time, and longer if no incident has opened by then.
    async fn wait_for_incident(&mut self, duration: Duration) -> anyhow::Result<Option<Incident>> {
        let begun = Instant::now();
        let mut opened: Option<Incident> = None;
        loop {
            let over = begun.elapsed() >= duration;
            if (over && opened.is_some()) || begun.elapsed() >= duration + OPEN_WITHIN {
                return Ok(opened);
            }
            tokio::time::sleep(LOOK_EVERY).await;
            if opened.is_none() {
                opened = self.stage.casebook()?.incidents().await?.into_iter().next();
                if let Some(incident) = &opened {
                    self.announce(incident)?;
                }
            }
            self.show("the fault lasts")?;
        }
    }

    fn announce(&mut self, incident: &Incident) -> anyhow::Result<()> {
        let since = self.load.counts().first_failure().map(|at| at.elapsed().as_secs_f64());
        let after = since.map_or_else(String::new, |s| format!(", {s:.1} s after the first failed request"));
        self.screen.progress(&format!("incident {} opened{after}: {}", incident.id, incident.summary))?;
        Ok(())
    }

    async fn quiet(&mut self, duration: Duration, per_mille: u32) -> anyhow::Result<Findings> {
        let end = Instant::now() + duration;
        let mut incidents = Vec::new();
        while Instant::now() < end && incidents.is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
            self.show("steady traffic, nothing may open")?;
            incidents = self.stage.casebook()?.incidents().await?;
        }
        self.load.stop().await?;
        self.stage.flush().await?;
        // Two ticks more, for what the last spans may set off.
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let casebook = self.stage.casebook()?;
        let (incidents, tally) = (casebook.incidents().await?, self.load.tally());
        let checks = vec![check::no_incident(&incidents), check::steady_failures(&tally, per_mille)];
        let case = match incidents.first() {
            Some(incident) => Some(settle::case(casebook, &incident.id).await.context("no report")?),
            None => None,
        };
        Ok(Findings { case, tally, checks })
    }

    fn show(&mut self, what: &str) -> anyhow::Result<()> {
        let tally = self.load.tally();
        let text = format!("{what}: {} requests, {} failed", tally.answered(), tally.failed());
        Ok(self.screen.live(&text)?)
    }
}

fn opened_early(id: &str) -> Check {
    Check { met: false, text: format!("{id} opened before there was a fault") }
}
