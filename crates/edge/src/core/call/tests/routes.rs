//! Who is asked: by tier, standing, weight, what a node has, and the way to it.

use super::*;

fn targets(desk: &mut Desk) -> String {
    let said = desk.start();
    said.first().cloned().unwrap_or_default()
}

fn asks(view: View, method: &str, params: &str) -> String {
    targets(&mut Desk::new(view, route(method, params), LIMITS))
}

#[test]
fn standing_counts_before_the_tier() {
    use Standing::{Draining, Out, Serving, Suspect};
    for (primary, backup, expected) in [
        (Serving, Serving, "send 0 to 0"),
        (Draining, Serving, "send 0 to 1"),
        (Suspect, Serving, "send 0 to 1"),
        (Out, Serving, "send 0 to 1"),
        (Draining, Draining, "send 0 to 0"),
        (Suspect, Draining, "send 0 to 1"),
        (Suspect, Suspect, "send 0 to 0"),
        (Suspect, Out, "send 0 to 0"),
        (Out, Out, ""),
    ] {
        let mut view = nodes(2);
        (view.nodes[0].http, view.nodes[1].http) = (primary, backup);
        let said = asks(view, "eth_blockNumber", "[]");
        assert!(
            said.starts_with(expected) && said.is_empty() == expected.is_empty(),
            "{primary:?} {backup:?}: {said}"
        );
    }
}

#[test]
fn turns_go_by_weight_and_never_bunch_up() {
    for weights in [vec![1, 1], vec![3, 1], vec![1, 2, 5], vec![10, 1, 1, 4], vec![0, 1]] {
        let mut view = view((0..).zip(&weights).map(|(id, _)| node(id, Tier::Primary)).collect());
        view.nodes.iter_mut().zip(&weights).for_each(|(node, weight)| node.weight = *weight);
        let total: u32 = weights.iter().map(|weight| u32::from((*weight).max(1))).sum();
        let (mut pace, mut counts) = (pace(), vec![0_u32; weights.len()]);
        for turn in 1..=2_000_u32 {
            let mut call = Call::new(Millis(0), route("eth_blockNumber", "[]"), LIMITS, Ways::Http);
            let effects = call.step(Millis(0), &view, &mut pace, CallInput::Start);
            let [CallEffect::Send { node, .. }] = effects[..] else { panic!("{effects:?}") };
            counts[usize::from(node.0)] += 1;
            for (count, weight) in counts.iter().zip(&weights) {
                let due = f64::from(turn) * f64::from((*weight).max(1)) / f64::from(total);
                assert!((f64::from(*count) - due).abs() < 3.0, "{weights:?} turn {turn}: {counts:?}");
            }
        }
    }
}

#[test]
fn who_is_behind_has_its_share_of_what_it_can_answer() {
    let mut view = view(vec![node(0, Tier::Primary), node(1, Tier::Primary)]);
    view.nodes[1].head = HEAD - 5;
    let (mut pace, mut counts) = (pace(), [0, 0]);
    for _ in 0..100 {
        let mut call = Call::new(Millis(0), route("eth_chainId", "[]"), LIMITS, Ways::Http);
        let effects = call.step(Millis(0), &view, &mut pace, CallInput::Start);
        let [CallEffect::Send { node, .. }] = effects[..] else { panic!("{effects:?}") };
        counts[usize::from(node.0)] += 1;
    }
    assert_eq!(counts, [50, 50]);
}

