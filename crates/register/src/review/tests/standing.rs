//! How a review stands: what is stale, what is DONE, and who waits.

use super::world::{World, name, text};
use crate::review::*;

const HOUR_S: u64 = 3600;

fn told(world: &World, now: At) -> Vec<String> {
    let history = world.history();
    view(&world.state, now, history.head(), &history, &[]).against
}

#[test]
fn done_holds_until_something_stands_against_it() {
    type Change = fn(&mut World);
    let cases: &[(&str, Change, &[&str])] = &[
        ("all passed", |_| (), &[]),
        ("a day less a second", |w| w.now += 24 * HOUR_S - 121, &[]),
        ("a day", |w| w.now += 24 * HOUR_S - 60, &["gate api is stale"]),
        ("a commit in a scope", |w| drop(w.commit(&["docs/deep/x"])), &["gate docs is stale"]),
        ("a commit elsewhere", |w| drop(w.commit(&["docs.md", "apis/x"])), &[]),
        ("a veto", |w| w.veto("cleo", 1, Some("api")).unwrap(), &["veto V1 stands"]),
        ("a veto that was lifted", lifted, &[]),
        ("a finding", |w| w.find("ana", 1).unwrap(), &["finding F1 is open"]),
        ("a finding with a fix", fixed, &["gate api is stale", "finding F1 is fix claimed"]),
        ("a deferral", |w| deferred(w, None), &[]),
        ("a deferral that is over", |w| deferred(w, Some(0)), &["finding F1 is open"]),
        ("a deferral that is not over", |w| deferred(w, Some(HOUR_S)), &[]),
    ];
    for (what, change, against) in cases {
        let mut world = World::passed();
        change(&mut world);
        assert_eq!(told(&world, world.at()), *against, "{what}");
        assert_eq!(world.state.is_done(world.at(), &world.history()), against.is_empty());
    }
    let empty = World::empty();
    assert_eq!(told(&empty, empty.at()), ["there is no plan"]);
    let planned = World::planned();
    assert_eq!(told(&planned, planned.at()), ["gate api is open", "gate docs is open"]);
}

#[test]
fn a_changed_gate_is_open_again_and_the_others_stay() {
    let mut world = World::passed();
    let mut plan = super::world::planned();
    plan.gates[0].scope.push("api2".parse().unwrap());
    world.step("ben", Step::Plan(plan)).unwrap();
    assert_eq!(told(&world, world.at()), ["gate api is open"]);
}

