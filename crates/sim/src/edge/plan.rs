//! What a seed makes happen: how many nodes, how slow, which faults and when. It must never know what follows from it.

use devnet::node::{Fault, HeadStyle, IdScheme, NodePlan};
use edge::core::CallLimits;

use crate::Rng;

/// How long faults go on. After it every node is well.
pub(super) const TROUBLE_MS: u64 = 180_000;
/// By then everything has to be as if nothing had been.
pub(super) const END_MS: u64 = TROUBLE_MS + 90_000;
/// Until then clients ask for something now and then.
const ASKED_MS: u64 = TROUBLE_MS + 60_000;

#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) nodes: Vec<NodePlan>,
    /// One way.
    pub(super) latency_ms: Vec<u64>,
    pub(super) block_ms: u64,
    pub(super) clients: usize,
    /// Heads are numbered by their slots, and one is left out before every so many blocks; 0: by themselves.
    pub(super) missed_slot_every: u64,
    pub(super) happenings: Vec<(u64, Happening)>,
    /// So many of the nodes, from the first on, are of the better tier.
    pub(super) primaries: usize,
    pub(super) limits: CallLimits,
    /// A node that is not known well is raced by a second one after so long.
    pub(super) hedge_after_ms: u64,
}

#[derive(Debug, Clone)]
pub(super) enum Happening {
    Fault {
        node: usize,
        fault: Fault,
    },
    Clear {
        node: usize,
    },
    /// The last `depth` blocks are replaced.
    Reorganise {
        depth: u64,
    },
    /// The node tells of so many blocks on top of the head that nobody mined, and has them.
    Invent {
        node: usize,
        blocks: u64,
    },
    ClientComes,
    /// It leaves its subscriptions, and subscribes to something else.
    ClientSubscribesAnew,
    ClientGoes,
    ClientAsks,
    /// The configuration is read again: these nodes, in this order.
    Reload {
        nodes: Vec<usize>,
        /// It has another address from now on.
        moved: Option<usize>,
        /// Other times and limits.
        rules: u64,
    },
    Drain {
        node: usize,
        draining: bool,
    },
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0xed6e);
        let count = 2 + rng.below(3) as usize;
        let nodes: Vec<NodePlan> = (0..count).map(|_| node(&mut rng)).collect();
        let latency_ms = (0..count).map(|_| 1 + rng.below(40)).collect();
        let block_ms = [250, 1_000, 2_000, 12_000][rng.below(4) as usize];
        let mut calls = Rng::new(seed ^ 0xca11);
        let mut plan = Self {
            nodes,
            latency_ms,
            block_ms,
            clients: 2 + rng.below(4) as usize,
            missed_slot_every: 0,
            happenings: Vec::new(),
            primaries: if calls.chance(1, 2) { 1 } else { 1 + calls.below(count as u64) as usize },
            limits: limits(&mut calls),
            hedge_after_ms: [60, 250, 1_000][calls.below(3) as usize],
        };
        // Of three or more one may go its own way: the others outvote it. Of two nobody can say which is right.
        let may_shrink = count >= 3 && rng.chance(1, 2);
        let fork_allowed = count - usize::from(may_shrink) >= 3;
        plan.add_faults(&mut rng, fork_allowed);
        plan.add_reorganisations(&mut rng);
        plan.add_clients(&mut rng);
        plan.add_reloads(&mut rng, may_shrink);
        plan.add_inventions(&mut rng);
        if rng.chance(1, 4) {
            plan.missed_slot_every = 3 + rng.below(20);
        }
        plan.add_calls(&mut calls);
        plan
    }

    pub(super) fn has_slots(&self) -> bool {
        self.missed_slot_every > 0
    }

    fn add_faults(&mut self, rng: &mut Rng, fork_allowed: bool) {
        let mut at = 10_000 + rng.below(5_000);
        while at < TROUBLE_MS - 20_000 {
            let node = rng.below(self.nodes.len() as u64) as usize;
            let lasts = 500 + rng.below(20_000);
            if let Some(fault) = fault(rng, fork_allowed) {
                self.happenings.push((at, Happening::Fault { node, fault }));
                self.happenings.push((at + lasts, Happening::Clear { node }));
            }
            // Now and then a second one begins while the first goes on.
            at += if self.nodes.len() >= 3 {
                lasts + 1_000 + rng.below(10_000)
            } else {
                1_000 + rng.below(20_000)
            };
        }
        self.happenings.extend((0..self.nodes.len()).map(|node| (TROUBLE_MS, Happening::Clear { node })));
    }

    fn add_reorganisations(&mut self, rng: &mut Rng) {
        for _ in 0..rng.below(5) {
            let at = 10_000 + rng.below(TROUBLE_MS);
            let deepest = if rng.chance(1, 4) { 60 } else { 6 };
            self.happenings.push((at, Happening::Reorganise { depth: 1 + rng.below(deepest) }));
        }
    }

    /// Of three or more one may invent: of two nobody could say which is right.
    fn add_inventions(&mut self, rng: &mut Rng) {
        let liar = rng.below(self.nodes.len() as u64) as usize;
        let times = if self.nodes.len() >= 3 { rng.below(4) } else { 0 };
        for _ in 0..times {
            let at = 10_000 + rng.below(TROUBLE_MS - 40_000);
            self.happenings.push((at, Happening::Invent { node: liar, blocks: 1 + rng.below(100) }));
        }
    }

    /// In the end all nodes are there as in the beginning.
    fn add_reloads(&mut self, rng: &mut Rng, may_shrink: bool) {
        let all: Vec<usize> = (0..self.nodes.len()).collect();
        for _ in 0..rng.below(10) {
            let at = 5_000 + rng.below(TROUBLE_MS);
            let mut nodes = all.clone();
            if may_shrink && rng.chance(1, 2) {
                nodes.remove(rng.below(all.len() as u64) as usize);
            }
            if rng.chance(1, 3) {
                nodes.reverse();
            }
            let moved = rng.chance(1, 2).then(|| rng.below(all.len() as u64) as usize);
            self.happenings.push((at, Happening::Reload { nodes, moved, rules: rng.below(4) }));
        }
        for _ in 0..rng.below(3) {
            let (at, node) = (10_000 + rng.below(TROUBLE_MS), rng.below(all.len() as u64) as usize);
            self.happenings.push((at, Happening::Drain { node, draining: true }));
        }
        let back = TROUBLE_MS + 10_000;
        self.happenings
            .extend(all.iter().map(|node| (back, Happening::Drain { node: *node, draining: false })));
        self.happenings.push((back, Happening::Reload { nodes: all, moved: None, rules: 0 }));
    }

    /// Some are under way when something fails, and some come right after it.
    fn add_calls(&mut self, rng: &mut Rng) {
        let mut times: Vec<u64> = (0..40 + rng.below(40)).map(|_| rng.below(ASKED_MS)).collect();
        for (at, happening) in &self.happenings {
            if matches!(happening, Happening::Fault { .. }) {
                times.extend((0..2 + rng.below(4)).map(|_| at - 100 + rng.below(200)));
                times.extend((0..rng.below(4)).map(|_| at + rng.below(3_000)));
            }
        }
        self.happenings.extend(times.into_iter().map(|at| (at, Happening::ClientAsks)));
    }

    fn add_clients(&mut self, rng: &mut Rng) {
        for _ in 0..rng.below(12) {
            let at = 5_000 + rng.below(TROUBLE_MS);
            let happening = match rng.below(4) {
                0 | 1 => Happening::ClientComes,
                2 => Happening::ClientSubscribesAnew,
                _ => Happening::ClientGoes,
            };
            self.happenings.push((at, happening));
        }
    }
}

