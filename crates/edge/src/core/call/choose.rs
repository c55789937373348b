//! Which node is asked next: those that were not asked before others, those that serve before those that hardly do, the
//! better tier before the other, and among equals by their weights in turn. It must never know what was answered.

use smallvec::SmallVec;

use super::{Call, Pace, Ways};
use crate::core::{Again, Millis, Needs, NodeId, NodeView, Standing, Tier, Transport, View};

#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) node: NodeId,
    pub(super) via: Transport,
    pub(super) standing: Standing,
    rank: Rank,
    weight: u16,
}

/// The least is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    times: u32,
    times_by_this_way: u32,
    standing: Standing,
    tier: Tier,
    is_behind: bool,
    way: u8,
}

pub(super) enum Choice {
    Ready(Candidate),
    /// Whoever could be asked has to be left alone until then.
    Later(Millis),
    /// Nobody can be asked as things are.
    WhenTheViewChanges,
    /// Everybody was asked.
    Nobody,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    Anyone,
    /// Nobody who was asked.
    Fresh,
    /// Nobody who was asked, and only who serves in that tier.
    Twin(Tier),
}

impl Ways {
    fn in_order(self) -> &'static [Transport] {
        match self {
            Self::Http => &[Transport::Http],
            Self::StreamFirst => &[Transport::Stream, Transport::Http],
        }
    }
}

impl Call {
    pub(super) fn choose(&self, whom: Whom, now: Millis, view: &View, pace: &mut Pace) -> Choice {
        let mut best: SmallVec<[Candidate; 8]> = SmallVec::new();
        let (mut later, mut may_come) = (None::<Millis>, view.nodes.is_empty());
        for node in view.nodes.iter().filter(|node| self.may_ask(node.id, whom)) {
            if !self.can_serve(node, now, view) {
                may_come = true;
                continue;
            }
            let is_behind =
                self.prefers_the_head() && view.served.is_some_and(|head| node.head < head.number);
            let times = self.asked.times(node.id);
            let mut candidate = None::<Candidate>;
            for (way, via) in self.usable_ways(node) {
                let not_before = self.asked.not_before(node.id, via);
                if not_before > now {
                    later = Some(later.map_or(not_before, |later| later.min(not_before)));
                    continue;
                }
                let standing = node.standing(via);
                let times_by_this_way = self.asked.times_by(node.id, via);
                let rank = Rank { times, times_by_this_way, standing, tier: node.tier, is_behind, way };
                let is_better = candidate.is_none_or(|other| rank < other.rank);
                if is_better && whom.takes(node.tier, standing) {
                    candidate = Some(Candidate { node: node.id, via, standing, rank, weight: node.weight });
                }
            }
            if let Some(candidate) = candidate {
                if best.first().is_some_and(|other| candidate.rank < other.rank) {
                    best.clear();
                }
                if best.first().is_none_or(|other| candidate.rank == other.rank) {
                    best.push(candidate);
                }
            }
        }
        match (pick(&best, pace), later) {
            (Some(candidate), _) => Choice::Ready(candidate),
            (None, Some(later)) => Choice::Later(later),
            (None, None) if may_come => Choice::WhenTheViewChanges,
            (None, None) => Choice::Nobody,
        }
    }

    /// Whether another node could be asked at once.
    pub(super) fn has_fresh_besides(&self, node: NodeId, now: Millis, view: &View) -> bool {
        let others = view.nodes.iter().filter(|other| other.id != node);
        others
            .filter(|other| self.may_ask(other.id, Whom::Fresh))
            .any(|other| self.can_serve(other, now, view))
    }

    /// When the block that nobody seems to have is asked of anyone: its holders may be gone for good.
    pub(super) fn relaxes_at(&self, now: Millis) -> Option<Millis> {
        let half = self.began.plus(self.deadline.since(self.began) / 2);
        (matches!(self.route.needs, Needs::Block(_)) && half > now).then_some(half)
    }

    fn may_ask(&self, node: NodeId, whom: Whom) -> bool {
        !self.asked.is_never(node)
            && !self.attempts.iter().any(|attempt| attempt.is_open && attempt.node == node)
            && (whom == Whom::Anyone || self.asked.times(node) == 0)
    }

    fn can_serve(&self, node: &NodeView, now: Millis, view: &View) -> bool {
        self.usable_ways(node).next().is_some() && self.has_what_it_needs(node, now, view)
    }

    pub(super) fn usable_ways(&self, node: &NodeView) -> impl Iterator<Item = (u8, Transport)> {
        let ways = self.ways.in_order().iter().zip(0_u8..);
        let is_open = |standing| !matches!(standing, Standing::Leaving | Standing::Out);
        ways.filter(move |(via, _)| is_open(node.standing(**via))).map(|(via, way)| (way, *via))
    }

    /// A transaction may go to a node that is behind, though one that is not judges it better.
    fn prefers_the_head(&self) -> bool {
        self.route.again == Again::ByHash
    }

    fn has_what_it_needs(&self, node: &NodeView, now: Millis, view: &View) -> bool {
        if self.prefers_the_head() {
            return true;
        }
        let Some(head) = view.served else { return true };
        match self.route.needs {
            Needs::Nothing => true,
            Needs::Head => node.head >= head.number,
            Needs::Number(number) => node.head >= number.min(head.number),
            // Of one that was told lately, whoever was not seen to have it would say that there is none; but where there is
            // no other node there is nobody to wait for.
            Needs::Block(hash) => {
                let holders = view.recent.holders.get(&hash);
                holders.is_none_or(|holders| holders.contains(node.id))
                    || self.relaxes_at(now).is_none()
                    || view.nodes.len() == 1
            }
        }
    }
}

impl Whom {
    fn takes(self, tier: Tier, standing: Standing) -> bool {
        match self {
            Self::Anyone | Self::Fresh => true,
            Self::Twin(of) => tier == of && standing == Standing::Serving,
        }
    }
}

/// By weight, each evenly spread over the turns.
fn pick(best: &[Candidate], pace: &mut Pace) -> Option<Candidate> {
    let weight_of = |candidate: &Candidate| u64::from(candidate.weight.max(1));
    let mut place = pace.turn(best.iter().map(weight_of).sum());
    for candidate in best {
        match place.checked_sub(weight_of(candidate)) {
            Some(rest) => place = rest,
            None => return Some(*candidate),
        }
    }
    None
}
