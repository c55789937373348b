//! Reads: retried until somebody answers, and never when somebody did.

use super::*;

const LIMITED: Fault = Fault::RateLimited { retry_after_ms: Some(3_000) };

fn read(view: View) -> Desk {
    Desk::new(view, route("eth_blockNumber", "[]"), LIMITS)
}

fn by_hash(view: View) -> Desk {
    Desk::new(view, route("eth_getTransactionReceipt", "[\"0x1\"]"), LIMITS)
}

#[test]
fn a_failure_is_answered_by_another_node_at_once() {
    let faults = [
        REFUSED,
        RESET,
        Fault::DialTimeout,
        Fault::Closed,
        Fault::Timeout,
        Fault::Status(500),
        Fault::Malformed,
        LIMITED,
        Fault::WrongChain,
        Fault::Behind,
    ];
    for fault in faults {
        let mut desk = read(nodes(2));
        assert_told!(desk.start(), "send 0 to 0 within 1000");
        assert_told!(desk.failed(0, fault), "send 1 to 1 within 5000");
        assert_told!(desk.answered(1, AnswerKind::Value), "answer 1");
    }
}

#[test]
fn what_a_node_means_is_the_answer() {
    for meaning in [Meaning::Answer, Meaning::AlreadyKnown, Meaning::NonceTooLow] {
        let mut desk = read(nodes(3));
        desk.start();
        assert_told!(desk.error(0, meaning), "answer 0");
    }
}

#[test]
fn a_node_has_its_time_while_another_could_be_asked() {
    let mut desk = read(nodes(2));
    assert_told!(desk.start(), "send 0 to 0 within 1000");
    assert_told!(desk.at(999));
    assert_eq!(desk.wakes_at(), Some(1_000));
    assert_told!(desk.at(1_000), "abandon 0 for timeout", "send 1 to 1 within 4500");
    assert_told!(desk.answered(0, AnswerKind::Value));
    assert_told!(desk.at(1_100));
    assert_eq!(desk.wakes_at(), Some(5_500));
    // Nobody else is left, so the first is asked once more, for half of what is left.
    assert_told!(desk.at(5_500), "abandon 1 for timeout", "send 2 to 0 within 2250");
    assert_told!(desk.answered(2, AnswerKind::Value), "answer 2");
}

#[test]
fn one_node_alone_is_not_cut_short() {
    let mut desk = read(nodes(1));
    assert_told!(desk.start(), "send 0 to 0 within 5000");
    assert_told!(desk.answered(0, AnswerKind::Value), "answer 0");
}

#[test]
fn the_same_node_is_asked_again_with_pauses() {
    let mut desk = read(nodes(1));
    desk.start();
    assert_told!(desk.failed(0, REFUSED));
    assert_eq!(desk.wakes_at(), Some(50));
    assert_told!(desk.at(49));
    assert_told!(desk.at(50), "send 1 to 0 within 4975");
    assert_told!(desk.failed(1, REFUSED));
    assert_eq!(desk.wakes_at(), Some(150));
    assert_told!(desk.at(150), "send 2 to 0 within 4925");
    assert_told!(desk.failed(2, REFUSED));
    assert_told!(desk.at(350), "send 3 to 0 within 4825");
    assert_told!(desk.failed(3, REFUSED));
    assert_told!(desk.at(750), "send 4 to 0 within 4625");
    assert_told!(desk.failed(4, REFUSED), "refuse failed");
}

#[test]
fn at_the_deadline_it_is_over() {
    let mut desk = read(nodes(1));
    desk.start();
    assert_told!(desk.at(5_000), "abandon 0 for timeout");
    assert_told!(desk.at(5_050), "send 1 to 0 within 2475");
    assert_told!(desk.at(7_525), "abandon 1 for timeout");
    assert_told!(desk.at(7_625), "send 2 to 0 within 1187");
    assert_told!(desk.at(8_812), "abandon 2 for timeout");
    assert_told!(desk.at(9_012), "send 3 to 0 within 988");
    assert_told!(desk.at(9_999));
    assert_eq!(desk.wakes_at(), Some(10_000));
    assert_told!(desk.at(10_000), "abandon 3", "refuse late");
}

#[test]
fn an_answer_at_the_deadline_is_in_time() {
    let mut desk = read(nodes(1));
    desk.start();
    desk.at(5_000);
    desk.at(5_050);
    desk.now = Millis(15_000);
    assert_told!(desk.answered(1, AnswerKind::Value), "answer 1");
}

