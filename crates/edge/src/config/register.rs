//! How the register of settings is made: every key of the file has one line, with its shape, what holds without it, and
//! its help. The reader, `check`, reloads and the reference page all go by it. It must never know a value.

use runtime::config::nearest;

use super::Shape;
use super::settings::REGISTER;

/// The tables of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Edge,
    Tls,
    Casebook,
    Key,
    Pool,
    Node,
}

/// What stands behind a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Ethereum execution nodes: JSON-RPC over HTTP and WebSocket.
    Execution,
    /// Ethereum consensus nodes: Beacon REST and its event stream.
    Consensus,
    /// Any service over HTTP.
    Http,
}

/// What holds where a setting is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// It has to be said.
    Refused,
    Is(&'static str),
    /// Its absence has a meaning of its own.
    Means(&'static str),
}

/// When a change of it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    AtReload,
    AtRestart,
}

/// One line of the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    pub table: Table,
    pub key: &'static str,
    pub shape: Shape,
    pub absent: Absent,
    pub help: &'static str,
    /// Of pools, where the table is one of a pool or a node.
    pub kinds: &'static [Kind],
    pub counts: Counts,
}

impl Setting {
    pub(super) const fn only(mut self, kinds: &'static [Kind]) -> Self {
        self.kinds = kinds;
        self
    }

    pub(super) const fn at_restart(mut self) -> Self {
        self.counts = Counts::AtRestart;
        self
    }
}

pub(super) const fn setting(
    table: Table,
    key: &'static str,
    shape: Shape,
    absent: Absent,
    help: &'static str,
) -> Setting {
    Setting { table, key, shape, absent, help, kinds: Kind::ALL, counts: Counts::AtReload }
}

impl Table {
    pub const ALL: [Self; 6] = [Self::Edge, Self::Tls, Self::Casebook, Self::Key, Self::Pool, Self::Node];

    /// As it is written in the file.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Edge => "[edge]",
            Self::Tls => "[edge.tls]",
            Self::Casebook => "[casebook]",
            Self::Key => "[[keys]]",
            Self::Pool => "[pools.NAME]",
            Self::Node => "[[pools.NAME.nodes]]",
        }
    }

    /// The key under which tables of another kind stand in this one.
    pub(super) fn within(self) -> Option<&'static str> {
        match self {
            Self::Edge => Some("tls"),
            Self::Pool => Some("nodes"),
            Self::Tls | Self::Casebook | Self::Key | Self::Node => None,
        }
    }

    /// Every key that may stand in it.
    pub(super) fn keys(self) -> impl Iterator<Item = &'static str> {
        let settings = REGISTER.iter().filter(move |setting| setting.table == self);
        settings.map(|setting| setting.key).chain(self.within())
    }
}

impl Kind {
    pub const ALL: &'static [Self] = &[Self::Execution, Self::Consensus, Self::Http];

    pub fn word(self) -> &'static str {
        match self {
            Self::Execution => "execution",
            Self::Consensus => "consensus",
            Self::Http => "http",
        }
    }
}

/// The keys at the top of the file.
pub(super) const REGISTER_ROOT: [&str; 4] = ["edge", "casebook", "keys", "pools"];

/// Where else a key of this name stands, or the nearest one: what to say to whom puts it into the wrong table.
pub(super) fn tables_of(key: &str) -> String {
    let headings = |key: &str| {
        let tables =
            REGISTER.iter().filter(|setting| setting.key == key).map(|setting| setting.table.heading());
        tables.collect::<Vec<_>>().join(" or ")
    };
    match nearest(key, REGISTER.iter().map(|setting| setting.key)) {
        Some(meant) if meant == key => format!("; it stands in {}", headings(key)),
        Some(meant) => format!("; did you mean {meant} in {}?", headings(meant)),
        None => String::new(),
    }
}

/// The line of a setting.
pub(super) fn find(table: Table, key: &str) -> Option<&'static Setting> {
    REGISTER.iter().find(|setting| setting.table == table && setting.key == key)
}
