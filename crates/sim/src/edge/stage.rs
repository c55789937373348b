//! The loop of a trial: one queue of everything that is under way, by its time. It must never hold an opinion on what a
//! client is told; that is the client's.

mod brief;
mod calls;
mod clients;
mod inventions;
mod judge;
mod nodes;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use devnet::node::{Action, ConnectionId};
use edge::core::chain::{BloomUse, ChainSettings};
use edge::core::health::HealthTimes;
use edge::core::pool::{Effect, Happening as Told, Heads, Input, NodeSettings, Pool, PoolSettings};
use edge::core::streams::StreamLimits;
use edge::core::tracker::Numbering;
use edge::core::{Block, Fault, Hash, Millis, NodeId, SessionId, Tier, View};

use super::Tally;
use super::client::Client;
use super::net::{CHAIN_ID, Net, Response};
use super::plan::{END_MS, Happening, Plan};
use crate::Rng;
use brief::Brief;
use calls::{Calls, OfCall};
use judge::Watched;
use nodes::Members;

const ATTEMPT_MS: u64 = 2_000;
const DIAL_MS: u64 = 2_000;
const REDIAL_MS: u64 = 500;

/// Why a node is asked something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Probe,
    Poll,
    Block(Hash),
    Logs(Hash),
}

#[derive(Debug, Clone)]
enum Event {
    Plan(usize),
    Mine,
    Dial {
        node: usize,
        attempt: u64,
    },
    /// A dial arrives at the node, or its time is over.
    Arrive {
        node: usize,
        attempt: u64,
    },
    Ask {
        node: usize,
        id: NodeId,
        purpose: Purpose,
    },
    Come {
        node: usize,
        id: NodeId,
        life: u64,
        purpose: Purpose,
        response: Response,
        syncing: Option<Response>,
    },
    Frame {
        node: usize,
        connection: ConnectionId,
        action: Action,
    },
    /// A liar answers for what it invented, or a call tells what it met with.
    Say(Input),
    OfCall(OfCall),
    Pong {
        node: usize,
        attempt: u64,
    },
    Lost {
        node: usize,
        attempt: u64,
        fault: Fault,
    },
    /// Nobody speaks any more of a node that left.
    Left {
        id: NodeId,
    },
}

#[derive(Debug, Default)]
struct Link {
    /// Counts dials; what belongs to an earlier one is late.
    attempt: u64,
    connection: Option<ConnectionId>,
    subscription: Option<String>,
    /// A connection keeps its order.
    last_frame_ms: u64,
    /// Calls that wait for answers over it, by their ids there.
    waiting: BTreeMap<u64, (u64, u32)>,
    asked: u64,
}

pub(super) struct Stage {
    plan: Plan,
    rng: Rng,
    now: u64,
    net: Net,
    pool: Pool,
    queue: BTreeMap<(u64, u64), Event>,
    queued: u64,
    links: Vec<Link>,
    members: Members,
    seed: u64,
    clients: BTreeMap<SessionId, Client>,
    sessions: u64,
    subscription_ids: BTreeSet<u128>,
    /// What calls go by.
    published: Arc<View>,
    is_view_new: bool,
    calls: Calls,
    watched: Watched,
    invented: BTreeMap<(usize, Hash), Block>,
    tally: Tally,
    lines: Option<Vec<String>>,
    wrong: Option<String>,
}

impl Stage {
    pub(super) fn new(seed: u64, plan: Plan) -> Result<Self, String> {
        let net = Net::new(seed, &plan).map_err(|error| error.to_string())?;
        let members = Members::new(plan.nodes.len());
        let pool = Pool::new(settings(seed, &plan, &members, 0));
        let links = plan.nodes.iter().map(|_| Link::default()).collect();
        let mut stage = Self {
            rng: Rng::new(seed ^ 0x57a6e),
            now: 0,
            net,
            pool,
            queue: BTreeMap::new(),
            queued: 0,
            links,
            members,
            seed,
            clients: BTreeMap::new(),
            sessions: 0,
            subscription_ids: BTreeSet::new(),
            published: Arc::default(),
            is_view_new: false,
            calls: Calls::new(seed, &plan),
            invented: BTreeMap::new(),
            watched: Watched::new(plan.nodes.len()),
            tally: Tally { by_slots: u64::from(plan.has_slots()), ..Tally::default() },
            lines: None,
            wrong: None,
            plan,
        };
        (0..stage.plan.nodes.len()).for_each(|node| stage.at(0, Event::Dial { node, attempt: 0 }));
        let happenings: Vec<u64> = stage.plan.happenings.iter().map(|(at, _)| *at).collect();
        happenings.into_iter().enumerate().for_each(|(which, at)| stage.at(at, Event::Plan(which)));
        stage.at(stage.plan.block_ms, Event::Mine);
        Ok(stage)
    }

