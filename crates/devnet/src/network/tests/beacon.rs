//! The consensus face over the pure door.

use super::*;

fn get(net: &mut Net, node: usize, path: &str) -> (u16, Value) {
    match net.network.beacon(node, path, "", net.now_ms) {
        BeaconReply::Reply(Reply::Answer(answer)) => {
            (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
        }
        other => panic!("{other:?}"),
    }
}

fn listen(net: &mut Net, query: &str) -> ConnectionId {
    match net.network.beacon(0, "/eth/v1/events", query, net.now_ms) {
        BeaconReply::Stream { connection, .. } => connection,
        other => panic!("{other:?}"),
    }
}

/// Topics and documents of what is pushed to event streams.
fn events(pushed: &[Pushed]) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for pushed in pushed.iter().filter(|pushed| pushed.push.face == Face::Consensus) {
        let Action::Send(bytes) = &pushed.push.action else { continue };
        for event in std::str::from_utf8(bytes).unwrap().split_terminator("\n\n") {
            let (topic, data) = event.split_once('\n').unwrap();
            let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            found.push((topic.strip_prefix("event: ").unwrap().to_owned(), data));
        }
    }
    found
}

#[test]
fn health_and_version() {
    let mut net = Net::plain();
    assert_eq!(get(&mut net, 0, "/eth/v1/node/health"), (200, Value::Null));
    let (_, version) = get(&mut net, 0, "/eth/v1/node/version");
    assert_eq!(version["data"]["version"], NodePlan::default().consensus_client);
    let (_, peers) = get(&mut net, 0, "/eth/v1/node/peer_count");
    assert_eq!(peers["data"]["connected"], "25");
    let (_, syncing) = get(&mut net, 0, "/eth/v1/node/syncing");
    let expected = json!({
        "head_slot": "10", "sync_distance": "0", "is_syncing": false, "is_optimistic": false, "el_offline": false
    });
    assert_eq!(syncing["data"], expected);
    net.set(0, Fault::SyncDistance { slots: 7 });
    net.set(0, Fault::Optimistic);
    net.set(0, Fault::ElOffline);
    let (_, syncing) = get(&mut net, 0, "/eth/v1/node/syncing");
    let expected = json!({
        "head_slot": "10", "sync_distance": "7", "is_syncing": true, "is_optimistic": true, "el_offline": true
    });
    assert_eq!(syncing["data"], expected);
    assert_eq!(get(&mut net, 0, "/eth/v1/node/health").0, 206);
    assert_eq!(get(&mut net, 1, "/eth/v1/node/health").0, 200);
}

#[test]
fn headers_are_linked_and_missed_slots_are_missing() {
    let plan = Plan { missed_slot_every: 4, blocks_at_start: 0, ..Plan::default() };
    let mut net = Net { network: Network::new(plan).unwrap(), now_ms: 0 };
    (0..9).for_each(|_| _ = net.mine());
    let (_, head) = get(&mut net, 0, "/eth/v1/beacon/headers/head");
    let mut at = head["data"].clone();
    let mut slots = Vec::new();
    while at["header"]["message"]["slot"] != "0" {
        slots.push(at["header"]["message"]["slot"].as_str().unwrap().parse::<u64>().unwrap());
        let parent = at["header"]["message"]["parent_root"].as_str().unwrap().to_owned();
        let (status, header) = get(&mut net, 0, &format!("/eth/v1/beacon/headers/{parent}"));
        assert_eq!((status, &header["data"]["root"]), (200, &json!(parent)));
        at = header["data"].clone();
    }
    assert_eq!(slots, [11, 10, 8, 7, 6, 5, 3, 2, 1]);
    assert_eq!(get(&mut net, 0, "/eth/v1/beacon/headers/4").0, 404);
    let (_, block) = get(&mut net, 0, "/eth/v2/beacon/blocks/5");
    let payload = &block["data"]["message"]["body"]["execution_payload"];
    assert_eq!((&payload["block_number"], &block["version"]), (&json!("4"), &json!("electra")));
}

