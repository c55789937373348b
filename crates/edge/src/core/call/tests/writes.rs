//! Transactions: sent until a node has them, never said to have failed while one may. And what is sent only once.

use super::*;

const BROADCAST: CallLimits = CallLimits { broadcast: true, ..LIMITS };

fn write(view: View) -> Desk {
    Desk::new(view, route("eth_sendRawTransaction", "[\"0x01\"]"), LIMITS)
}

/// A node was asked and its answer was lost; the other is asked.
fn uncertain() -> Desk {
    let mut desk = write(nodes(2));
    assert_told!(desk.start(), "send 0 to 0 within 1000");
    assert_told!(desk.failed(0, RESET), "send 1 to 1 within 5000");
    desk
}

#[test]
fn already_known_is_success() {
    let mut desk = write(nodes(2));
    desk.start();
    assert_told!(desk.error(0, Meaning::AlreadyKnown), "answer the hash");
    let mut desk = uncertain();
    assert_told!(desk.error(1, Meaning::AlreadyKnown), "answer the hash");
    let mut no_hash = Desk::new(nodes(2), route("eth_sendRawTransaction", "[]"), LIMITS);
    no_hash.start();
    assert_told!(no_hash.error(0, Meaning::AlreadyKnown), "answer 0");
}

#[test]
fn null_says_nothing_of_a_transaction() {
    let mut desk = write(nodes(2));
    desk.start();
    assert_told!(desk.answered(0, AnswerKind::Null), "send 1 to 1 within 5000");
    assert_told!(desk.answered(1, AnswerKind::Value), "answer 1");
    // It may have been taken all the same.
    let mut desk = write(nodes(1));
    desk.start();
    assert_told!(desk.answered(0, AnswerKind::Null));
    assert_told!(desk.at(50), "send 1 to 0 within 4975");
    assert_told!(desk.error(1, Meaning::Answer), "look up 2 at 0 within 1000");
}

#[test]
fn a_refusal_by_a_node_is_the_answer_where_no_other_may_have_it() {
    let mut desk = write(nodes(2));
    desk.start();
    assert_told!(desk.error(0, Meaning::Answer), "answer 0");
    // Who refused the connection has nothing.
    let mut desk = write(nodes(2));
    desk.start();
    desk.failed(0, REFUSED);
    assert_told!(desk.error(1, Meaning::Answer), "answer 1");
}

#[test]
fn a_nonce_that_is_taken_may_be_taken_by_this_transaction() {
    let mut desk = write(nodes(2));
    desk.start();
    assert_told!(desk.error(0, Meaning::NonceTooLow), "look up 1 at 0 within 1000");
    assert_eq!(desk.call.kept(), Some(0));
    assert_told!(desk.answered(1, AnswerKind::Value), "answer the hash");

    let mut desk = write(nodes(2));
    desk.start();
    desk.error(0, Meaning::NonceTooLow);
    assert_told!(desk.answered(1, AnswerKind::Null), "answer 0");

    let mut desk = uncertain();
    assert_told!(desk.error(1, Meaning::NonceTooLow), "look up 2 at 1 within 1000");
    assert_told!(desk.answered(2, AnswerKind::Value), "answer the hash");

    let mut desk = uncertain();
    desk.error(1, Meaning::NonceTooLow);
    assert_told!(desk.answered(2, AnswerKind::Null), "answer 1");
}

#[test]
fn a_look_up_that_fails_is_asked_of_others() {
    let mut desk = uncertain();
    assert_told!(desk.error(1, Meaning::NonceTooLow), "look up 2 at 1 within 1000");
    assert_told!(desk.at(1_000), "abandon 2 for timeout", "look up 3 at 0 within 1000");
    assert_told!(desk.error(3, Meaning::Answer), "refuse fate_unknown");

    let mut desk = write(nodes(1));
    desk.start();
    assert_told!(desk.error(0, Meaning::NonceTooLow), "look up 1 at 0 within 1000");
    assert_told!(desk.failed(1, RESET), "answer 0");
}

#[test]
fn only_who_sees_the_nonce_taken_can_say_by_whom() {
    let mut desk = write(nodes(3));
    desk.start();
    desk.failed(0, RESET);
    assert_eq!(desk.error(1, Meaning::NonceTooLow).len(), 1);
    assert_eq!(desk.failed(2, RESET), ["look up 3 at 0 within 1000"]);
    assert_eq!(desk.failed(3, RESET).len(), 1);
    // A third node does not know the transaction, but it may be behind.
    assert_told!(desk.answered(4, AnswerKind::Null), "refuse fate_unknown");
}

#[test]
fn who_may_have_it_is_asked_before_who_was_never_told() {
    let mut desk = write(nodes(4));
    desk.start();
    let second = node_of(&desk.failed(0, REFUSED)).to_owned();
    let third = node_of(&desk.failed(1, RESET)).to_owned();
    assert_eq!(node_of(&desk.error(2, Meaning::Answer)), third);
    assert_eq!(node_of(&desk.answered(3, AnswerKind::Null)), second);
}

#[test]
fn whoever_refuses_it_does_not_speak_for_who_may_have_it() {
    let mut desk = uncertain();
    assert_told!(desk.error(1, Meaning::Answer), "look up 2 at 1 within 1000");
    assert_told!(desk.answered(2, AnswerKind::Null), "look up 3 at 0 within 1000");
    assert_told!(desk.answered(3, AnswerKind::Null), "answer 1");

    let mut desk = uncertain();
    desk.error(1, Meaning::Answer);
    desk.answered(2, AnswerKind::Null);
    assert_told!(desk.answered(3, AnswerKind::Value), "answer the hash");

    let mut desk = uncertain();
    desk.change(|view| view.nodes[0].http = Standing::Out);
    desk.error(1, Meaning::Answer);
    assert_told!(desk.answered(2, AnswerKind::Null), "refuse fate_unknown");
}