    pub(super) fn tell(&mut self) {
        self.lines = Some(Vec::new());
    }

    pub(super) fn lines(&mut self) -> Vec<String> {
        self.lines.take().unwrap_or_default()
    }

    pub(super) fn now(&self) -> u64 {
        self.now
    }

    pub(super) fn run(&mut self) -> Result<Tally, String> {
        self.say(Input::Time);
        (0..self.plan.clients).for_each(|_| self.client_comes());
        while let Some(at) = self.next().filter(|at| *at <= END_MS) {
            if at < self.now {
                return Err("time went back".to_owned());
            }
            self.now = at;
            match self.queue.first_key_value().map(|(key, _)| *key).filter(|(due, _)| *due <= at) {
                Some(key) => {
                    if let Some(event) = self.queue.remove(&key) {
                        self.happen(event);
                    }
                }
                None => {
                    self.watched.woke();
                    self.say(Input::Time);
                }
            }
            let pushed = self.net.network.advance(self.now);
            self.push(pushed);
            if let Some(wrong) = self.wrong.take() {
                return Err(wrong);
            }
        }
        self.judge()?;
        Ok(self.tally)
    }

    fn next(&self) -> Option<u64> {
        let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
        let pool = self.pool.wake_at(Millis(self.now)).map(|at| at.0);
        let net = self.net.network.due(self.now).map(|at| at.max(self.now + 1));
        [queued, pool, net].into_iter().flatten().min()
    }

    fn at(&mut self, at: u64, event: Event) {
        self.queued += 1;
        self.queue.insert((at, self.queued), event);
    }

    /// One way to a node or back, now.
    fn way_ms(&mut self, node: usize) -> u64 {
        let latency = self.plan.latency_ms[node];
        latency + self.rng.below(latency / 4 + 1)
    }