#[test]
fn merges_bring_in_what_both_sides_touched() {
    let id = |digit: char| digit.to_string().repeat(40).parse::<Commit>().unwrap();
    let commit = |own: char, parents: &str, paths: &[&str]| CommitFacts {
        id: id(own),
        at: At::from_secs(1),
        parents: parents.chars().map(id).collect(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        beside: Vec::new(),
    };
    let history = History::new(
        id('5'),
        [
            commit('1', "0", &["api/a"]),
            commit('2', "1", &["docs/a"]),
            commit('3', "1", &["api/b"]),
            commit('4', "23", &[]),
            commit('5', "4", &["else"]),
        ],
    );
    let scope = ["api".parse().unwrap()];
    for (since, until, touched) in
        [('1', '2', None), ('2', '5', Some('3')), ('3', '5', None), ('1', '5', Some('3')), ('4', '5', None)]
    {
        let found = history.touched(&id(since), &id(until), &scope).map(|commit| commit.id.clone());
        assert_eq!(found, touched.map(id), "{since}..{until}");
    }
    let all = ["."].map(|path| path.parse().unwrap());
    assert!(history.touched(&id('4'), &id('5'), &all).is_some());
}

#[test]
fn a_merge_that_takes_the_scope_from_before_the_claim_touches_it() {
    let id = |digit: char| digit.to_string().repeat(40).parse::<Commit>().unwrap();
    let commit = |own: char, parents: &str, paths: &[&str], beside: &[&[&str]]| CommitFacts {
        id: id(own),
        at: At::from_secs(1),
        parents: parents.chars().map(id).collect(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        beside: beside.iter().map(|paths| paths.iter().map(|path| (*path).to_owned()).collect()).collect(),
    };
    // 2 is claimed; 3 is an old branch beside it, which never touched the scope.
    let history = |merge: &[&[&str]]| {
        let merge = commit('4', "32", &[], merge);
        let commits = [commit('1', "0", &["api/a"], &[]), commit('2', "1", &["api/a"], &[])];
        History::new(id('4'), commits.into_iter().chain([commit('3', "1", &["docs/a"], &[]), merge]))
    };
    let scope = ["api".parse().unwrap()];
    for (what, merge, is_touched) in [
        ("all of it taken from the old branch", [&[][..], &["api/a", "docs/a"]], true),
        ("both sides brought together", [&["api/a"][..], &["docs/a"]], false),
        ("another file taken from the old branch", [&["api/a"][..], &["docs/a", "x"]], false),
    ] {
        let history = history(&merge);
        assert_eq!(history.touched(&id('2'), &id('4'), &scope).is_some(), is_touched, "{what}");
        assert!(history.touched(&id('3'), &id('4'), &scope).is_some(), "{what}, since the old branch");
        assert!(history.touched(&id('4'), &id('4'), &scope).is_none());
    }
}

#[test]
fn ancestry_is_that_of_all_paths() {
    let id = |digit: char| digit.to_string().repeat(40).parse::<Commit>().unwrap();
    let commit = |own: char, parents: &str| CommitFacts {
        id: id(own),
        at: At::from_secs(1),
        parents: parents.chars().map(id).collect(),
        paths: Vec::new(),
        beside: Vec::new(),
    };
    // 1 <- 2 <- 3 <- 6, 1 <- 4 <- 6, 5 alone.
    let history = History::new(
        id('6'),
        [("1", ""), ("2", "1"), ("3", "2"), ("4", "1"), ("5", ""), ("6", "43")]
            .map(|(own, parents)| commit(own.chars().next().unwrap(), parents)),
    );
    for (earlier, later, is_in) in [
        ('1', '6', true),
        ('2', '6', true),
        ('4', '6', true),
        ('6', '6', true),
        ('6', '1', false),
        ('4', '3', false),
        ('3', '4', false),
        ('5', '6', false),
        ('7', '6', false),
        ('1', '7', false),
    ] {
        assert_eq!(history.is_in(&id(earlier), &id(later)), is_in, "{earlier} in {later}");
    }
}

#[test]
fn a_pass_of_a_time_to_come_is_not_fresh() {
    let world = World::passed();
    let earlier = |secs: u64| At::from_secs(world.now - 120 - secs);
    assert_eq!(told(&world, earlier(0)), [""; 0]);
    assert_eq!(told(&world, earlier(24 * HOUR_S)), ["gate api is stale", "gate docs is stale"]);
}

#[test]
fn who_waits_is_told_once_nothing_happens() {
    let mut world = World::planned();
    world.claim("ana", "api").unwrap();
    let told = |world: &World, idle_s: u64| {
        let history = world.history();
        let stalls = stalls(&world.state, world.at(), idle_s);
        view(&world.state, world.at(), history.head(), &history, &stalls).stalls
    };
    assert_eq!(told(&world, HOUR_S), [""; 0]);
    let since = world.at();
    world.now += HOUR_S;
    let idle =
        format!("ana waits for the verdict on gate api by ben or cleo; nothing happened since {since}");
    assert_eq!(told(&world, HOUR_S), [idle]);
    // Ben wants F1 fixed before he judges; Ana wants a verdict.
    world.find("ben", 1).unwrap();
    let mutual = "ana and ben wait for each other: ana for the verdict on gate api, ben for the fix of F1";
    assert!(told(&world, HOUR_S).contains(&mutual.to_owned()), "{:?}", told(&world, HOUR_S));
    world.verdict("ben", "api", Outcome::Fail).unwrap();
    assert_eq!(told(&world, HOUR_S), [""; 0]);
    world.now += HOUR_S;
    assert_eq!(told(&world, HOUR_S).len(), 2, "{:?}", told(&world, HOUR_S));
}

#[test]
fn predictions_are_compared_with_what_was_seen() {
    for (seconds, likeness, expected) in [
        (1, Likeness::Yes, "met"),
        (2, Likeness::Yes, "met"),
        (3, Likeness::Yes, "met, but for its duration"),
        (0, Likeness::Partly, "partly met, not in its duration"),
        (1, Likeness::Partly, "partly met"),
        (1, Likeness::No, "not met"),
    ] {
        let mut world = World::planned();
        world.find("ben", 1).unwrap();
        let seen = |world: &World| {
            let history = world.history();
            view(&world.state, world.at(), history.head(), &history, &[]).findings[0].prediction
        };
        assert_eq!(seen(&world), "not compared yet");
        let (finding, symptom) = (FindingId(1), text("200"));
        let observe = Observe { finding, symptom, duration_s: seconds, as_predicted: likeness };
        world.step("ana", Step::Observe(observe)).unwrap();
        assert_eq!(seen(&world), expected, "{seconds} {likeness}");
    }
}

fn lifted(world: &mut World) {
    world.veto("cleo", 1, Some("api")).unwrap();
    world.lift("cleo", 1).unwrap();
}

fn fixed(world: &mut World) {
    world.find("ben", 1).unwrap();
    world.commit(&["api/x"]);
    world.fix("ana", 1).unwrap();
    assert!(world.state.gate(&name("api")).is_some());
}

fn deferred(world: &mut World, for_s: Option<u64>) {
    world.find("ben", 1).unwrap();
    let until = for_s.map(|for_s| world.at().plus(60 + for_s));
    let trigger = text("a second client");
    world.step("ben", Step::Defer(Defer { finding: FindingId(1), trigger, until })).unwrap();
}
