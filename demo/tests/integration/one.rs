//! One scenario by hand, for whoever looks into a failure: a failing test prints the command.

use demo::Scenario;
use demo::script::{Loss, Settings};

use super::scenarios::settings;
use super::virtual_time::{incidents, play};

/// What to type to see one scenario again.
pub(crate) fn command(settings: &Settings) -> String {
    format!(
        "DEMO_SCENARIO={} DEMO_LOSS={} DEMO_SEED={} cargo test -p demo --test integration one_by_hand -- --ignored \
         --nocapture",
        settings.scenario,
        name(&settings.loss),
        settings.seed
    )
}

fn name(loss: &Loss) -> &'static str {
    match (loss.drops_spans(), loss.samples_heads()) {
        (true, _) => "half",
        (false, true) => "hundredth",
        (false, false) => "none",
    }
}

#[expect(clippy::disallowed_methods, reason = "typed by hand; nothing that ships reads it")]
#[test]
#[ignore = "by hand only: it demands nothing"]
fn one_by_hand() {
    let given = |key: &str| std::env::var(key).ok();
    let scenario = given("DEMO_SCENARIO").and_then(|name| Scenario::from_name(&name));
    let loss = match given("DEMO_LOSS").as_deref() {
        Some("half") => Loss::drop_spans(500),
        Some("hundredth") => Loss::head_sampling(10),
        _ => Loss::NONE,
    };
    let seed = given("DEMO_SEED").and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let settings = Settings { seed, ..settings(scenario.unwrap_or(Scenario::BadDeploy), loss) };
    let (verdict, replica) = play(settings);
    println!("{}\n{}", verdict.row().join(" | "), incidents(&replica));
}
