//! What folding keeps, whatever order and however often notifications come.

use model::AlertSeverity;
use proptest::prelude::*;

use super::*;
use crate::config::AlertLabels;
use crate::testing::shuffled;

const T0: u64 = 1_800_000_000;

fn alert(status: AlertStatus, started_s: u64, at_s: u64) -> Alert {
    let at = Nanos::from_secs(T0 + at_s);
    Alert {
        id: "a".into(),
        provider: AlertProvider::Alertmanager,
        status,
        severity: AlertSeverity::Warning,
        title: "PaymentErrors".into(),
        summary: "".into(),
        env: None,
        service: Some("payment".into()),
        operation: None,
        code: None,
        started_at: Nanos::from_secs(T0 + started_s),
        ended_at: (status == AlertStatus::Resolved).then_some(at),
        at,
        labels: BTreeMap::new(),
        value: "".into(),
        url: "".into(),
    }
}

fn firing(started_s: u64, at_s: u64) -> Alert {
    alert(AlertStatus::Firing, started_s, at_s)
}

fn resolved(started_s: u64, at_s: u64) -> Alert {
    alert(AlertStatus::Resolved, started_s, at_s)
}

fn acknowledged(at_s: u64) -> Alert {
    alert(AlertStatus::Acknowledged, 0, at_s)
}

fn folded(alerts: &[Alert]) -> AlertRecord {
    let (mut known, window, config) = (Alerts::default(), Window::default(), Config::default());
    let mut last = None;
    for alert in alerts {
        last = Some(known.fold(alert.clone(), &window, &config).0);
    }
    last.unwrap()
}

/// The history as seconds and words.
fn history(record: &AlertRecord) -> Vec<(u64, &'static str)> {
    record.history.iter().map(|change| (change.at.as_secs() - T0, change.status.as_str())).collect()
}

#[test]
fn resends_are_counted_and_change_nothing_else() {
    let (mut known, window, config) = (Alerts::default(), Window::default(), Config::default());
    let (_, is_news) = known.fold(firing(0, 10), &window, &config);
    assert!(is_news);
    for at in [20, 30, 40] {
        let (record, is_news) = known.fold(firing(0, at), &window, &config);
        assert!(!is_news);
        assert_eq!(history(&record), [(0, "firing")]);
    }
    let (record, is_news) = known.fold(resolved(0, 50), &window, &config);
    assert!(is_news);
    assert_eq!(history(&record), [(0, "firing"), (50, "resolved")]);
    assert_eq!((record.times, record.episodes), (5, 1));
    assert_eq!((record.first_at.as_secs() - T0, record.last_at.as_secs() - T0), (10, 50));
    assert_eq!(record.ended_at, Some(Nanos::from_secs(T0 + 50)));
}

#[test]
fn firing_after_a_resolve_is_a_new_episode() {
    let record = folded(&[firing(0, 10), resolved(0, 50), firing(70, 80)]);
    assert_eq!(history(&record), [(0, "firing"), (50, "resolved"), (70, "firing")]);
    assert_eq!((record.episodes, record.ended_at), (2, None));
    assert_eq!(record.started_at.as_secs() - T0, 70);
    // The provider lost sight of it in between and says since when it has known of it.
    let record = folded(&[firing(0, 10), resolved(0, 50), firing(0, 80)]);
    assert_eq!(history(&record), [(0, "firing"), (50, "resolved"), (80, "firing")]);
}

#[test]
fn what_comes_first_may_be_the_end() {
    let record = folded(&[resolved(0, 50)]);
    assert_eq!(history(&record), [(0, "firing"), (50, "resolved")]);
    assert_eq!((record.status, record.episodes, record.times), (AlertStatus::Resolved, 1, 1));
}

#[test]
fn overtaken_notifications_end_in_the_same_history() {
    let whole = [firing(0, 0), acknowledged(20), resolved(0, 40)];
    let expected = [(0, "firing"), (20, "acknowledged"), (40, "resolved")];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let record = folded(&order.map(|at| whole[at].clone()));
        assert_eq!(history(&record), expected, "{order:?}");
        assert_eq!((record.status, record.times), (AlertStatus::Resolved, 3), "{order:?}");
    }
}

proptest! {
    #[test]
    fn notifications_of_one_tick_are_folded_alike_in_whatever_order_and_requests_they_come(
        told in prop::collection::vec((0u8..3, 0u64..6, 0u64..6, 0u8..2, prop::option::of(0u8..2)), 1..12),
        seed in any::<u64>(),
        cut in 0usize..12,
    ) {
        let told: Vec<Alert> = told
            .into_iter()
            .map(|(status, started, at, id, env)| {
                let status = [AlertStatus::Firing, AlertStatus::Acknowledged, AlertStatus::Resolved][usize::from(status)];
                let env = env.map(|env| format!("env-{env}").into());
                Alert { id: format!("{id}").into(), env, ..alert(status, started, at) }
            })
            .collect();
        let folded = |order: &[usize]| {
            let (mut known, window, config) = (Alerts::default(), Window::default(), Config::default());
            let (first, second) = order.split_at(cut.min(order.len()));
            for part in [first, second] {
                known.add(part.iter().map(|i| told[*i].clone()).collect());
            }
            for alert in known.take_arrived() {
                known.fold(alert, &window, &config);
            }
            known.records
        };
        let in_order: Vec<usize> = (0..told.len()).collect();
        prop_assert_eq!(folded(&shuffled(seed, told.len())), folded(&in_order));
    }
}