    fn note(&mut self, what: impl Debug) {
        let now = self.now;
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{now:>7} {what:?}"));
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Plan(which) => {
                let happening = self.plan.happenings[which].1.clone();
                self.note(&happening);
                self.happen_as_planned(happening);
            }
            Event::Mine => {
                let (_, pushed) = self.net.network.mine(self.now);
                self.push(pushed);
                self.tally.mined += 1;
                self.judge_progress();
                self.at(self.now + self.plan.block_ms, Event::Mine);
            }
            Event::Dial { node, attempt } if self.links[node].attempt == attempt => self.dial(node),
            Event::Arrive { node, attempt } => self.arrive(node, attempt),
            Event::Ask { node, id, purpose } => match self.invented(node, purpose) {
                Some(block) => self.answer_with_invented(node, id, block),
                None => self.ask(node, id, purpose),
            },
            Event::Say(input) => self.say(input),
            Event::OfCall(happening) => self.happen_to_call(happening),
            Event::Come { node, id, life, purpose, response, syncing } => {
                let is_late = self.net.lives[node] != life;
                let response = if is_late { Response::Reset { at_ms: 0 } } else { response };
                self.come(id, purpose, &response, syncing.as_ref());
            }
            Event::Frame { node, connection, action } => self.frame(node, connection, action),
            Event::Pong { node, attempt } if self.links[node].attempt == attempt => {
                self.say(Input::Pong { node: self.members.id(node) })
            }
            Event::Lost { node, attempt, fault } if self.links[node].attempt == attempt => {
                self.lost(node, fault)
            }
            Event::Left { id } => {
                self.members.is_done(id);
                self.say(Input::Left { node: id });
            }
            Event::Dial { .. } | Event::Pong { .. } | Event::Lost { .. } => {}
        }
    }

    fn happen_as_planned(&mut self, happening: Happening) {
        match happening {
            Happening::Fault { .. } if self.watched.is_quiet(self.now) => {}
            Happening::Fault { node, fault } => {
                self.tally.faults += 1;
                self.watched.fails(node, &fault);
                let life = self.net.lives[node];
                let pushed = self.net.set(node, &fault, self.now);
                self.push(pushed);
                if self.net.lives[node] != life {
                    self.cut_calls(node);
                }
            }
            Happening::Clear { node } => {
                self.watched.is_well(node, self.now, self.plan.block_ms);
                let pushed = self.net.clear(node, self.now);
                self.push(pushed);
                self.goes_on(node);
            }
            Happening::Reorganise { depth } => {
                let pushed = self.net.reorganise(depth, self.now);
                self.tally.reorganisations += u64::from(pushed.is_some());
                self.push(pushed.unwrap_or_default());
            }
            Happening::Reload { .. } if self.watched.is_quiet(self.now) => {}
            Happening::Reload { nodes, moved, rules } => self.reload(&nodes, moved, rules),
            Happening::Drain { node, draining } => {
                let node = self.members.id(node);
                self.say(Input::Drain { node, draining });
            }
            Happening::Invent { node, blocks } => self.invent(node, blocks),
            Happening::ClientComes => self.client_comes(),
            Happening::ClientSubscribesAnew => self.client_subscribes_anew(),
            Happening::ClientAsks => self.client_asks(),
            Happening::ClientGoes => {
                if let Some((session, _)) = self.clients.pop_first() {
                    self.say(Input::SessionEnded { session });
                }
            }
        }
    }

    fn say(&mut self, input: Input) {
        self.note(Brief(&input));
        let effects = self.pool.step(Millis(self.now), input);
        for effect in effects {
            self.carry_out(effect);
        }
        let settled = self.clients.values_mut().try_for_each(Client::settled);
        self.wrong = self.wrong.take().or(settled.err());
        if std::mem::take(&mut self.is_view_new) {
            self.view_changed();
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        let asked = match &effect {
            Effect::Probe { node } => Some((*node, Purpose::Probe)),
            Effect::Poll { node } => Some((*node, Purpose::Poll)),
            Effect::FetchBlock { node, hash } => Some((*node, Purpose::Block(*hash))),
            Effect::FetchLogs { node, hash } => Some((*node, Purpose::Logs(*hash))),
            _ => None,
        };
        if let Some((node, purpose)) = asked {
            let (id, Some(node)) = (node, self.members.node(node)) else {
                self.wrong.get_or_insert(format!("node {} is asked and is not there", node.0));
                return;
            };
            let way = self.way_ms(node);
            return self.at(self.now + way, Event::Ask { node, id, purpose });
        }
        match effect {
            Effect::Ping { node } => {
                if let Some(node) = self.members.node(node) {
                    self.ping(node);
                }
            }
            Effect::Redial { node } => {
                let Some(node) = self.members.node(node) else { return };
                self.hang_up(node);
                let attempt = self.links[node].attempt;
                self.at(self.now + 1, Event::Dial { node, attempt });
            }
            Effect::Subscribed { session, ticket, subscription } => {
                if !self.subscription_ids.insert(subscription.0) {
                    self.wrong = Some(format!("{subscription} is given twice"));
                }
                if let Some(client) = self.clients.get_mut(&session) {
                    let place = if ticket == 0 { &mut client.heads } else { &mut client.logs };
                    *place = Some(subscription);
                }
            }
            Effect::Deliver { stream, item, announced } => self.deliver(stream, &item, announced),
            Effect::EndSession { session, .. } => {
                self.clients.entry(session).and_modify(|client| client.ended = true);
            }
            Effect::Publish(view) => {
                self.published = view;
                self.is_view_new = true;
            }
            Effect::Tell(told) => self.count(told),
            _ => {}
        }
    }

    fn count(&mut self, told: Told) {
        self.note(told);
        match told {
            Told::WentDown { .. } => self.tally.went_down += 1,
            Told::Lied { node } => {
                self.tally.lies += 1;
                self.judge_lie(node);
            }
            Told::Bridged { blocks } => self.tally.bridged += blocks,
            Told::Jumped { from, to } => {
                self.tally.jumps += 1;
                self.wrong.get_or_insert(format!("blocks {} to {} are not bridged", from.number, to.number));
            }
            _ => {}
        }
    }
}

/// `rules` makes them differ in what a configuration can change.
fn settings(seed: u64, plan: &Plan, members: &Members, rules: u64) -> PoolSettings {
    let node = |(at, id): (usize, NodeId)| NodeSettings {
        id,
        tier: if at < plan.primaries { Tier::Primary } else { Tier::Backup },
        weight: 1,
        attempt_ms: 10_000,
    };
    PoolSettings {
        heads: Heads::Followed,
        chain: ChainSettings {
            numbering: if plan.has_slots() { Numbering::Sparse } else { Numbering::Dense },
            block_time_ms: plan.block_ms,
            gap_blocks_max: 1_024,
            first_head_wait_ms: 2_000,
            bloom: BloomUse::Trusted,
        },
        health: HealthTimes {
            failback_after_ms: 10_000 + 1_000 * rules,
            shunned_ms: 20_000,
            ..HealthTimes::default()
        },
        streams: StreamLimits { per_session_max: 8, per_pool_max: 1_000, linger_ms: 1_000 },
        chain_id: Some(CHAIN_ID),
        nodes: members.seated().map(node).collect(),
        probe_ms: 5_000 - 500 * rules,
        stall_after_ms: (3 * plan.block_ms).min(5_000),
        lag_blocks_max: 8 - rules,
        seed,
    }
}
