//! Calls of one kind through each program, in turns, so that what else the machine does falls on all of them. It must never
//! know how the figures are shown.

use std::time::Instant;

use anyhow::ensure;
use serde::Serialize;

use super::calls::{Calls, Load, Sent};
use super::node::Nodes;
use super::programs::{Installed, Program, Running};
use crate::cell::Bed;
use crate::figures::{Spread, quantile};
use crate::machine::{self, ProcessorTime};

/// How many turns each program has, and how long they are.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Plan {
    pub(crate) turns: usize,
    pub(crate) turn_s: f64,
    pub(crate) warm_up_s: f64,
    pub(crate) idle_clients: usize,
}

/// One kind of calls.
#[derive(Debug, Serialize)]
pub(crate) struct Heat {
    pub(crate) calls: Calls,
    /// Cores that neither a measured program nor the clients and nodes used meanwhile.
    pub(crate) others_busy: f64,
    pub(crate) entries: Vec<Entry>,
}

/// What one program paid.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) program: Program,
    pub(crate) us_per_call: Spread,
    pub(crate) calls_per_s: Spread,
    /// Its processor time for a call by nginx's, turn by turn.
    pub(crate) by_nginx: Spread,
    /// Its calls a second by the clock by nginx's, turn by turn.
    pub(crate) rate_by_nginx: Spread,
    pub(crate) kernel_share: f64,
    /// Of a core each, in its turns.
    pub(crate) busy: f64,
    pub(crate) clients_and_nodes_busy: f64,
    pub(crate) answer_us_p50: f64,
    pub(crate) answer_us_p99: f64,
    pub(crate) resident_bytes: u64,
    pub(crate) answered: u64,
    pub(crate) wrong: u64,
    pub(crate) broken: u64,
    pub(crate) turns: Vec<Turn>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Turn {
    pub(crate) answered: u64,
    pub(crate) wall_s: f64,
    pub(crate) user_s: f64,
    pub(crate) system_s: f64,
    pub(crate) clients_and_nodes_s: f64,
}

struct Side {
    program: Program,
    running: Running,
    load: Load,
    sent: Sent,
    turns: Vec<Turn>,
}

pub(super) async fn measure(
    bed: &Bed,
    installed: &Installed,
    nodes: &Nodes,
    calls: Calls,
    plan: &Plan,
) -> anyhow::Result<Heat> {
    let mut sides = Vec::new();
    for program in Program::ALL {
        let running = bed.on_its_core(program.start(installed, &bed.scratch, nodes)).await?;
        let load = Load::connect(calls, &running.target(calls)).await?;
        sides.push(Side { program, running, load, sent: Sent::default(), turns: Vec::new() });
    }
    for side in &mut sides {
        side.turn(plan.warm_up_s).await?;
        side.turns.clear();
        side.sent.answers_us.clear();
    }
    let (begun, busy_before) = (Instant::now(), machine::busy_s()?);
    for round in 0..plan.turns {
        // Nobody is always behind the same one.
        for at in 0..sides.len() {
            let at = (round + at) % sides.len();
            sides[at].turn(plan.turn_s).await?;
        }
    }
    let own = |turn: &Turn| turn.user_s + turn.system_s + turn.clients_and_nodes_s;
    let ours: f64 = sides.iter().flat_map(|side| &side.turns).map(own).sum();
    let others_busy = ((machine::busy_s()? - busy_before - ours) / begun.elapsed().as_secs_f64()).max(0.0);
    let nginx = sides.iter().find(|side| side.program == Program::Nginx);
    let nginx = nginx.map(|side| side.turns.clone()).unwrap_or_default();
    let mut entries = Vec::new();
    for side in sides {
        entries.push(side.end(&nginx).await?);
    }
    Ok(Heat { calls, others_busy, entries })
}

impl Side {
    async fn turn(&mut self, seconds: f64) -> anyhow::Result<()> {
        let pid = self.running.pid();
        let (program, own) = (ProcessorTime::of(pid)?, ProcessorTime::own()?);
        let begun = Instant::now();
        let sent = self.load.send_for(seconds).await?;
        let wall_s = begun.elapsed().as_secs_f64();
        let ProcessorTime { user_s, system_s } = ProcessorTime::of(pid)?.since(program);
        let clients_and_nodes_s = ProcessorTime::own()?.since(own).total_s();
        ensure!(sent.answered > 0, "{} answers nothing", self.program.name());
        self.turns.push(Turn { answered: sent.answered, wall_s, user_s, system_s, clients_and_nodes_s });
        self.sent += sent;
        Ok(())
    }

    async fn end(mut self, nginx: &[Turn]) -> anyhow::Result<Entry> {
        let resident_bytes = machine::resident_bytes(self.running.pid())?;
        drop(self.load);
        self.running.stop().await?;
        let turns = self.turns;
        self.sent.answers_us.sort_by(f32::total_cmp);
        let answers: Vec<f64> = self.sent.answers_us.iter().map(|us| f64::from(*us)).collect();
        let of = |value: fn(&Turn) -> f64| Spread::of(turns.iter().map(value));
        let by_nginx = |value: fn(&Turn) -> f64| {
            Spread::of(turns.iter().zip(nginx).map(|(own, nginx)| value(own) / value(nginx)))
        };
        let sum = |value: fn(&Turn) -> f64| turns.iter().map(value).sum::<f64>();
        let wall_s = sum(|turn| turn.wall_s);
        Ok(Entry {
            program: self.program,
            us_per_call: of(Turn::us_per_call),
            calls_per_s: of(Turn::calls_per_s),
            by_nginx: by_nginx(Turn::us_per_call),
            rate_by_nginx: by_nginx(Turn::calls_per_s),
            kernel_share: sum(|turn| turn.system_s) / sum(Turn::used_s),
            busy: sum(Turn::used_s) / wall_s,
            clients_and_nodes_busy: sum(|turn| turn.clients_and_nodes_s) / wall_s,
            answer_us_p50: quantile(&answers, 0.5),
            answer_us_p99: quantile(&answers, 0.99),
            resident_bytes,
            answered: self.sent.answered,
            wrong: self.sent.wrong,
            broken: self.sent.broken,
            turns,
        })
    }
}

impl Turn {
    fn used_s(&self) -> f64 {
        self.user_s + self.system_s
    }

    fn us_per_call(&self) -> f64 {
        self.used_s() * 1e6 / self.answered as f64
    }

    fn calls_per_s(&self) -> f64 {
        self.answered as f64 / self.wall_s
    }
}