#[test]
fn the_head_is_asked_of_who_has_it() {
    let mut view = nodes(2);
    view.nodes[0].head = HEAD - 1;
    for (method, params, expected) in [
        ("eth_blockNumber", "[]", 1),
        ("eth_call", "[{}, \"pending\"]", 1),
        ("eth_getLogs", "[{}]", 1),
        ("eth_getTransactionReceipt", "[\"0x1\"]", 1),
        ("eth_call", "[{}, \"0x64\"]", 1),
        ("eth_call", "[{}, \"0x65\"]", 1),
        ("eth_call", "[{}, \"0x63\"]", 0),
        ("eth_chainId", "[]", 0),
        ("eth_sendRawTransaction", "[\"0x01\"]", 0),
    ] {
        let said = asks(view.clone(), method, params);
        assert!(said.starts_with(&format!("send 0 to {expected} ")), "{method} {params}: {said}");
    }
    view.served = None;
    assert!(
        asks(view, "eth_blockNumber", "[]").starts_with("send 0 to 0 "),
        "without a head nobody is behind"
    );
}

#[test]
fn a_transaction_goes_to_who_has_the_head_among_equals() {
    let mut view = view((0..3).map(|id| node(id, Tier::Primary)).collect());
    view.nodes[0].head = HEAD - 1;
    view.nodes[2].head = HEAD - 1;
    assert!(asks(view, "eth_sendRawTransaction", "[\"0x01\"]").starts_with("send 0 to 1 "));
}

#[test]
fn where_nobody_has_it_the_call_waits_for_who_will() {
    let mut view = nodes(2);
    view.nodes.iter_mut().for_each(|node| node.head = HEAD - 1);
    let mut desk = Desk::new(view, route("eth_blockNumber", "[]"), LIMITS);
    assert_told!(desk.start());
    assert_eq!(desk.wakes_at(), Some(10_000));
    assert_told!(desk.change(|view| view.nodes[0].weight = 2));
    desk.now = Millis(7_000);
    assert_told!(desk.change(|view| view.nodes[1].head = HEAD), "send 0 to 1 within 4000");

    let mut desk = Desk::new(View::default(), route("eth_blockNumber", "[]"), LIMITS);
    assert_told!(desk.start());
    assert_told!(desk.at(9_999));
    assert_told!(desk.at(10_000), "refuse no_node");
}

#[test]
fn a_recent_block_is_asked_of_its_holders() {
    let known = testing::hash(1, HEAD);
    let recent = |holder: Option<u8>| {
        let holders = holder.map(NodeId).into_iter().collect();
        Arc::new(Recent { holders: BTreeMap::from([(known, holders)]) })
    };
    let by_hash = route("eth_getBlockByHash", &format!("[\"{known}\"]"));
    let held_by = |holder| View { recent: recent(holder), ..nodes(2) };
    let mut desk = Desk::new(held_by(Some(1)), by_hash, LIMITS);
    assert_told!(desk.start(), "send 0 to 1 within 5000");

    let mut desk = Desk::new(nodes(2), by_hash, LIMITS);
    assert!(targets(&mut desk).starts_with("send 0 to 0 "), "nobody knows who has it");
    let mut desk = Desk::new(View { recent: recent(None), ..nodes(1) }, by_hash, LIMITS);
    assert_told!(desk.start(), "send 0 to 0 within 5000");

    // Its only holder is gone, or even forgotten: others may have it by now, but they were not seen to.
    let mut out = held_by(Some(1));
    out.nodes[1].http = Standing::Out;
    for (gone, relaxed) in [(out, "send 0 to 0 within 2500"), (held_by(None), "send 0 to 0 within 1000")] {
        let mut desk = Desk::new(gone.clone(), by_hash, LIMITS);
        assert_told!(desk.start());
        assert_eq!(desk.wakes_at(), Some(5_000));
        assert_told!(desk.change(|view| view.recent = recent(Some(0))), "send 0 to 0 within 5000");
        let mut desk = Desk::new(gone, by_hash, LIMITS);
        desk.start();
        assert_told!(desk.at(5_000), relaxed);
    }
}

