//! When a version is a deployment, and when it is not.

use super::*;
use crate::hash::StableHash;
use crate::summary::Bucket;
use crate::testing::{EventSpec, event};

/// One service's traffic, by second: which versions were seen in it, and in how many events each.
struct Traffic {
    versions: Versions,
    facts: Facts,
    config: Config,
    found: Vec<(u64, String, Option<String>)>,
}

const START: u64 = 1_000;

impl Traffic {
    fn new() -> Self {
        Self {
            versions: Versions::default(),
            facts: Facts::default(),
            config: Config::default(),
            found: Vec::new(),
        }
    }

    fn second(&mut self, second: u64, versions: &[&str]) {
        self.seconds(second..second + 1, versions);
    }

    fn seconds(&mut self, seconds: std::ops::Range<u64>, versions: &[&str]) {
        for second in seconds {
            let mut summary = Summary::default();
            for (number, version) in versions.iter().enumerate() {
                for span in 0..4 {
                    let spec = EventSpec {
                        span,
                        trace: number as u64,
                        end_s: START + second,
                        ..EventSpec::default()
                    };
                    let event = model::Event { version: (*version).into(), ..event(&spec) };
                    summary.add(&event, event.trace.stable_hash(), (START + second) as Bucket);
                }
            }
            summary.close();
            for one in self.versions.learn(&summary, &mut self.facts, &self.config) {
                let previous = one.previous_version.map(|version| version.to_string());
                self.found.push((one.at.as_secs() - START, one.version.to_string(), previous));
            }
        }
    }

    fn announce(&mut self, version: &str, second: u64, env: Option<&str>) {
        let deployment = Deployment {
            id: format!("ci-{version}-{second}").into(),
            service: "s0".into(),
            env: env.map(Str::from),
            version: version.into(),
            previous_version: None,
            at: Nanos::from_secs(START + second),
            commit: Some("abc".into()),
            pull_request: None,
            author: None,
        };
        self.versions.announced(&deployment, &mut self.facts, &self.config);
        self.facts.add_deployment(deployment);
    }

    /// Ids of all deployments that are known.
    fn known(&self) -> Vec<String> {
        let env = Str::from("test");
        let all = self.facts.deployments(&env, Nanos(0), Nanos(u64::MAX - 1));
        all.map(|deployment| deployment.id.to_string()).collect()
    }
}

fn row(second: u64, version: &str, previous: &str) -> (u64, String, Option<String>) {
    (second, version.to_owned(), Some(previous.to_owned()))
}

#[test]
fn a_new_version_is_a_deployment_once_and_the_first_ones_are_none() {
    let mut traffic = Traffic::new();
    traffic.seconds(0..5, &["1"]);
    traffic.seconds(5..30, &["1", "1-canary"]);
    assert_eq!(traffic.found, [], "what was there when the service was first heard of");
    traffic.seconds(30..60, &["1", "1-canary", "2"]);
    traffic.seconds(60..900, &["2"]);
    assert_eq!(traffic.found, [row(30, "2", "1-canary")]);
    assert_eq!(traffic.known().len(), 1);
    assert!(traffic.known()[0].starts_with("seen_"));
}

#[test]
fn a_rollout_of_mixed_versions_does_not_bring_the_old_one_back() {
    let mut traffic = Traffic::new();
    traffic.seconds(0..60, &["1"]);
    for second in 60..1_000 {
        // The old version is rare, and never gone for five minutes.
        let both: &[&str] = if second % 250 == 0 { &["1", "2"] } else { &["2"] };
        traffic.second(second, both);
    }
    assert_eq!(traffic.found, [row(60, "2", "1")]);
}

#[test]
fn a_rollback_is_a_deployment_with_an_id_of_its_own() {
    let mut traffic = Traffic::new();
    traffic.seconds(0..60, &["1"]);
    traffic.seconds(60..400, &["2"]);
    traffic.seconds(400..460, &["1"]);
    traffic.seconds(460..800, &["1"]);
    assert_eq!(traffic.found, [row(60, "2", "1"), row(400, "1", "2")]);
    let mut ids = traffic.known();
    ids.dedup();
    assert_eq!(ids.len(), 2);
}

#[test]
fn a_version_that_is_rare_because_the_service_is_idle_is_not_new_each_time() {
    let mut traffic = Traffic::new();
    for second in (0..50_000).step_by(400) {
        // Four events of each, one version after the other, with hours of silence between.
        traffic.second(second, if second % 800 == 0 { &["1"] } else { &["2"] });
    }
    assert_eq!(traffic.found.len(), 1, "{:?}", traffic.found);
}

#[test]
fn an_announced_deployment_takes_precedence_whichever_came_first() {
    for env in [None, Some("test")] {
        let mut traffic = Traffic::new();
        traffic.seconds(0..60, &["1"]);
        traffic.announce("2", 55, env);
        traffic.seconds(60..120, &["2"]);
        assert_eq!((traffic.found.len(), traffic.known()), (0, vec!["ci-2-55".to_owned()]));

        let mut traffic = Traffic::new();
        traffic.seconds(0..60, &["1"]);
        traffic.seconds(60..120, &["2"]);
        assert_eq!(traffic.known().len(), 1);
        traffic.announce("2", 58, env);
        assert_eq!(traffic.known(), ["ci-2-58"]);
    }
    let mut traffic = Traffic::new();
    traffic.seconds(0..60, &["1"]);
    traffic.announce("3", 55, None);
    traffic.announce("2", 55, Some("elsewhere"));
    traffic.seconds(60..70, &["2"]);
    assert_eq!(traffic.found, [row(60, "2", "1")], "another version, another environment");
}

#[test]
fn a_copy_goes_on_as_the_original() {
    let mut traffic = Traffic::new();
    traffic.seconds(0..60, &["1"]);
    traffic.seconds(60..90, &["2"]);
    let bytes = postcard::to_stdvec(&(&traffic.versions, &traffic.facts)).unwrap();
    let (versions, facts) = postcard::from_bytes(&bytes).unwrap();
    let mut copy = Traffic { versions, facts, ..Traffic::new() };
    copy.seconds(90..120, &["1", "2"]);
    assert_eq!(copy.found, []);
}

#[test]
fn versions_that_are_never_the_same_are_bounded() {
    let mut traffic = Traffic::new();
    traffic.seconds(0..60, &["1"]);
    for second in 60..400 {
        traffic.second(second, &[&format!("build-{second}")]);
    }
    assert_eq!(traffic.found.len(), HOURLY_MAX);
    let service = traffic.versions.services.values().next().unwrap();
    assert_eq!(service.versions.len(), VERSIONS_MAX);
}
