//! Calls by script: what is sent where and when, and what the client is told.

mod hedges;
mod random;
mod reads;
mod routes;
mod silence;
mod writes;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::core::{Budget, Head, HedgeDelay, NodeView, Recent, Tier, route_of, testing};

const LIMITS: CallLimits =
    CallLimits { deadline_ms: 10_000, attempt_ms: 1_000, attempts_max: 5, hedge: false, broadcast: false };
/// The head that was announced, and what every node has unless a test says otherwise.
const HEAD: u64 = 100;
const RESET: Fault = Fault::Reset;
const REFUSED: Fault = Fault::Refused;

fn node(id: u8, tier: Tier) -> NodeView {
    let (http, stream) = (Standing::Serving, Standing::Out);
    NodeView { id: NodeId(id), tier, weight: 1, attempt_ms: u64::MAX, http, stream, head: HEAD }
}

fn view(nodes: Vec<NodeView>) -> View {
    let served = Some(Head { number: HEAD, hash: testing::hash(1, HEAD) });
    View { served, nodes, recent: Arc::default() }
}

/// The first is a primary node, the others are backups.
fn nodes(count: u8) -> View {
    let tier = |id| if id == 0 { Tier::Primary } else { Tier::Backup };
    view((0..count).map(|id| node(id, tier(id))).collect())
}

fn pace() -> Pace {
    let delay = HedgeDelay { min_ms: 50, max_ms: 50, half_life_ms: 60_000 };
    Pace::new(Budget::new(200, 1, 1_000), Budget::new(50, 0, 10), delay)
}

fn route(method: &str, params: &str) -> Route {
    route_of(method.as_bytes(), Some(params.as_bytes()))
}

/// One call, and everything around it.
struct Desk {
    call: Call,
    view: View,
    pace: Pace,
    now: Millis,
    /// Attempts that were said to take long; they are not among the effects in words.
    overdue: Vec<u32>,
}

impl Desk {
    fn new(view: View, route: Route, limits: CallLimits) -> Self {
        Self::with(view, route, limits, Ways::Http)
    }

    fn with(view: View, route: Route, limits: CallLimits, ways: Ways) -> Self {
        let now = Millis(5_000);
        Self { call: Call::new(now, route, limits, ways), view, pace: pace(), now, overdue: Vec::new() }
    }

    /// Effects in words.
    fn step(&mut self, input: CallInput) -> Vec<String> {
        let effects = self.call.step(self.now, &self.view, &mut self.pace, input);
        let is_overdue = |effect: &CallEffect| match *effect {
            CallEffect::Overdue { attempt } => Some(attempt),
            _ => None,
        };
        self.overdue.extend(effects.iter().filter_map(is_overdue));
        effects.into_iter().filter(|effect| is_overdue(effect).is_none()).map(said).collect()
    }

    fn start(&mut self) -> Vec<String> {
        self.step(CallInput::Start)
    }

    fn failed(&mut self, attempt: u32, fault: Fault) -> Vec<String> {
        self.step(CallInput::Failed { attempt, fault })
    }

    fn answered(&mut self, attempt: u32, answer: AnswerKind) -> Vec<String> {
        self.step(CallInput::Answered { attempt, answer })
    }

    fn error(&mut self, attempt: u32, meaning: Meaning) -> Vec<String> {
        self.answered(attempt, AnswerKind::Error(meaning))
    }

    /// Since the call began.
    fn at(&mut self, ms: u64) -> Vec<String> {
        self.now = Millis(5_000 + ms);
        self.step(CallInput::Time)
    }

    /// When it wants to be woken, since it began.
    fn wakes_at(&self) -> Option<u64> {
        self.call.wake_at().map(|at| at.since(Millis(5_000)))
    }

    fn change(&mut self, change: impl FnOnce(&mut View)) -> Vec<String> {
        change(&mut self.view);
        self.step(CallInput::ViewChanged)
    }
}

fn said(effect: CallEffect) -> String {
    let by = |via: Transport| if via == Transport::Stream { " by stream" } else { "" };
    match effect {
        CallEffect::Send { attempt, node, via, within_ms } => {
            format!("send {attempt} to {}{} within {within_ms}", node.0, by(via))
        }
        CallEffect::LookUp { attempt, node, via, within_ms, .. } => {
            format!("look up {attempt} at {}{} within {within_ms}", node.0, by(via))
        }
        CallEffect::Overdue { attempt } => format!("overdue {attempt}"),
        CallEffect::Abandon { attempt, fault: None } => format!("abandon {attempt}"),
        CallEffect::Abandon { attempt, fault: Some(fault) } => {
            format!("abandon {attempt} for {}", fault.class())
        }
        CallEffect::Answer { attempt } => format!("answer {attempt}"),
        CallEffect::AnswerAlreadyKnown(_) => "answer the hash".to_owned(),
        CallEffect::Refuse(refusal) => format!("refuse {}", refusal.name()),
    }
}

/// Whom the first effect names.
fn node_of(said: &[String]) -> &str {
    said.first()
        .and_then(|said| said.split([' ']).skip_while(|word| !["to", "at"].contains(word)).nth(1))
        .unwrap()
}

/// For each effect its words, and nothing else.
macro_rules! assert_told {
    ($effects:expr $(, $words:expr)* $(,)?) => {
        assert_eq!($effects, Vec::<String>::from([$($words.to_owned()),*]))
    };
}
use assert_told;

#[test]
fn refusals_say_what_would_help_and_name_nobody() {
    let hash = testing::hash(1, 2);
    for refusal in [
        Refusal::Unsupported("ask the node itself"),
        Refusal::NoNode { waited_ms: 7 },
        Refusal::Late { waited_ms: 7, fault: RESET },
        Refusal::Failed { attempts: 3, fault: Fault::Status(500) },
        Refusal::RateLimited { retry_after_ms: Some(5) },
        Refusal::RateLimited { retry_after_ms: None },
        Refusal::TooLarge,
        Refusal::FateUnknown { transaction: Some(hash) },
        Refusal::FateUnknown { transaction: None },
        Refusal::NotRepeated { fault: RESET },
    ] {
        let text = refusal.to_string();
        let helps = ["try again", "ask", "look", "create", "find out"].iter().any(|word| text.contains(word));
        assert!(helps && !text.contains("://") && !text.ends_with('.'), "{text}");
    }
    assert!(Refusal::FateUnknown { transaction: Some(hash) }.to_string().contains(&hash.to_string()));
}

#[test]
fn what_is_refused_is_refused_at_once() {
    let mut desk = Desk::new(nodes(1), route("engine_newPayloadV4", "[]"), LIMITS);
    assert_told!(desk.start(), "refuse unsupported");
    assert!(desk.call.is_done());
}

#[test]
fn nothing_happens_before_the_beginning_and_after_the_end() {
    let mut desk = Desk::new(nodes(2), route("eth_blockNumber", "[]"), LIMITS);
    desk.pace.hedges = Budget::new(500, 0, 10);
    assert_told!(desk.at(1));
    assert_eq!(desk.wakes_at(), None);
    assert_told!(desk.start(), "send 0 to 0 within 1000");
    assert_told!(desk.start());
    assert!(!desk.pace.hedges.spend(Millis(0)), "it begins once, and earns its share once");
    assert_told!(desk.answered(7, AnswerKind::Value));
    assert_told!(desk.answered(0, AnswerKind::Value), "answer 0");
    assert_told!(desk.answered(0, AnswerKind::Value));
    assert_told!(desk.failed(0, RESET));
    assert_told!(desk.at(1_000_000));
    assert_eq!(desk.wakes_at(), None);
}
