//! Nodes with moods, a view that changes, and calls that are stepped as a driver steps them, and worse: late, twice,
//! and too often.

use std::collections::BTreeMap;

use super::super::*;
use super::invariants::Watched;

const CALLS: usize = 25;
const NODES_MAX: u64 = 5;

/// What a node does with most requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Good,
    Slow,
    Hangs,
    Breaks,
    Complains,
    Anything,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    Anything,
    /// The first node is well, the others are not, and calls only read.
    OneIsGood,
}

/// What happens at a moment.
#[derive(Debug, Clone, Copy)]
enum Event {
    Begin(usize),
    Say(usize, CallInput),
    Wake(usize),
    View,
}

pub(super) struct Random(u64);

/// A transaction of one call, as the nodes have it.
#[derive(Debug, Clone, Copy, Default)]
struct Fate {
    taken_by: NodeSet,
    /// In a block, or its nonce is in one.
    is_mined: bool,
    is_replaced: bool,
}

pub(super) struct World {
    plan: Plan,
    random: Random,
    now: Millis,
    view: View,
    moods: Vec<Mood>,
    pace: Pace,
    calls: Vec<Watched>,
    fates: Vec<Fate>,
    queue: BTreeMap<(Millis, u64), Event>,
    events: u64,
}

impl Random {
    pub(super) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }

    fn one_in(&mut self, most: u64) -> bool {
        self.below(most) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

impl World {
    pub(super) fn run(seed: u64, plan: Plan) {
        let mut world = Self::new(seed, plan);
        while let Some(((now, _), event)) = world.queue.pop_first() {
            world.now = now;
            world.happen(event);
        }
        for (at, call) in world.calls.iter().enumerate() {
            assert!(call.call.is_done(), "seed {seed}: call {at} has no answer");
            let is_well = plan == Plan::Anything || call.told == Some(AnswerKind::Value);
            assert!(is_well, "seed {seed}: call {at} was told {:?} though one node is well", call.told);
        }
        let hedges: u64 = world.calls.iter().map(|call| call.hedges).sum();
        assert!(hedges * 20 <= CALLS as u64, "seed {seed}: too many hedges");
    }

    fn new(seed: u64, plan: Plan) -> Self {
        let mut random = Random(seed.wrapping_mul(0x1234_5678_9abc_def1));
        let count = 1 + random.below(NODES_MAX);
        let moods =
            [Mood::Good, Mood::Good, Mood::Slow, Mood::Hangs, Mood::Breaks, Mood::Complains, Mood::Anything];
        let mut moods: Vec<Mood> = (0..count).map(|_| random.of(&moods)).collect();
        let tiers = [Tier::Primary, Tier::Primary, Tier::Backup];
        let nodes = (0..count as u8).map(|id| node(id, random.of(&tiers))).collect();
        let delay = HedgeDelay { min_ms: 1 + random.below(100), max_ms: 100, half_life_ms: 1_000 };
        let retries = match plan {
            Plan::Anything => Budget::new(200, random.below(10), 1 + random.below(50)),
            Plan::OneIsGood => Budget::new(200, 20, 100),
        };
        let pace = Pace::new(retries, Budget::new(50, 0, 10), delay);
        if plan == Plan::OneIsGood {
            let bad = [Mood::Hangs, Mood::Breaks, Mood::Complains];
            moods = (0..count).map(|id| if id == 0 { Mood::Good } else { random.of(&bad) }).collect();
        }
        let (calls, fates, queue) = (Vec::new(), vec![Fate::default(); CALLS], BTreeMap::new());
        let (view, now) = (view(nodes), Millis(0));
        let mut world = Self { plan, random, now, view, moods, pace, calls, fates, queue, events: 0 };
        for at in 0..CALLS {
            world.add_call(seed, at);
        }
        let changes = if plan == Plan::OneIsGood { 0 } else { world.random.below(8) };
        for _ in 0..changes {
            world.at(now, 3_000, Event::View);
        }
        world
    }

    fn add_call(&mut self, seed: u64, at: usize) {
        let hash = testing::hash(1, HEAD);
        let transaction = format!("[\"0x01{at:04x}\"]");
        let kind = if self.plan == Plan::OneIsGood { 0 } else { self.random.below(10) };
        let (method, params) = match kind {
            0 | 1 => ("eth_blockNumber", "[]".to_owned()),
            2 => ("eth_getTransactionReceipt", "[\"0x1\"]".to_owned()),
            3 => ("eth_getBlockByHash", format!("[\"{hash}\"]")),
            4 => ("eth_getBlockByNumber", format!("[\"{:#x}\"]", HEAD - 2 + self.random.below(5))),
            5 => ("eth_chainId", "[]".to_owned()),
            6 => ("x_launch", "[]".to_owned()),
            7 => ("eth_getFilterChanges", "[\"0x1\"]".to_owned()),
            _ => ("eth_sendRawTransaction", transaction),
        };
        let hedge = !self.random.one_in(3);
        let limits = match self.plan {
            Plan::Anything => CallLimits {
                deadline_ms: 1 + self.random.below(5_000),
                attempt_ms: 1 + self.random.below(1_000),
                attempts_max: 1 + self.random.below(8) as u32,
                hedge,
                broadcast: self.random.one_in(3),
            },
            Plan::OneIsGood => CallLimits {
                deadline_ms: 5_000,
                attempt_ms: 700,
                attempts_max: 2 * NODES_MAX as u32,
                hedge,
                broadcast: false,
            },
        };
        let ways = self.random.of(&[Ways::Http, Ways::StreamFirst]);
        let begins = Millis(self.random.below(3_000));
        self.fates[at].is_replaced = self.random.one_in(10);
        self.calls.push(Watched::new(seed, at, begins, route(method, &params), limits, ways));
        self.at(begins, 1, Event::Begin(at));
    }

    /// At some time after a moment.
    fn at(&mut self, from: Millis, spread_ms: u64, event: Event) {
        let at = from.plus(self.random.below(spread_ms.max(1)));
        self.events += 1;
        self.queue.insert((at, self.events), event);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Begin(call) => self.step(call, CallInput::Start),
            Event::Say(call, input) => self.step(call, input),
            Event::Wake(call) => self.step(call, CallInput::Time),
            Event::View => self.change_the_view(),
        }
    }

    fn change_the_view(&mut self) {
        use Standing::{Draining, Out, Serving, Silent, Suspect};
        let standings = [Serving, Serving, Draining, Suspect, Silent, Out];
        for node in &mut self.view.nodes {
            (node.http, node.stream) = (self.random.of(&standings), self.random.of(&standings));
            node.head = HEAD - 3 + self.random.below(4);
        }
        if self.random.one_in(4) {
            let holders = (0..2).map(|_| NodeId(self.random.below(NODES_MAX) as u8)).collect();
            let holders = BTreeMap::from([(testing::hash(1, HEAD), holders)]);
            self.view.recent = Arc::new(Recent { holders });
        }
        for call in 0..self.calls.len() {
            if self.calls[call].is_begun {
                self.step(call, CallInput::ViewChanged);
            }
        }
    }

    fn step(&mut self, at: usize, input: CallInput) {
        let accepted = self.fates[at].taken_by;
        let effects = self.calls[at].step(self.now, &self.view, &mut self.pace, input, accepted);
        for effect in effects {
            match effect {
                CallEffect::Send { attempt, node, .. } => self.serve(at, attempt, node),
                CallEffect::LookUp { attempt, node, .. } => self.look(at, attempt, node),
                _ => {}
            }
        }
        let wake_at = self.calls[at].call.wake_at();
        if let Some(wake_at) = wake_at.filter(|_| wake_at != self.calls[at].woken_at) {
            self.at(wake_at, 1, Event::Wake(at));
        }
        self.calls[at].woken_at = wake_at;
    }

    /// What the node does with a request, and what is heard of it and when: in time, late, twice or never.
    fn serve(&mut self, at: usize, attempt: u32, node: NodeId) {
        let mood = self.moods[usize::from(node.0)];
        let after_ms = match mood {
            Mood::Slow => 2_000,
            Mood::Good => 20,
            _ => 600,
        };
        let Some(input) = self.outcome(at, attempt, node, mood) else { return };
        self.at(self.now, after_ms, Event::Say(at, input));
        if self.random.one_in(10) {
            self.at(self.now, 2 * after_ms, Event::Say(at, input));
        }
    }

    fn outcome(&mut self, at: usize, attempt: u32, node: NodeId, mood: Mood) -> Option<CallInput> {
        let faults = [
            Fault::Refused,
            Fault::DialTimeout,
            Fault::Reset,
            Fault::Closed,
            Fault::Timeout,
            Fault::Status(503),
            Fault::Status(404),
            Fault::RateLimited { retry_after_ms: None },
            Fault::RateLimited { retry_after_ms: Some(30) },
            Fault::Malformed,
        ];
        let mood = if mood == Mood::Anything {
            self.random.of(&[Mood::Good, Mood::Hangs, Mood::Breaks, Mood::Complains])
        } else {
            mood
        };
        match mood {
            Mood::Hangs => {
                self.may_take(at, node);
                None
            }
            Mood::Breaks => {
                let fault = self.random.of(&faults);
                if may_have_acted(fault) {
                    self.may_take(at, node);
                }
                Some(CallInput::Failed { attempt, fault })
            }
            Mood::Good | Mood::Slow | Mood::Complains | Mood::Anything => {
                let answer = self.answer(at, node, mood == Mood::Complains);
                Some(CallInput::Answered { attempt, answer })
            }
        }
    }

    fn answer(&mut self, at: usize, node: NodeId, complains: bool) -> AnswerKind {
        let own_faults =
            [Fault::NodeError, Fault::Missing, Fault::Behind, Fault::RateLimited { retry_after_ms: None }];
        if complains {
            let fault = Meaning::NodeFault(self.random.of(&own_faults));
            if self.plan == Plan::OneIsGood {
                return AnswerKind::Error(self.random.of(&[Meaning::MethodMissing, fault]));
            }
            return AnswerKind::Error(self.random.of(&[Meaning::Answer, Meaning::MethodMissing, fault]));
        }
        if self.is_well(node) {
            return AnswerKind::Value;
        }
        if self.calls[at].is_transaction() {
            let fate = self.fates[at];
            if fate.is_replaced || (fate.is_mined && fate.taken_by.contains(node)) {
                return AnswerKind::Error(Meaning::NonceTooLow);
            }
            if fate.taken_by.contains(node) {
                return AnswerKind::Error(Meaning::AlreadyKnown);
            }
            self.fates[at].taken_by.insert(node);
            return AnswerKind::Value;
        }
        self.random.of(&[AnswerKind::Value, AnswerKind::Value, AnswerKind::Null])
    }

    /// The good node of the plan of that name has everything.
    fn is_well(&self, node: NodeId) -> bool {
        self.plan == Plan::OneIsGood && node.0 == 0
    }

    /// It took the transaction, though nobody hears of it.
    fn may_take(&mut self, at: usize, node: NodeId) {
        if self.calls[at].is_transaction() && !self.fates[at].is_replaced && self.random.one_in(2) {
            self.fates[at].taken_by.insert(node);
            self.fates[at].is_mined |= self.random.one_in(3);
        }
    }

    fn look(&mut self, at: usize, attempt: u32, node: NodeId) {
        let is_found = self.fates[at].taken_by.contains(node);
        let answer = if is_found { AnswerKind::Value } else { AnswerKind::Null };
        let input = match self.random.below(4) {
            0 => CallInput::Failed { attempt, fault: Fault::Reset },
            1 => CallInput::Answered { attempt, answer: AnswerKind::Error(Meaning::Answer) },
            _ => CallInput::Answered { attempt, answer },
        };
        if !self.random.one_in(6) {
            self.at(self.now, 300, Event::Say(at, input));
        }
    }
}
