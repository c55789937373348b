//! Calls that go to other nodes though nothing failed: whoever watches is told why, once, and when it is over.

use super::*;

const NODE: NodeId = NodeId(0);

/// What was told of the node's turns, over HTTP and over its stream.
fn turns(stage: &Stage) -> [Vec<Option<Fault>>; 2] {
    [Transport::Http, Transport::Stream].map(|way| {
        let turn = |told: &Happening| match *told {
            Happening::WentDown { node, transport, fault, others } if node == NODE && transport == way => {
                assert!(others);
                Some(Some(fault))
            }
            Happening::CameBack { node, transport } if node == NODE && transport == way => Some(None),
            _ => None,
        };
        stage.told.iter().filter_map(turn).collect()
    })
}

fn probed(stage: &mut Stage, readiness: Readiness) {
    stage.say(Input::Probed { node: NODE, result: Ok(Probe { chain_id: 1, readiness }) });
}

#[test]
fn a_node_that_stops_importing_and_answers_all_the_same_is_told_to_be_behind() {
    let mut stage = Stage::new(2);
    for number in 2..=20 {
        stage.pass(1_000);
        stage.mine(1, 0, number);
    }
    assert_eq!(stage.standing(0), (Standing::Suspect, Standing::Suspect));
    assert_eq!(turns(&stage), [[Some(Fault::Behind)], [Some(Fault::Behind)]]);
    (2..=20).for_each(|number| stage.mine(0, 0, number));
    assert_eq!(stage.standing(0), (Standing::Serving, Standing::Serving));
    assert_eq!(turns(&stage), [[Some(Fault::Behind), None], [Some(Fault::Behind), None]]);
}

/// What it has is out of sight by then.
#[test]
fn a_node_that_stays_behind_for_long_is_told_once() {
    let mut stage = Stage::new(2);
    for number in 2..=400 {
        stage.pass(1_000);
        stage.mine(1, 0, number);
    }
    assert_eq!(turns(&stage), [[Some(Fault::Behind)], [Some(Fault::Behind)]]);
}

#[test]
fn a_node_that_syncs_or_is_impaired_is_told_to_be_behind_until_it_is_ready() {
    for readiness in [Readiness::Syncing, Readiness::Impaired] {
        let mut stage = Stage::new(2);
        probed(&mut stage, readiness);
        probed(&mut stage, readiness);
        assert_eq!(turns(&stage), [[Some(Fault::Behind)], [Some(Fault::Behind)]], "{readiness:?}");
        probed(&mut stage, Readiness::Ready);
        assert_eq!(turns(&stage)[0], [Some(Fault::Behind), None], "{readiness:?}");
        assert_eq!(turns(&stage)[1], [Some(Fault::Behind), None], "{readiness:?}");
    }
}

#[test]
fn a_node_that_asks_for_a_pause_is_told_to_and_to_be_back_after_it() {
    let mut stage = Stage::new(2);
    for ms in [4_000, 5_000] {
        let limited = Fault::RateLimited { retry_after_ms: Some(ms) };
        stage.say(Input::Traffic { node: NODE, transport: Transport::Http, result: Err(limited) });
    }
    let classes = |stage: &Stage| {
        turns(stage).map(|turns| turns.iter().map(|fault| fault.map(Fault::class)).collect::<Vec<_>>())
    };
    let paused: [Vec<_>; 2] = [vec![Some("rate_limited")], vec![Some("rate_limited")]];
    assert_eq!(classes(&stage), paused);
    stage.pass(5_000);
    assert_eq!(stage.standing(0), (Standing::Serving, Standing::Serving));
    assert_eq!(classes(&stage), paused.map(|paused| [paused, vec![None]].concat()));
}

#[test]
fn why_others_are_asked_first_for_a_moment_is_told_and_nobody_is_told_to_be_down() {
    let doubts = |stage: &Stage| {
        let doubt = |told: &Happening| match *told {
            Happening::Doubted { node: NODE, transport, fault } => Some((transport, fault)),
            _ => None,
        };
        stage.told.iter().filter_map(doubt).collect::<Vec<_>>()
    };
    let mut stage = Stage::new(2);
    stage.told.clear();
    stage.peers[0].is_mute = true;
    let at = stage.now;
    stage.pool.step(at, Input::Overdue { node: NODE, via: Transport::Http });
    stage.now = at.plus(30);
    stage.say(Input::Time);
    assert_eq!(stage.standing(0).0, Standing::Silent);
    assert_eq!(doubts(&stage), [(Transport::Http, Fault::Timeout)]);
    stage.say(Input::Traffic { node: NODE, transport: Transport::Http, result: Ok(()) });
    stage.peers[0].is_mute = false;
    for _ in 0..2 {
        let result = Err(Fault::Status(500));
        stage.say(Input::Traffic { node: NODE, transport: Transport::Http, result });
    }
    assert_eq!(stage.standing(0).0, Standing::Suspect);
    assert_eq!(doubts(&stage)[1..], [(Transport::Http, Fault::Status(500))]);
    assert_eq!(turns(&stage), [vec![], vec![]]);
}

/// What it fails with next is told as well, and that it is back is told once.
#[test]
fn a_node_that_is_behind_and_then_dies_is_told_to_be_down_for_that() {
    let mut stage = Stage::new(2);
    probed(&mut stage, Readiness::Syncing);
    stage.kill(0);
    assert_eq!(turns(&stage)[0], [Some(Fault::Behind), Some(Fault::Refused)]);
    stage.peers[0].is_dead = false;
    probed(&mut stage, Readiness::Ready);
    assert_eq!(turns(&stage)[0], [Some(Fault::Behind), Some(Fault::Refused), None]);
}

/// Before its blocks were asked for nobody knows whether it is behind.
#[test]
fn nobody_is_told_to_be_behind_for_having_just_come() {
    let mut stage = Stage::new(2);
    (2..=20).for_each(|number| (0..2).for_each(|node| stage.mine(node, 0, number)));
    stage.kill(0);
    stage.told.clear();
    stage.peers[0].is_dead = false;
    probed(&mut stage, Readiness::Ready);
    stage.say(Input::Connected { node: NODE });
    stage.mine(0, 0, 21);
    stage.pass(60_000);
    // A stream that was lost once is not down yet.
    assert_eq!(turns(&stage), [vec![None], vec![]]);
}

/// It was asked when the pause after the last look was over; and until then nobody could be asked for the head.
#[test]
fn what_a_lone_node_has_is_looked_at_as_soon_as_it_is_back() {
    let mut stage = Stage::new(1);
    let mut settings = settings(1);
    settings.chain.block_time_ms = 12_000;
    stage.say(Input::Configure(Box::new(settings)));
    stage.mine(0, 0, 2);
    stage.peers[0].is_dead = true;
    let refused = Err(Fault::Refused);
    stage.say(Input::Traffic { node: NodeId(0), transport: Transport::Http, result: refused });
    assert_eq!(stage.pool.view().nodes[0].head, 0);
    stage.pass(2_500);
    stage.peers[0].is_dead = false;
    while !stage.told.iter().any(|told| matches!(told, Happening::CameBack { .. })) {
        stage.now = stage.pool.wake_at(stage.now).expect("it is looked at again");
        stage.say(Input::Time);
    }
    assert_eq!(stage.pool.view().nodes[0].head, 2);
}
