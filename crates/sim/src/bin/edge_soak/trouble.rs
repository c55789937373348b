//! What goes wrong and what operators do, by a seed: one node at a time has a fault, and now and then the configuration is
//! another one. It must never know what a client sees.

use std::time::Duration;

use devnet::node::{Fault, Switch};
use devnet::served::Devnet;
use sim::Rng;
use tokio::time::{Instant, sleep_until};

use super::NODES;
use super::child::{Edge, Said};
use super::ledger::Ledger;

/// A fault ends so long before the next one begins that the node is trusted again.
const WELL_S: u64 = 8;
/// A node that lied has no say for a minute from when it was found out.
const UNHEARD: Duration = Duration::from_secs(75);

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Troubled {
    pub(crate) faults: u64,
    pub(crate) reloads: u64,
}

/// Until the time is over; then every node is well, and the file as in the beginning.
pub(crate) async fn go_on(
    seed: u64,
    until: Instant,
    (every, reload_every): (Duration, Duration),
    devnet: &Devnet,
    edge: &Edge,
    ledger: &Ledger,
) -> anyhow::Result<Troubled> {
    let mut rng = Rng::new(seed ^ 0x50a4);
    let mut troubled = Troubled::default();
    // What is chosen follows from when things are due, never from when they came to be done: a seed is the same every time.
    let mut begun = Instant::now();
    let (mut said, mut next_reload) = (Said::first(NODES), begun + reload_every);
    let mut lied_at: Option<Instant> = None;
    while begun + every <= until {
        let node = rng.below(NODES as u64) as usize;
        let are_heard = lied_at.is_none_or(|at| begun.duration_since(at) > UNHEARD);
        let (fault, lasts) = (fault(&mut rng, are_heard && said.nodes.len() == NODES), 2 + rng.below(8));
        if matches!(fault.fault, Fault::LieHead { .. }) {
            lied_at = Some(begun);
        }
        tell(&format!("node {node}: {fault:?} for {lasts} s"));
        if let Err(error) = devnet.node(node).set(fault) {
            ledger.wrong(format!("a fault cannot be set: {error}"));
        }
        troubled.faults += 1;
        let clear_at =
            begun + every.saturating_sub(Duration::from_secs(WELL_S)).min(Duration::from_secs(lasts));
        sleep_until(clear_at).await;
        let _ = devnet.node(node).clear(None);
        if rng.chance(1, 5) {
            let _ = devnet.reorganise(1 + rng.below(3), 4);
        }
        let well_at = clear_at + Duration::from_secs(WELL_S / 2);
        sleep_until(well_at).await;
        if well_at >= next_reload {
            next_reload = well_at + reload_every;
            said = other(&mut rng, troubled.reloads);
            tell(&format!("reload: {said:?}"));
            edge.reload(&said, devnet).await?;
            troubled.reloads += 1;
        }
        begun += every;
        sleep_until(begun).await;
    }
    edge.reload(&Said::first(NODES), devnet).await?;
    troubled.reloads += 1;
    sleep_until(until).await;
    Ok(troubled)
}

/// The nodes in another order, one of them under another name or not there, and other limits.
fn other(rng: &mut Rng, reloads: u64) -> Said {
    let mut said = Said::first(NODES);
    rng.shuffle(&mut said.nodes);
    match rng.below(3) {
        0 => _ = said.nodes.pop(),
        1 => said.nodes[0].0 = format!("moved-{reloads}"),
        _ => {}
    }
    said.attempts_max = 4 + rng.below(3);
    said.idle_timeout_s = 60 + rng.below(30);
    said
}

/// Two of three outvote one that goes its own way; of two nobody can say which is right, nor where the third is not heard.
fn fault(rng: &mut Rng, fork_allowed: bool) -> Switch {
    let reads =
        |fault: Fault| Switch::from(fault).for_methods(&["eth_get*", "eth_gasPrice", "eth_blockNumber"]);
    match rng.below(16) {
        0 | 1 => Fault::Kill.into(),
        2 => Fault::Stop.into(),
        3 | 4 => Fault::Freeze.into(),
        5 => Fault::HangDial.into(),
        6 => Fault::Lag { blocks: 1 + rng.below(4) }.into(),
        7 => Fault::LieHead { ahead: 9_000_000 }.into(),
        8 if fork_allowed => Fault::OwnFork { depth: rng.below(3) }.into(),
        8 | 9 => reads(Fault::Status { status: 500, retry_after_s: None }),
        10 => reads(Fault::Status { status: 429, retry_after_s: Some(1) }),
        11 => reads(Fault::Truncate { bytes: 30 }),
        12 => Fault::DropSockets.into(),
        13 => Fault::CloseSockets { code: 1012, reason: "service restart".to_owned() }.into(),
        14 => reads(Fault::Reset),
        _ => Fault::Stall { kind: None }.into(),
    }
}

#[expect(clippy::print_stdout, reason = "whoever reads the log wants to know what was done")]
fn tell(what: &str) {
    println!("  {what}");
}