#[test]
fn what_is_not_there_is_a_problem_in_json() {
    let mut net = Net::plain();
    for (path, status) in [
        ("/eth/v1/beacon/headers/99", 404),
        ("/eth/v1/beacon/headers/x", 400),
        ("/eth/v1/beacon/headers/0x12", 400),
        ("/eth/v1/nothing", 404),
    ] {
        let (found, problem) = get(&mut net, 0, path);
        assert_eq!((found, &problem["code"]), (status, &json!(status)), "{path}");
        assert!(problem["message"].as_str().is_some(), "{path}");
    }
    for query in ["", "topics=", "topics=head,nonsense"] {
        let reply = net.network.beacon(0, "/eth/v1/events", query, 0);
        assert!(matches!(reply, BeaconReply::Reply(Reply::Answer(Answer { status: 400, .. }))), "{query}");
    }
}

#[test]
fn specification_and_genesis() {
    let mut net = Net::plain();
    let (_, spec) = get(&mut net, 0, "/eth/v1/config/spec");
    assert_eq!(
        (&spec["data"]["SECONDS_PER_SLOT"], &spec["data"]["SLOTS_PER_EPOCH"]),
        (&json!("1"), &json!("8"))
    );
    let (_, genesis) = get(&mut net, 0, "/eth/v1/beacon/genesis");
    assert_eq!(genesis["data"]["genesis_time"], "1700000000");
}

#[test]
fn events_come_by_topic_and_are_linked() {
    let mut net = Net::plain();
    let all = listen(&mut net, "topics=head,block,finalized_checkpoint,chain_reorg");
    let heads = listen(&mut net, "topics=head&other=1");
    let (block, pushed) = net.mine();
    let only: Vec<Pushed> = pushed.iter().filter(|one| one.push.connection == heads).cloned().collect();
    assert_eq!(events(&only).iter().map(|(topic, _)| topic.as_str()).collect::<Vec<_>>(), ["head"]);
    assert_eq!(events(&only)[0].1["block"], json!(block.root));
    assert_eq!(events(&only)[0].1["slot"], "11");
    net.network.closed(0, Face::Consensus, heads);
    let pushed: Vec<Pushed> = (0..13).flat_map(|_| net.mine().1).collect();
    assert!(pushed.iter().all(|one| one.push.connection == all));
    let found = events(&pushed);
    let count = |topic: &str| found.iter().filter(|(held, _)| held == topic).count();
    assert_eq!((count("block"), count("head"), count("finalized_checkpoint")), (13, 13, 1));
    let reorg = events(&net.reorganise(3, 4));
    let reorg: Vec<_> = reorg.iter().filter(|(topic, _)| topic == "chain_reorg").collect();
    assert_eq!((reorg.len(), &reorg[0].1["depth"]), (1, &json!("3")));
}

#[test]
fn faults_reach_the_face_that_they_are_for() {
    let mut net = Net::plain();
    listen(&mut net, "topics=head");
    net.set(
        0,
        Switch::from(Fault::Status { status: 500, retry_after_s: None }).for_methods(&["/eth/v1/node/*"]),
    );
    assert_eq!(get(&mut net, 0, "/eth/v1/node/syncing").0, 500);
    assert_eq!(get(&mut net, 0, "/eth/v1/beacon/headers/head").0, 200);
    net.clear(0);
    net.set(0, Switch::from(Fault::Freeze).on(Face::Consensus));
    assert!(events(&net.mine().1).is_empty());
    assert_eq!(net.result(0, "eth_blockNumber", json!([])), "0xb");
    assert_eq!(events(&net.clear(0)).len(), 1);
    let pushed = net.set(0, Switch::from(Fault::Kill).on(Face::Consensus));
    assert!(matches!(
        &pushed[..],
        [Pushed { push: Push { face: Face::Consensus, action: Action::Reset, .. }, .. }]
    ));
    assert_eq!(net.network.gate(0, Face::Execution), Gate::Open);
}
