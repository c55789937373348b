//! Three services deploy within two minutes, old and new instances side by side, and at most one of them is guilty:
//! whichever it is, and in whatever order they deployed, it is the one that is named.

use engine::render;
use engine::report::{Finding, Report};
use model::{CauseKind, Input, Nanos};
use sim::{Arrivals, Replica, Rng};

use super::work::Work;
use super::{START_S, delivery, deployment, run};

/// All on the way of a charge, so that each can be suspected of it.
const DEPLOYED: [&str; 3] = ["gateway", "checkout", "payment"];
const INSTANCES: u64 = 3;
const QUIET_S: u64 = 320;
/// Between one deployment and the next.
const APART_S: u64 = 50;
/// A rollout replaces one instance, and the next so much later.
const STEP_S: u64 = 70;
const REQUESTS_PER_S: u64 = 6;
/// When the last of the three has deployed.
const ALL_S: u64 = QUIET_S + 2 * APART_S + 5;
const END_S: u64 = ALL_S + 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// Half of what the new version of a service gets fails.
    Fails(&'static str),
    /// The new version of a service takes long, and nothing fails.
    Slow(&'static str),
    /// The card provider, which reports nothing, refuses.
    ProviderDown,
    /// The database of store, which reports nothing, takes long; nothing fails.
    DatabaseSlow,
}

#[derive(Debug, Clone, Copy)]
struct Story {
    wrong: Wrong,
    /// Who deploys first, second and third.
    order: [&'static str; 3],
    /// Since when the fault shows.
    from_s: u64,
    /// Somebody tells of the deployments; else the spans alone do.
    announced: bool,
}

fn request() -> Work {
    let charge = Work::new("payment", "POST /charges", 4, vec![Work::foreign("card-provider", 8)]);
    let reserve = Work::new("inventory", "POST /reservations", 5, Vec::new());
    let save = Work::new("store", "POST /orders", 3, vec![Work::foreign("orders-db", 4)]);
    let order = Work::new("checkout", "POST /orders", 6, vec![reserve, charge, save]);
    Work::new("gateway", "POST /checkout", 3, vec![order])
}

impl Story {
    fn deployed_s(&self, service: &str) -> Option<u64> {
        let place = self.order.iter().position(|deployed| *deployed == service)?;
        Some(QUIET_S + APART_S * place as u64)
    }

    /// Puts each part of a request on an instance, which runs what it runs by then.
    fn place(&self, work: &mut Work, second: u64, rng: &mut Rng) {
        let instance = rng.below(INSTANCES);
        let is_new = self.deployed_s(work.service).is_some_and(|from| second >= from + instance * STEP_S);
        work.version = if is_new { "2.0.0" } else { "1.0.0" }.into();
        work.instance = format!("{}-{}-{instance}", work.service, &work.version[..1]).into();
    }

    fn happen(&self, work: &mut Work, rng: &mut Rng) {
        let half = rng.chance(1, 2);
        let is_new = &*work.version == "2.0.0";
        match self.wrong {
            Wrong::Fails(service) if work.service == service && is_new && half => {
                work.fails = Some("CartError");
            }
            Wrong::Slow(service) if work.service == service && is_new => work.own_ms += 90,
            Wrong::ProviderDown if work.service == "card-provider" => work.fails = Some("ECONNREFUSED"),
            Wrong::DatabaseSlow if work.service == "orders-db" => work.own_ms += 150,
            _ => {}
        }
    }

    fn arrivals(&self, seed: u64) -> Arrivals {
        let (delivery, mut rng) = (delivery(seed), Rng::new(seed));
        let mut arrivals = Arrivals::default();
        for second in 0..END_S {
            for number in 0..REQUESTS_PER_S {
                let mut work = request();
                work.each(&mut |work| {
                    self.place(work, second, &mut rng);
                    if second >= self.from_s {
                        self.happen(work, &mut rng);
                    }
                });
                let at = Nanos::from_secs(START_S + second).0 + number * 1_000_000_000 / REQUESTS_PER_S;
                let told = work.at(Nanos(at), &mut rng);
                arrivals.add(told.events, &delivery, &mut rng);
            }
        }
        for service in self.order.iter().filter(|_| self.announced) {
            let at = Nanos::from_secs(START_S + self.deployed_s(service).unwrap());
            arrivals.add_fact(at, Input::Deployments(vec![deployment(service, "2.0.0", at)]));
        }
        arrivals
    }

    fn play(&self) -> Replica {
        run(&self.arrivals(1), &delivery(1), 1)
    }
}

/// Every report of the only incident, the last one last.
fn reports(replica: &Replica, story: &Story) -> Vec<Report> {
    assert_eq!(replica.incidents.len(), 1, "{story:?}: {:#?}", replica.incidents);
    replica.reports.iter().map(|document| serde_json::from_slice(&document.bytes).unwrap()).collect()
}

fn orders() -> [[&'static str; 3]; 3] {
    let [a, b, c] = DEPLOYED;
    [[a, b, c], [b, c, a], [c, a, b]]
}

/// What is written under a hypothesis or a change of Markdown, with its number in the list of evidence.
fn cited(report: &Report, text: &str, id: &str) -> String {
    let number = report.evidence.iter().position(|part| part.id == id).unwrap() + 1;
    format!("{text} \\[{number}\\]")
}

fn is_split(finding: &Finding) -> bool {
    finding.text.starts_with("In the same minutes")
}

/// The split says that the new version does worse, in the JSON and, cited, in the Markdown.
fn shows_its_split(report: &Report, story: &Story) {
    let change = report.change.as_ref().unwrap();
    let split = change.version_split.as_ref().unwrap();
    let (new, others) = (split.new, split.others);
    assert!(new.requests > 0 && others.requests > 0, "{story:?}: {split:?}");
    let counts = |share: engine::report::Share| format!("{} of {}", share.failures, share.requests);
    let (shown, told) = match split.measure.as_str() {
        "duration" => {
            assert!(split.new_mean_us >= split.others_mean_us + 50_000, "{story:?}: {split:?}");
            ("takes on average".to_owned(), format!("(of {}); on the others: ", new.requests))
        }
        measure => {
            assert_eq!(measure, if matches!(story.wrong, Wrong::Fails(_)) { "failed" } else { "slow" });
            // What is slow is derived from the 95th percentile, so a few are at any time.
            assert!(new.failures * 10 >= new.requests * 3, "{story:?}: {split:?}");
            assert!(others.failures * 20 <= others.requests, "{story:?}: {split:?}");
            let sides = format!("{}; on the others: {}", counts(new), counts(others));
            (measure.to_owned(), cited(report, &sides, &change.id))
        }
    };
    let markdown = render::markdown(report);
    let line = markdown.lines().find(|line| {
        line.contains("in the same minutes on the new version")
            || line.contains("in the same minutes, on the new version")
    });
    let line = line.unwrap_or_else(|| panic!("{story:?}: no split in {markdown}"));
    assert!(line.contains(&shown) && line.contains(&told), "{story:?}: {line}");
    let finding = report.hypotheses[0].in_favour.iter().find(|finding| is_split(finding));
    let finding = finding.unwrap_or_else(|| panic!("{story:?}: {:?}", report.hypotheses[0]));
    assert_eq!(finding.cites, std::slice::from_ref(&change.id), "{story:?}");
    assert!(markdown.contains(&cited(report, &finding.text, &change.id)), "{story:?}: {}", finding.text);
}

/// The one that is guilty is named, with the split of its versions; the others are not, and rank below it.
fn is_found(story: &Story, guilty: &str) {
    let replica = story.play();
    let reports = reports(&replica, story);
    let subject = format!("{guilty} 2.0.0");
    for report in &reports {
        let blamed = (report.cause.kind == CauseKind::Deploy).then_some(report.cause.subject.as_deref());
        assert!(blamed.is_none_or(|blamed| blamed == Some(&subject)), "{story:?}: {:?}", report.cause);
        // The first seconds may be too few to tell the versions apart.
        if blamed.is_some() && report.hypotheses[0].in_favour.iter().any(is_split) {
            shows_its_split(report, story);
        }
    }
    let last = reports.last().unwrap();
    assert_eq!(last.cause.kind, CauseKind::Deploy, "{story:?}");
    shows_its_split(last, story);
    let change = last.change.as_ref().unwrap();
    assert_eq!((&*change.service, &*change.version), (guilty, "2.0.0"), "{story:?}");
    assert!(last.cause.cites.contains(&change.id), "{story:?}: {:?}", last.cause);
    let first = &last.suspects[0];
    assert_eq!(first.service, guilty, "{story:?}");
    assert_eq!(
        first.change.as_ref().map(|id| format!("deployment:{id}")),
        Some(change.id.clone()),
        "{story:?}"
    );
    for other in &last.hypotheses[1..] {
        assert!(other.score < last.hypotheses[0].score, "{story:?}: {other:?}");
    }
    assert!(
        last.suspects[1..].iter().all(|suspect| suspect.change.is_none()),
        "{story:?}: {:?}",
        last.suspects
    );
}

#[test]
fn the_guilty_one_of_three_deployments_is_named_whichever_it_is() {
    for wrong in [Wrong::Fails, Wrong::Slow] {
        for guilty in DEPLOYED {
            for (number, order) in orders().into_iter().enumerate() {
                let announced = number != 1;
                // All three run side by side with the old versions when it begins.
                is_found(&Story { wrong: wrong(guilty), order, from_s: ALL_S, announced }, guilty);
                // It begins with the guilty one, before the later ones.
                is_found(&Story { wrong: wrong(guilty), order, from_s: QUIET_S, announced }, guilty);
            }
        }
    }
}

#[test]
fn where_none_of_three_deployments_is_guilty_none_is_named() {
    for (wrong, callee, caller) in
        [(Wrong::ProviderDown, "card-provider", "payment"), (Wrong::DatabaseSlow, "orders-db", "store")]
    {
        for (number, order) in orders().into_iter().enumerate() {
            let story = Story { wrong, order, from_s: ALL_S, announced: number != 1 };
            let replica = story.play();
            let reports = reports(&replica, &story);
            assert!(reports.iter().all(|report| report.cause.kind != CauseKind::Deploy), "{story:?}");
            let last = reports.last().unwrap();
            assert_eq!(
                (last.cause.kind, last.cause.subject.as_deref()),
                (CauseKind::Dependency, Some(callee)),
                "{story:?}"
            );
            assert_eq!(last.suspects[0].service, caller, "{story:?}");
            assert!(
                last.suspects.iter().all(|suspect| suspect.change.is_none()),
                "{story:?}: {:?}",
                last.suspects
            );
            let weighed = last.hypotheses.iter().filter(|one| one.kind == CauseKind::Deploy).count();
            assert!(weighed >= 2, "{story:?}: they are on the chain, and weighed: {:?}", last.hypotheses);
        }
    }
}