#[test]
fn too_much_is_too_much_from_everybody() {
    let mut desk = read(nodes(3));
    desk.start();
    assert_told!(desk.failed(0, Fault::TooLarge), "refuse too_large");
}

#[test]
fn a_node_that_is_asked_too_much_is_left_alone_for_as_long_as_it_said() {
    let mut desk = read(nodes(2));
    desk.start();
    desk.failed(0, LIMITED);
    assert_told!(desk.failed(1, RESET));
    assert_eq!(desk.wakes_at(), Some(50));
    assert_told!(desk.at(50), "send 2 to 1 within 4975");
    assert_told!(desk.failed(2, Fault::RateLimited { retry_after_ms: None }));
    assert_eq!(desk.wakes_at(), Some(1_050));
    assert_told!(desk.at(1_050), "send 3 to 1 within 4475");
    assert_told!(desk.failed(3, RESET));
    assert_eq!(desk.wakes_at(), Some(1_250));

    let mut desk = read(nodes(1));
    desk.start();
    assert_told!(desk.error(0, Meaning::NodeFault(LIMITED)));
    assert_eq!(desk.wakes_at(), Some(3_000));
    assert_told!(desk.at(3_000), "send 1 to 0 within 3500");
    assert_told!(desk.answered(1, AnswerKind::Value), "answer 1");
}

#[test]
fn a_node_that_is_no_node_of_the_chain_is_not_asked_twice() {
    for fault in [Fault::WrongChain, Fault::Lying, Fault::Behind, Fault::Missing] {
        let mut desk = read(nodes(1));
        desk.start();
        assert_told!(desk.failed(0, fault), "refuse failed");
    }
}

#[test]
fn nobody_waits_for_what_comes_after_the_deadline() {
    let mut desk = read(nodes(2));
    desk.start();
    let long = Fault::RateLimited { retry_after_ms: Some(60_000) };
    desk.failed(0, long);
    assert_told!(desk.failed(1, long), "refuse rate_limited");
}

#[test]
fn null_is_asked_of_the_others_once() {
    let mut desk = by_hash(nodes(3));
    desk.start();
    assert_eq!(desk.call.kept(), None);
    let second = desk.answered(0, AnswerKind::Null);
    assert_eq!(desk.call.kept(), Some(0));
    assert_ne!(node_of(&second), "0");
    let third = desk.answered(1, AnswerKind::Null);
    assert_ne!(node_of(&third), node_of(&second));
    assert_told!(desk.answered(2, AnswerKind::Null), "answer 0");

    let mut desk = by_hash(nodes(2));
    desk.start();
    desk.answered(0, AnswerKind::Null);
    assert_told!(desk.answered(1, AnswerKind::Value), "answer 1");
}

#[test]
fn null_is_the_answer_where_the_others_fail() {
    let mut desk = by_hash(nodes(2));
    desk.start();
    desk.answered(0, AnswerKind::Null);
    assert_told!(desk.failed(1, RESET), "answer 0");

    let mut desk = by_hash(nodes(2));
    desk.start();
    desk.answered(0, AnswerKind::Null);
    assert_told!(desk.at(5_000), "abandon 1 for timeout", "answer 0");
}

#[test]
fn null_is_the_answer_where_it_means_one() {
    let mut desk = Desk::new(nodes(2), route("eth_getAccount", "[\"0x1\"]"), LIMITS);
    desk.start();
    assert_told!(desk.answered(0, AnswerKind::Null), "answer 0");
    // The next block is not there yet, and clients poll for it.
    let mut desk = Desk::new(nodes(2), route("eth_getBlockByNumber", "[\"0x65\"]"), LIMITS);
    desk.start();
    assert_told!(desk.answered(0, AnswerKind::Null), "answer 0");
    let mut desk = Desk::new(nodes(2), route("eth_getBlockByNumber", "[\"0x64\"]"), LIMITS);
    desk.start();
    assert_told!(desk.answered(0, AnswerKind::Null), "send 1 to 1 within 5000");
}

#[test]
fn null_is_not_asked_around_without_a_budget() {
    let mut desk = by_hash(nodes(2));
    desk.pace.retries = Budget::new(0, 0, 0);
    desk.start();
    assert_told!(desk.answered(0, AnswerKind::Null), "answer 0");
}