#[test]
fn of_too_many_notifications_in_a_tick_the_earliest_stay() {
    let told = |order: &[usize]| {
        let mut known = Alerts::default();
        order.chunks(777).for_each(|part| known.add(part.iter().map(|i| firing(0, *i as u64)).collect()));
        (known.take_arrived(), known.cut)
    };
    let many = ARRIVED_MAX * 9 / 4;
    let (kept, cut) = told(&(0..many).collect::<Vec<_>>());
    assert_eq!((kept.len(), cut), (ARRIVED_MAX, (many - ARRIVED_MAX) as u64));
    assert_eq!(kept.last().unwrap().at.as_secs() - T0, ARRIVED_MAX as u64 - 1);
    assert_eq!(told(&shuffled(1, many)), (kept, cut));
}

#[test]
fn history_and_number_of_alerts_are_bounded() {
    let flapping: Vec<Alert> =
        (0..50).flat_map(|n| [firing(20 * n, 20 * n), resolved(20 * n, 20 * n + 10)]).collect();
    let record = folded(&flapping);
    assert_eq!((record.history.len(), record.history_cut, record.episodes), (HISTORY_MAX, 68, 50));
    assert_eq!(history(&record).last(), Some(&(990, "resolved")));

    let (mut known, window, config) = (Alerts::default(), Window::default(), Config::default());
    let named = |id: usize, alert: Alert| Alert { id: format!("{id:05}").into(), ..alert };
    known.fold(named(7, resolved(0, 9_000)), &window, &config);
    for id in 100..100 + ALERTS_MAX {
        known.fold(named(id, firing(0, id as u64)), &window, &config);
    }
    assert_eq!(known.records.len(), ALERTS_MAX);
    let has =
        |known: &Alerts, id: &str| known.records.contains_key(&(AlertProvider::Alertmanager, id.into()));
    assert!(!has(&known, "00007"), "the resolved one goes first, though it was heard of last");
    known.fold(named(9_999, firing(0, 9_999)), &window, &config);
    assert!(!has(&known, "00100") && has(&known, "00101"), "then the one heard of the longest ago");
}

#[test]
fn alerts_are_forgotten_a_day_after_their_end_or_a_week_after_they_were_heard_of() {
    const DAY: u64 = 86_400;
    for (alert, kept_s) in [(resolved(0, 0), DAY), (firing(0, 0), 7 * DAY)] {
        let (mut known, window, config) = (Alerts::default(), Window::default(), Config::default());
        known.fold(alert, &window, &config);
        known.forget(Nanos::from_secs(T0 + kept_s));
        assert_eq!(known.records.len(), 1);
        known.forget(Nanos::from_secs(T0 + kept_s + 1));
        assert_eq!(known.records.len(), 0);
    }
}

#[test]
fn the_first_label_of_the_list_that_is_there_counts() {
    let labels = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| (Str::from(*name), Str::from(*value))).collect::<BTreeMap<_, _>>()
    };
    let mapped = |mapping: AlertLabels, alert: Alert| {
        let config = Config { alert_labels: mapping, ..Config::default() };
        let (record, _) = Alerts::default().fold(alert, &Window::default(), &config);
        (record.service, record.env, record.operation, record.code)
    };
    let some = |text: &str| Some(Str::from(text));
    let bare = Alert { service: None, ..firing(0, 0) };
    let from = |pairs: &[(&str, &str)]| Alert { labels: labels(pairs), ..bare.clone() };
    let default = AlertLabels::default;
    assert_eq!(
        mapped(
            default(),
            from(&[("job", "j"), ("service_name", "s"), ("environment", "prod"), ("handler", "/pay")])
        ),
        (some("s"), some("prod"), some("/pay"), None)
    );
    assert_eq!(
        mapped(default(), from(&[("job", "j"), ("error_code", "E1")])),
        (some("j"), None, None, some("E1"))
    );
    let said = Alert { service: some("said"), ..from(&[("service", "labelled")]) };
    assert_eq!(mapped(default(), said).0, some("said"));
    let own = AlertLabels { service: vec!["team".into(), "job".into()], ..default() };
    assert_eq!(mapped(own, from(&[("service", "s"), ("job", "j")])).0, some("j"));
}

#[test]
fn a_list_of_labels_is_bounded() {
    let with = |names: Vec<String>| {
        let alert_labels = AlertLabels { code: names, ..AlertLabels::default() };
        Config { alert_labels, ..Config::default() }.problems()
    };
    assert_eq!(with(vec!["a".into(); 16]), [""; 0]);
    for wrong in [vec!["a".to_owned(); 17], vec![String::new()], vec!["x".repeat(257)]] {
        assert_eq!(with(wrong), ["alert_labels.code: must be at most 16 names of 1 to 256 bytes"]);
    }
}