#[test]
fn a_transaction_is_sent_again_where_it_was_lost() {
    let mut desk = write(nodes(1));
    assert_told!(desk.start(), "send 0 to 0 within 5000");
    assert_told!(desk.failed(0, RESET));
    assert_told!(desk.at(50), "send 1 to 0 within 4975");
    assert_told!(desk.error(1, Meaning::AlreadyKnown), "answer the hash");
}

#[test]
fn when_nothing_is_left_its_fate_is_looked_up() {
    let once = CallLimits { attempts_max: 1, ..LIMITS };
    let desk = |view| Desk::new(view, route("eth_sendRawTransaction", "[\"0x01\"]"), once);
    let mut found = desk(nodes(1));
    found.start();
    assert_told!(found.failed(0, RESET), "look up 1 at 0 within 1000");
    assert_told!(found.answered(1, AnswerKind::Value), "answer the hash");

    let mut not_found = desk(nodes(1));
    not_found.start();
    not_found.failed(0, RESET);
    assert_told!(not_found.answered(1, AnswerKind::Null), "refuse failed");

    let mut unknown = desk(nodes(1));
    unknown.start();
    unknown.failed(0, RESET);
    assert_told!(unknown.failed(1, RESET), "refuse fate_unknown");

    let mut unsent = desk(nodes(1));
    unsent.start();
    assert_told!(unsent.failed(0, REFUSED), "refuse failed");
}

#[test]
fn at_the_deadline_a_transaction_under_way_may_arrive() {
    let mut desk = write(nodes(1));
    desk.start();
    desk.now = Millis(15_000);
    assert_told!(desk.step(CallInput::Time), "abandon 0 for timeout", "refuse fate_unknown");
}

#[test]
fn a_broadcast_goes_to_three_and_ends_with_the_first_that_takes_it() {
    let mut desk = Desk::new(nodes(5), route("eth_sendRawTransaction", "[\"0x01\"]"), BROADCAST);
    assert_eq!(desk.start().len(), 3);
    assert_told!(desk.error(0, Meaning::Answer));
    assert_told!(desk.failed(1, RESET));
    assert_told!(desk.answered(2, AnswerKind::Value), "answer 2");
    assert!(desk.call.is_done());

    let mut desk = Desk::new(nodes(5), route("eth_sendRawTransaction", "[\"0x01\"]"), BROADCAST);
    desk.start();
    assert_told!(desk.answered(1, AnswerKind::Value), "answer 1");
}

#[test]
fn a_broadcast_that_all_refuse_is_refused() {
    let mut desk = Desk::new(nodes(2), route("eth_sendRawTransaction", "[\"0x01\"]"), BROADCAST);
    assert_eq!(desk.start().len(), 2);
    assert_told!(desk.error(1, Meaning::Answer));
    assert_told!(desk.error(0, Meaning::Answer), "answer 1");
}

#[test]
fn a_broadcast_asks_only_who_serves() {
    let mut view = nodes(3);
    view.nodes[1].http = Standing::Suspect;
    view.nodes[2].http = Standing::Out;
    let mut desk = Desk::new(view, route("eth_sendRawTransaction", "[\"0x01\"]"), BROADCAST);
    assert_eq!(desk.start().len(), 1);
}

#[test]
fn a_node_that_cannot_take_it_is_passed_over() {
    for meaning in [Meaning::MethodMissing, Meaning::NodeFault(Fault::Behind)] {
        let mut desk = write(nodes(2));
        desk.start();
        assert_told!(desk.error(0, meaning), "send 1 to 1 within 5000");
        assert_told!(desk.error(1, Meaning::Answer), "answer 1");
    }
    let mut desk = write(nodes(1));
    desk.start();
    assert_told!(desk.error(0, Meaning::MethodMissing), "answer 0");
}

#[test]
fn what_nobody_knows_is_sent_once() {
    let once = |view| Desk::new(view, route("x_launch", "[]"), LIMITS);
    for fault in [RESET, Fault::Closed, Fault::Timeout, Fault::Status(502), Fault::Malformed] {
        let mut desk = once(nodes(2));
        assert_told!(desk.start(), "send 0 to 0 within 10000");
        assert_told!(desk.failed(0, fault), "refuse not_repeated");
    }
    for fault in
        [REFUSED, Fault::DialTimeout, Fault::RateLimited { retry_after_ms: None }, Fault::Status(403)]
    {
        let mut desk = once(nodes(2));
        desk.start();
        assert_told!(desk.failed(0, fault), "send 1 to 1 within 10000");
    }
    let mut desk = once(nodes(2));
    desk.start();
    assert_told!(desk.error(0, Meaning::MethodMissing), "send 1 to 1 within 10000");

    let mut desk = once(nodes(2));
    desk.start();
    assert_told!(desk.error(0, Meaning::NodeFault(Fault::NodeError)), "answer 0");

    let mut desk = once(nodes(2));
    desk.start();
    assert_told!(desk.change(|view| view.nodes[0].http = Standing::Out));
    assert_told!(desk.at(10_000), "abandon 0 for timeout", "refuse not_repeated");
}