#[test]
fn the_first_other_node_is_asked_without_a_budget_and_further_ones_wait_for_it() {
    let mut desk = read(nodes(3));
    desk.pace.retries = Budget::new(0, 0, 0);
    desk.start();
    assert_eq!(desk.failed(0, RESET).len(), 1);
    assert_told!(desk.failed(1, RESET));
    assert_eq!(desk.wakes_at(), Some(100));
    assert_told!(desk.at(100));
    desk.pace.retries = Budget::new(0, 1, 1);
    assert_eq!(desk.at(200).len(), 1);
}

#[test]
fn a_method_that_a_node_has_not_is_asked_of_the_others() {
    let mut desk = read(nodes(2));
    desk.start();
    assert_told!(desk.error(0, Meaning::MethodMissing), "send 1 to 1 within 5000");
    assert_told!(desk.error(1, Meaning::MethodMissing), "answer 0");
}

#[test]
fn what_speaks_of_the_node_is_told_if_nobody_has_better() {
    let fault = Meaning::NodeFault(Fault::NodeError);
    let mut desk = read(nodes(2));
    desk.start();
    assert_told!(desk.error(0, fault), "send 1 to 1 within 5000");
    assert_told!(desk.error(1, fault), "answer 0");

    let mut desk = read(nodes(2));
    desk.start();
    desk.error(0, fault);
    assert_told!(desk.error(1, Meaning::MethodMissing), "answer 1");

    let mut desk = read(nodes(1));
    desk.start();
    assert_told!(desk.error(0, Meaning::NodeFault(Fault::Behind)), "answer 0");
}

/// A node that had a block a moment later than the one that failed was not asked.
#[test]
fn a_nodes_trouble_is_told_only_once_the_others_had_time_to_catch_up() {
    let fault = Meaning::NodeFault(Fault::NodeError);
    let lag = |desk: &mut Desk| desk.view.nodes[1].head = HEAD - 1;
    let mut desk = read(nodes(2));
    lag(&mut desk);
    desk.start();
    assert_told!(desk.error(0, fault));
    assert_eq!(desk.wakes_at(), Some(1_000));
    assert_told!(desk.change(|view| view.nodes[1].head = HEAD), "send 1 to 1 within 5000");

    let mut desk = read(nodes(2));
    lag(&mut desk);
    desk.start();
    assert_told!(desk.error(0, fault));
    assert_told!(desk.at(999));
    assert_told!(desk.at(1_000), "answer 0");
}

/// One of a batch: the others may catch up with a node from its turn on, and its client waits since it came.
#[test]
fn a_call_whose_turn_comes_late_has_no_more_time_for_that() {
    let late = |ms| {
        let mut desk = read(nodes(2));
        desk.view.nodes[1].head = HEAD - 1;
        desk.now = desk.now.plus(ms);
        desk
    };
    let mut desk = late(3_000);
    assert_eq!(node_of(&desk.start()), "0");
    assert_told!(desk.error(0, Meaning::NodeFault(Fault::NodeError)));
    assert_eq!(desk.wakes_at(), Some(4_000));
    assert_told!(desk.at(4_000), "answer 0");
    let mut desk = late(3_000);
    desk.start();
    assert_eq!(desk.at(LIMITS.deadline_ms).last().map(String::as_str), Some("refuse late"));
    assert_told!(late(LIMITS.deadline_ms).start(), "refuse no_node");
}

#[test]
fn who_waits_for_a_node_that_went_down_asks_another() {
    let mut desk = read(nodes(2));
    desk.start();
    assert_told!(desk.change(|view| view.nodes[0].http = Standing::Draining));
    assert_told!(desk.change(|view| view.nodes[0].http = Standing::Out), "send 1 to 1 within 5000");
    assert_told!(desk.change(|view| view.nodes[1].weight = 2));
    assert_told!(desk.answered(0, AnswerKind::Value), "answer 0", "abandon 1");
}

#[test]
fn who_waits_for_a_node_that_went_down_goes_on_waiting_if_there_is_no_other() {
    let mut desk = read(nodes(1));
    desk.start();
    assert_told!(desk.change(|view| view.nodes[0].http = Standing::Out));
    desk.at(50);
    assert_eq!(desk.wakes_at(), Some(5_000));
    assert_told!(desk.answered(0, AnswerKind::Value), "answer 0");
}
