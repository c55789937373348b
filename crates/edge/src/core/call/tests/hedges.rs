//! A slow node is raced by a second one, seldom.

use super::*;

const HEDGED: CallLimits = CallLimits { hedge: true, ..LIMITS };

fn two() -> View {
    view(vec![node(0, Tier::Primary), node(1, Tier::Primary)])
}

/// With one hedge in the budget.
fn desk(view: View, method: &str) -> Desk {
    let mut desk = Desk::new(view, route(method, "[]"), HEDGED);
    desk.pace.hedges = Budget::new(1_000, 0, 1);
    desk
}

/// The node that was asked first, and the other.
fn order(said: &[String]) -> (u8, u8) {
    if said[0].contains("to 0") { (0, 1) } else { (1, 0) }
}

#[test]
fn the_first_answer_counts_and_the_other_is_given_up() {
    for first_wins in [true, false] {
        let mut desk = desk(two(), "eth_blockNumber");
        let (_, other) = order(&desk.start());
        assert_eq!(desk.wakes_at(), Some(50));
        assert_told!(desk.at(49));
        assert_told!(desk.at(50), format!("send 1 to {other} within 4975"));
        let (winner, loser) = if first_wins { (0, 1) } else { (1, 0) };
        assert_told!(
            desk.answered(winner, AnswerKind::Value),
            format!("answer {winner}"),
            format!("abandon {loser}")
        );
        assert_told!(desk.answered(loser, AnswerKind::Value));
    }
}

#[test]
fn a_call_is_hedged_once_and_fails_over_when_both_failed() {
    let mut desk = desk(view((0..3).map(|id| node(id, Tier::Primary)).collect()), "eth_blockNumber");
    desk.start();
    assert_eq!(desk.at(50).len(), 1);
    assert_told!(desk.at(200));
    assert_told!(desk.failed(0, RESET));
    assert_eq!(desk.failed(1, RESET).len(), 1, "the third node");
}

#[test]
fn who_is_quick_enough_is_not_raced() {
    let mut desk = desk(two(), "eth_blockNumber");
    desk.start();
    desk.now = Millis(5_049);
    assert_told!(desk.answered(0, AnswerKind::Value), "answer 0");
    assert!(desk.pace.hedges.spend(Millis(0)), "nothing was spent");
}

#[test]
fn only_reads_are_raced_and_only_where_it_is_wanted() {
    for method in ["eth_sendRawTransaction", "eth_sendTransaction", "x_unknown", "eth_newFilter"] {
        let mut desk = desk(two(), method);
        desk.start();
        assert_told!(desk.at(60));
    }
    let mut off = Desk::new(two(), route("eth_blockNumber", "[]"), LIMITS);
    off.pace.hedges = Budget::new(1_000, 0, 1);
    off.start();
    assert_told!(off.at(60));
}

#[test]
fn nobody_is_raced_without_a_budget_or_a_second_node_of_the_tier() {
    let mut poor = Desk::new(two(), route("eth_blockNumber", "[]"), HEDGED);
    poor.start();
    assert_told!(poor.at(60));
    assert_eq!(poor.wakes_at(), Some(1_000), "it is not tried again");

    let mut alone = desk(nodes(2), "eth_blockNumber");
    alone.start();
    assert_told!(alone.at(60));

    let mut shaky = two();
    shaky.nodes[1].http = Standing::Suspect;
    let mut desk = desk(shaky, "eth_blockNumber");
    desk.start();
    assert_told!(desk.at(60));
    assert!(desk.pace.hedges.spend(Millis(0)), "nothing was spent");
}

#[test]
fn the_delay_follows_the_node() {
    let mut desk = desk(two(), "eth_blockNumber");
    let delay = HedgeDelay { min_ms: 5, max_ms: 500, half_life_ms: 60_000 };
    desk.pace = Pace::new(Budget::new(0, 0, 0), Budget::new(1_000, 0, 1), delay);
    for id in [0, 1] {
        (0..100).for_each(|_| desk.pace.latencies.add(Millis(0), NodeId(id), Class::ReadAtTag, 30));
    }
    desk.start();
    assert_eq!(desk.wakes_at(), Some(31));
}

#[test]
fn a_null_waits_for_the_race() {
    let mut desk = desk(two(), "eth_getTransactionReceipt");
    desk.start();
    desk.at(50);
    assert_told!(desk.answered(1, AnswerKind::Null));
    assert_told!(desk.answered(0, AnswerKind::Null), "answer 1");
}
