//! Calls of a node that are overdue: silence, over HTTP and over its stream; faults and pauses of the stream.

use super::*;

const NODE: NodeId = NodeId(0);

fn over_stream(result: Result<(), Fault>) -> Input {
    Input::Traffic { node: NODE, transport: Transport::Stream, result }
}

#[test]
fn a_stream_that_owes_an_answer_is_silent_from_when_a_sign_of_life_is_due_until_it_comes() {
    let mut stage = Stage::new(2);
    let begun = stage.now;
    for (start, sign) in [(begun, Input::Pong { node: NODE }), (begun.plus(500), over_stream(Ok(())))] {
        let overdue = Input::Overdue { node: NODE, via: Transport::Stream };
        let effects = stage.pool.step(start, overdue.clone());
        assert!(effects.contains(&Effect::Ping { node: NODE }), "it is asked at once");
        assert!(!stage.pool.step(start, overdue).contains(&Effect::Ping { node: NODE }), "and once");
        stage.pool.step(start.plus(29), Input::Time);
        assert_eq!(stage.standing(0), (Standing::Serving, Standing::Serving));
        stage.pool.step(start.plus(30), Input::Time);
        assert_eq!(stage.standing(0), (Standing::Serving, Standing::Silent));
        stage.pool.step(start.plus(40), sign);
        assert_eq!(stage.standing(0), (Standing::Serving, Standing::Serving));
    }
}

#[test]
fn a_stream_that_answers_no_call_is_dialled_anew() {
    let mut stage = Stage::new(2);
    for _ in 0..2 {
        let effects = stage.pool.step(stage.now, over_stream(Err(Fault::Timeout)));
        assert!(!effects.contains(&Effect::Redial { node: NODE }));
    }
    let effects = stage.pool.step(stage.now, over_stream(Err(Fault::Timeout)));
    assert!(effects.contains(&Effect::Redial { node: NODE }));
    assert_eq!(stage.standing(0), (Standing::Serving, Standing::Out));
    stage.pool.step(stage.now, Input::Connected { node: NODE });
    assert_eq!(stage.standing(0), (Standing::Serving, Standing::Suspect));
}

#[test]
fn a_pause_that_is_asked_for_on_one_way_is_given_on_both() {
    for transport in [Transport::Http, Transport::Stream] {
        let mut stage = Stage::new(2);
        let limited = Err(Fault::RateLimited { retry_after_ms: Some(2_000) });
        stage.pool.step(stage.now, Input::Traffic { node: NODE, transport, result: limited });
        assert_eq!(stage.standing(0), (Standing::Out, Standing::Out));
        stage.pool.step(stage.now.plus(2_000), Input::Time);
        assert_eq!(stage.standing(0), (Standing::Serving, Standing::Serving));
    }
}

#[test]
fn a_node_that_owes_an_answer_is_silent_from_when_a_sign_of_life_is_due_until_it_comes() {
    let mut stage = Stage::new(2);
    let (node, at) = (NodeId(0), stage.now);
    let probe_is_answered =
        Input::Probed { node, result: Ok(Probe { chain_id: 1, readiness: Readiness::Ready }) };
    let call_is_answered = Input::Traffic { node, transport: Transport::Http, result: Ok(()) };
    let late = at.plus(1_000);
    // What the first probe took makes the second wait longer.
    for (start, patience_ms, sign) in
        [(at, 30, probe_is_answered), (late, 30 + 2 * 40, call_is_answered.clone())]
    {
        let effects = stage.pool.step(start, Input::Overdue { node, via: Transport::Http });
        assert!(effects.contains(&Effect::Probe { node }) || start > at, "it is asked at once");
        assert_eq!(stage.pool.wake_at(start), Some(start.plus(patience_ms)));
        stage.pool.step(start.plus(patience_ms - 1), Input::Time);
        assert_eq!(stage.standing(0).0, Standing::Serving);
        stage.pool.step(start.plus(patience_ms), Input::Time);
        assert_eq!(stage.standing(0).0, Standing::Silent);
        stage.pool.step(start.plus(patience_ms.max(40)), sign);
        assert_eq!(stage.standing(0).0, Standing::Serving);
    }
    stage.pool.step(at.plus(2_000), Input::Overdue { node, via: Transport::Http });
    stage.pool.step(at.plus(2_010), call_is_answered);
    stage.pool.step(at.plus(2_500), Input::Time);
    assert_eq!(stage.standing(0).0, Standing::Serving, "the sign came in time");
}
