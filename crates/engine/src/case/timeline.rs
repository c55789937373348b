//! What happened to an incident itself, in the order in which it happened. How it is said stands in `report::wording`.

use model::{IncidentId, Nanos, Str};
use serde::{Deserialize, Serialize};

use super::Case;
use crate::window::{FamilyKey, Present};

pub(super) const TIMELINE_MAX: usize = 200;

/// Something that happened to the incident itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moment {
    pub(crate) at: Nanos,
    pub(crate) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    Opened,
    Joined(FamilyKey),
    Recovering,
    Relapsed,
    Resolved,
    ResolvedWithoutTraffic,
    ResolvedBy(Str),
    Reopened,
    Acknowledged(Str),
    Comment(Str, Str),
    Assigned(Str, Option<Str>),
    Silenced(Str, Nanos),
    /// Address and title.
    Linked(Str, Str, Str),
    /// What the symptoms did then is normal from there on; the first few of them stand here.
    BaselineAccepted(Str, Vec<(FamilyKey, Present)>),
    /// It absorbed another.
    Absorbed(Str, IncidentId),
    /// Another absorbed it.
    MergedInto(Str, IncidentId),
    /// These services left, and are that incident.
    SplitOff(Str, Vec<Str>, IncidentId),
    SplitFrom(Str, IncidentId),
    /// It happened to an incident that was absorbed since.
    Of(IncidentId, Box<What>),
}

impl What {
    /// Words and joining symptoms are cut at the bound, changes of state never: they are few, being minutes apart.
    fn may_be_cut(&self) -> bool {
        match self {
            What::Opened
            | What::Recovering
            | What::Relapsed
            | What::Resolved
            | What::ResolvedWithoutTraffic
            | What::ResolvedBy(_)
            | What::Reopened
            | What::BaselineAccepted(..)
            | What::MergedInto(..)
            | What::SplitFrom(..) => false,
            What::Joined(_)
            | What::Acknowledged(_)
            | What::Comment(..)
            | What::Assigned(..)
            | What::Silenced(..)
            | What::Linked(..)
            | What::Absorbed(..)
            | What::SplitOff(..)
            | What::Of(..) => true,
        }
    }
}

impl Case {
    pub(crate) fn note(&mut self, at: Nanos, what: What) {
        if !what.may_be_cut() || self.timeline.len() < TIMELINE_MAX {
            self.timeline.push(Moment { at, what });
        }
    }
}
