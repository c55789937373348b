//! Every scenario, with spans, logs, metrics, signals, deployments and alerts in the mix, told in other ways: nothing
//! of it may change a byte of a report, an incident or the engine's state.

use demo::Scenario;
use demo::script::{Loss, Script, Settings};
use model::SECOND_NS;
use sim::retold::{PLAIN, Recorded, Told, WAYS};

use super::scenarios;
use super::virtual_time::decoded;

/// Seconds after the last input.
const AFTERWARDS_S: u64 = 12;
/// These are told in every way; each other one in a way of its own.
const IN_EVERY_WAY: [Scenario; 3] = [Scenario::Canary, Scenario::OomLoop, Scenario::NoisyNeighbour];

fn recorded(scenario: Scenario) -> Recorded {
    let settings = Settings { faulty_s: 22, ..scenarios::settings(scenario, Loss::NONE) };
    let (env, fault) = (settings.env.clone(), settings.fault());
    let mut recorded = Recorded::default();
    let mut script = Script::new(settings);
    let mut last = fault;
    for given in std::iter::from_fn(|| script.play_second()).flatten() {
        recorded.add(given.at, decoded(&given));
        last = given.at;
    }
    for (at, input) in sim::besides(&env, ["payment", "checkout", "store"], fault).unwrap() {
        recorded.add(at, input);
    }
    recorded.until(last.0 / SECOND_NS + AFTERWARDS_S)
}

fn plainly(scenario: Scenario, recorded: &Recorded) -> Told {
    let told = recorded.told(&PLAIN).unwrap();
    if !scenario.truth().causes.is_empty() {
        assert!(told.reports.len() > 3, "{scenario}: {} reports", told.reports.len());
    }
    told
}

/// What differs, with what to type to see it again.
fn difference(scenario: Scenario, recorded: &Recorded, plain: &Told, way: usize) -> Option<String> {
    let told = recorded.told(&WAYS[way]).unwrap_or_else(|error| panic!("{scenario}, way {way}: {error}"));
    let difference = told.difference(plain)?;
    let command = format!(
        "DEMO_SCENARIO={scenario} DEMO_WAY={way} cargo test -p demo --test integration told_by_hand -- --ignored \
         --nocapture"
    );
    Some(format!("{scenario}, way {way} ({:?}): {difference}\n  {command}", WAYS[way]))
}

fn alike(scenarios: &[Scenario], ways: impl Fn(usize) -> Vec<usize>) {
    let mut found = Vec::new();
    for (i, scenario) in scenarios.iter().enumerate() {
        let recorded = recorded(*scenario);
        let plain = plainly(*scenario, &recorded);
        found.extend(ways(i).into_iter().filter_map(|way| difference(*scenario, &recorded, &plain, way)));
    }
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

#[test]
fn every_scenario_is_told_alike_in_another_way() {
    let others: Vec<Scenario> = Scenario::ALL.into_iter().filter(|one| !IN_EVERY_WAY.contains(one)).collect();
    alike(&others, |i| vec![i % WAYS.len()]);
}

#[test]
fn three_scenarios_are_told_alike_in_every_way() {
    alike(&IN_EVERY_WAY, |_| (0..WAYS.len()).collect());
}

#[expect(clippy::disallowed_methods, reason = "typed by hand; nothing that ships reads it")]
#[test]
#[ignore = "by hand only: for what another test found"]
fn told_by_hand() {
    let given = |key: &str| std::env::var(key).ok();
    let scenario = given("DEMO_SCENARIO").and_then(|name| Scenario::from_name(&name));
    let way = given("DEMO_WAY").and_then(|way| way.parse().ok()).filter(|way| *way < WAYS.len());
    let all = || (0..WAYS.len()).collect();
    alike(&[scenario.unwrap_or(Scenario::BadDeploy)], |_| way.map_or_else(all, |way| vec![way]));
}
