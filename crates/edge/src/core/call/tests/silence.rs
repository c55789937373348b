//! A node that owes an answer and may be gone without a word: others are asked as soon as it is known, and not before.

use super::*;

fn fall_silent(view: &mut View) {
    view.nodes[0].http = Standing::Silent;
}

#[test]
fn an_attempt_that_takes_longer_than_usual_is_told_of_once() {
    let mut desk = Desk::new(nodes(2), route("eth_call", "[]"), LIMITS);
    desk.start();
    assert_eq!(desk.wakes_at(), Some(50), "who takes longer than that is unusual");
    desk.at(49);
    assert!(desk.overdue.is_empty());
    desk.at(50);
    desk.at(60);
    assert_eq!(desk.overdue, [0]);
    assert_eq!(desk.wakes_at(), Some(1_000), "the attempt has its time all the same");
}

#[test]
fn who_waits_for_a_node_that_fell_silent_asks_another_and_either_may_answer() {
    for winner in [0, 1] {
        let mut desk = Desk::new(nodes(2), route("eth_call", "[]"), LIMITS);
        assert_eq!(node_of(&desk.start()), "0");
        desk.at(60);
        assert_eq!(node_of(&desk.change(fall_silent)), "1", "a backup, and no budget of hedges is asked");
        assert_told!(desk.change(|_| {}));
        let said = desk.answered(winner, AnswerKind::Value);
        assert_told!(said, format!("answer {winner}"), format!("abandon {}", 1 - winner));
    }
}

#[test]
fn a_silent_node_is_asked_last_and_only_where_none_else_is() {
    let mut others = nodes(3);
    fall_silent(&mut others);
    others.nodes[1].http = Standing::Suspect;
    others.nodes[2].http = Standing::Out;
    let mut desk = Desk::new(others, route("eth_call", "[]"), LIMITS);
    assert_eq!(node_of(&desk.start()), "1");
    assert_eq!(node_of(&desk.failed(0, RESET)), "0");
    assert_told!(desk.change(|_| {}));
}

#[test]
fn what_may_not_be_repeated_is_waited_for() {
    let mut desk = Desk::new(nodes(2), route("x_launch", "[]"), LIMITS);
    desk.start();
    assert_told!(desk.change(fall_silent));
    assert_told!(desk.answered(0, AnswerKind::Value), "answer 0");
}