fn node(rng: &mut Rng) -> NodePlan {
    NodePlan {
        ids: if rng.chance(1, 2) { IdScheme::Random } else { IdScheme::Counter },
        heads: if rng.chance(1, 3) { HeadStyle::Newest } else { HeadStyle::Every },
        lag_ms: rng.below(200),
        data_lag_ms: if rng.chance(1, 2) { rng.below(300) } else { 0 },
        ..NodePlan::default()
    }
}

fn limits(rng: &mut Rng) -> CallLimits {
    CallLimits {
        deadline_ms: [4_000, 6_000, 9_000][rng.below(3) as usize],
        attempt_ms: [800, 2_000][rng.below(2) as usize],
        attempts_max: [4, 8][rng.below(2) as usize],
        hedge: !rng.chance(1, 8),
        broadcast: rng.chance(1, 2),
    }
}

fn fault(rng: &mut Rng, fork_allowed: bool) -> Option<Fault> {
    let of_requests = |fault: u64| match fault {
        0 => Fault::Status { status: 500, retry_after_s: None },
        1 => Fault::Status { status: 429, retry_after_s: Some(1) },
        2 => Fault::Error { code: -32603, message: "internal error".to_owned(), data: None },
        3 => Fault::Truncate { bytes: 20 },
        4 => Fault::Malformed,
        5 => Fault::Null,
        6 => Fault::Reset,
        7 => Fault::Silent,
        _ => Fault::Slow { ms: 700 },
    };
    Some(match rng.below(18) {
        0 | 1 => Fault::Kill,
        2 => Fault::Stop,
        3 | 4 => Fault::Freeze,
        5 => Fault::HangDial,
        6 => Fault::WrongChain { chain_id: 5 },
        7 => Fault::LieHead { ahead: 9_000_000 },
        8 if fork_allowed => Fault::OwnFork { depth: rng.below(4) },
        9 => Fault::Lag { blocks: 1 + rng.below(5) },
        10 => Fault::Syncing,
        11 => Fault::Stall { kind: None },
        12 => Fault::CloseSockets { code: 1012, reason: "restart".to_owned() },
        13 => Fault::DropSockets,
        14 => Fault::RefuseSubscriptions,
        15 => [Fault::Duplicate, Fault::Unsolicited, Fault::CounterRestart][rng.below(3) as usize].clone(),
        16 => Fault::Late { ms: 200 + rng.below(3_000) },
        17 => of_requests(rng.below(9)),
        _ => return None,
    })
}