/// A node that was failing said so of the head, and the client was told at once: the other had it some milliseconds later.
#[test]
fn that_there_is_no_block_which_was_told_is_believed_only_when_nobody_else_comes_to_have_it() {
    let known = testing::hash(1, HEAD);
    let recent = |nodes: [u8; 1]| {
        Arc::new(Recent { holders: BTreeMap::from([(known, nodes.map(NodeId).into_iter().collect())]) })
    };
    let behind = || {
        let mut view = View { recent: recent([0]), ..nodes(2) };
        view.nodes[1].head = HEAD - 1;
        view
    };
    let latest = "[\"latest\",false]".to_owned();
    for (method, params, waits) in [
        ("eth_getBlockByNumber", latest.clone(), true),
        ("eth_getBlockByNumber", format!("[\"{HEAD:#x}\",false]"), true),
        ("eth_getBlockByHash", format!("[\"{known}\",false]"), true),
        ("eth_getTransactionReceipt", format!("[\"{known}\"]"), false),
        ("eth_getTransactionByBlockNumberAndIndex", "[\"latest\",\"0x1\"]".to_owned(), false),
    ] {
        let asked = || {
            let mut desk = Desk::new(behind(), route(method, &params), LIMITS);
            assert!(desk.start()[0].starts_with("send 0 to 0 "), "{method}");
            let told = desk.answered(0, AnswerKind::Null);
            (desk, told)
        };
        let (mut desk, told) = asked();
        if !waits {
            assert_eq!(told, ["answer 0"], "{method} {params}");
            continue;
        }
        assert_eq!((told.len(), desk.wakes_at()), (0, Some(1_000)), "{method} {params}");
        let asks = desk.change(|view| {
            view.nodes[1].head = HEAD;
            view.recent = recent([1]);
        });
        assert!(asks[0].starts_with("send 1 to 1 "), "{asks:?}");
        let (mut desk, _) = asked();
        assert_told!(desk.at(1_000), "answer 0");
    }
}

#[test]
fn the_way_is_chosen_by_its_health() {
    use Standing::{Out, Serving, Suspect};
    for (ways, http, stream, expected) in [
        (Ways::StreamFirst, Serving, Serving, "send 0 to 0 by stream within 5000"),
        (Ways::StreamFirst, Serving, Out, "send 0 to 0 within 5000"),
        (Ways::StreamFirst, Serving, Suspect, "send 0 to 0 within 5000"),
        (Ways::StreamFirst, Suspect, Suspect, "send 0 to 0 by stream within 5000"),
        (Ways::Http, Out, Serving, ""),
    ] {
        let mut view = nodes(1);
        (view.nodes[0].http, view.nodes[0].stream) = (http, stream);
        let mut desk = Desk::with(view, route("eth_blockNumber", "[]"), LIMITS, ways);
        assert_eq!(targets(&mut desk), expected, "{ways:?} {http:?} {stream:?}");
    }
}

#[test]
fn a_way_that_broke_is_gone_round() {
    let mut view = nodes(2);
    view.nodes.iter_mut().for_each(|node| node.stream = Standing::Serving);
    let mut desk = Desk::with(view, route("eth_blockNumber", "[]"), LIMITS, Ways::StreamFirst);
    assert_told!(desk.start(), "send 0 to 0 by stream within 1000");
    assert_told!(desk.failed(0, Fault::Closed), "send 1 to 1 by stream within 5000");
    assert_told!(desk.failed(1, Fault::Closed), "send 2 to 0 within 5000");
    assert_told!(desk.failed(2, Fault::Closed), "send 3 to 1 within 5000");
    assert_told!(desk.failed(3, Fault::Closed));
    assert_eq!(desk.wakes_at(), Some(50));
}

#[test]
fn a_pause_is_for_the_node_by_whatever_way() {
    let mut view = nodes(1);
    view.nodes[0].stream = Standing::Serving;
    let mut desk = Desk::with(view, route("eth_blockNumber", "[]"), LIMITS, Ways::StreamFirst);
    desk.start();
    assert_told!(desk.failed(0, Fault::RateLimited { retry_after_ms: Some(700) }));
    assert_eq!(desk.wakes_at(), Some(700));
}
