//! What people have said of an incident and still holds: who has it, who knows of it, until when it is silent, where
//! more is written. It changes no decision; the row and the timeline show it.

use model::{IncidentId, Link, Nanos, Str};
use serde::{Deserialize, Serialize};

/// Addresses that an incident keeps.
pub(crate) const LINKS_MAX: usize = 50;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attention {
    pub(crate) acknowledged: Option<(Str, Nanos)>,
    pub(crate) assignee: Option<Str>,
    pub(crate) silenced_until: Option<Nanos>,
    pub(crate) merged_into: Option<IncidentId>,
    pub(crate) links: Vec<Link>,
    /// How many incidents were split off so far: what their ids are told apart by.
    pub(crate) splits: u32,
    /// The row does not show it yet, though the report may say the same as before.
    pub(crate) row_is_due: bool,
}

impl Attention {
    /// Whoever knew of it may not know that it is back.
    pub(crate) fn forget_acknowledgement(&mut self) {
        self.acknowledged = None;
    }

    /// The same address again has a new title and stands where it stood. `false` where there is no room.
    pub(crate) fn link(&mut self, link: Link) -> bool {
        if let Some(known) = self.links.iter_mut().find(|known| known.url == link.url) {
            *known = link;
            return true;
        }
        let has_room = self.links.len() < LINKS_MAX;
        if has_room {
            self.links.push(link);
        }
        has_room
    }

    pub(crate) fn has_room_for(&self, url: &str) -> bool {
        self.links.len() < LINKS_MAX || self.links.iter().any(|known| &*known.url == url)
    }

    /// Takes over what an absorbed incident had, where nothing of its own speaks against it.
    pub(crate) fn absorb(&mut self, other: &Attention) {
        if self.assignee.is_none() {
            self.assignee.clone_from(&other.assignee);
        }
        if self.acknowledged.is_none() {
            self.acknowledged.clone_from(&other.acknowledged);
        }
        for link in &other.links {
            if !self.links.iter().any(|known| known.url == link.url) {
                self.link(link.clone());
            }
        }
    }
}
