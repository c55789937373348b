//! Programs side by side: the same traffic over the same connections, on the same core, in turns, so that what else
//! the machine does falls on all of them. Says what each paid, and how Casebook stands to each. It must never know
//! how the figures are shown.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;

use crate::casebook::{Casebook, Extent};
use crate::cell::Bed;
use crate::connection::Transport;
use crate::figures::{Spread, quantile};
use crate::load::{Load, Plan, Sent};
use crate::machine::{self, ProcessorTime};
use crate::peers::{Collector, Rotel, Sink};
use crate::traffic;

/// What is compared with what. The first of each is Casebook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Contest {
    /// What is acknowledged is kept: Casebook in a synced journal, with detection; the Collector in a file.
    Kept,
    /// What is acknowledged was decoded, and is dropped.
    Dropped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entrant {
    Casebook,
    CollectorJsonFile,
    CollectorProtobufFile,
    CasebookDecodeOnly,
    Rotel,
    CollectorNop,
}

/// Where the programs of others are.
#[derive(Debug, Clone)]
pub(crate) struct Installed {
    pub(crate) collector: PathBuf,
    pub(crate) rotel: PathBuf,
}

/// One transport and one batch size of a contest.
#[derive(Debug, Serialize)]
pub(crate) struct Heat {
    pub(crate) contest: Contest,
    pub(crate) transport: Transport,
    pub(crate) batch: usize,
    pub(crate) bytes_per_span: f64,
    pub(crate) plan: Plan,
    /// Of the whole machine, while this was measured, what the measured and the load generator did not use, in cores.
    pub(crate) others_busy: f64,
    pub(crate) entries: Vec<Entry>,
}

/// What one program paid.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) entrant: Entrant,
    pub(crate) spans_per_core_s: Spread,
    pub(crate) spans_per_s: Spread,
    pub(crate) us_per_span: Spread,
    pub(crate) kernel_share: f64,
    pub(crate) answer_ms_p50: f64,
    pub(crate) answer_ms_p99: f64,
    pub(crate) resident_bytes_max: u64,
    pub(crate) busy_answers: u64,
    pub(crate) spans_sent: u64,
    /// Casebook's spans for a second of processor time by this program's, turn by turn; one for Casebook itself.
    pub(crate) casebook_ratio: Spread,
    /// The same by the clock.
    pub(crate) casebook_ratio_by_clock: Spread,
    /// Each turn as it was.
    pub(crate) turns: Vec<Turn>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Turn {
    pub(crate) spans: f64,
    pub(crate) wall_s: f64,
    pub(crate) user_s: f64,
    pub(crate) system_s: f64,
    pub(crate) generator_s: f64,
}

#[derive(Debug)]
enum Running {
    Casebook(Casebook),
    Collector(Collector),
    Rotel(Rotel),
}

/// A program that runs, its connections and what they have sent.
#[derive(Debug)]
struct Side {
    entrant: Entrant,
    running: Running,
    load: Load,
    sent: Sent,
    turns: Vec<Turn>,
    /// Its processor time at the end of its last turn.
    used: ProcessorTime,
    resident_bytes_max: u64,
}

impl Contest {
    pub(crate) const ALL: [Self; 2] = [Self::Kept, Self::Dropped];

    fn entrants(self) -> [Entrant; 3] {
        match self {
            Self::Kept => [Entrant::Casebook, Entrant::CollectorJsonFile, Entrant::CollectorProtobufFile],
            Self::Dropped => [Entrant::CasebookDecodeOnly, Entrant::Rotel, Entrant::CollectorNop],
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kept => "Everything acknowledged is kept",
            Self::Dropped => "Decoded, acknowledged and dropped",
        }
    }
}

impl Entrant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Casebook => "Casebook, durable, detecting",
            Self::CollectorJsonFile => "Collector, batch, file (JSON)",
            Self::CollectorProtobufFile => "Collector, batch, file (protobuf)",
            Self::CasebookDecodeOnly => "Casebook, decode only",
            Self::Rotel => "rotel, blackhole",
            Self::CollectorNop => "Collector, nop",
        }
    }

    async fn start(self, bed: &Bed, installed: &Installed) -> anyhow::Result<Running> {
        let casebook = |extent| Casebook::start(bed, extent);
        let collector = |sink| Collector::start(&installed.collector, &bed.scratch, sink);
        Ok(match self {
            Self::Casebook => Running::Casebook(casebook(Extent::Whole).await?),
            Self::CasebookDecodeOnly => Running::Casebook(casebook(Extent::DecodeOnly).await?),
            Self::CollectorJsonFile => Running::Collector(collector(Sink::JsonFile).await?),
            Self::CollectorProtobufFile => Running::Collector(collector(Sink::ProtobufFile).await?),
            Self::CollectorNop => Running::Collector(collector(Sink::Nop).await?),
            Self::Rotel => Running::Rotel(Rotel::start(&installed.rotel, &bed.scratch).await?),
        })
    }
}

impl Running {
    fn pid(&self) -> u32 {
        match self {
            Self::Casebook(casebook) => casebook.pid(),
            Self::Collector(collector) => collector.pid(),
            Self::Rotel(rotel) => rotel.pid(),
        }
    }

    fn address(&self, transport: Transport) -> SocketAddr {
        match self {
            Self::Casebook(casebook) => casebook.address(transport),
            Self::Collector(collector) => collector.address(transport),
            Self::Rotel(rotel) => rotel.address(transport),
        }
    }

    /// Waits until nothing that was sent is still on its way.
    async fn settled(&self, sent: u64) -> anyhow::Result<()> {
        match self {
            Self::Casebook(casebook) => casebook.drained().await,
            Self::Collector(collector) => collector.settled(sent).await,
            Self::Rotel(rotel) => rotel.settled().await,
        }
    }

    /// Whether the time by the clock goes on until it has settled. The others hold back what may not wait, and at
    /// the end only their batch's timer runs, which is no work.
    fn is_timed_until_settled(&self) -> bool {
        matches!(self, Self::Casebook(_))
    }

    fn rest(&self) -> anyhow::Result<()> {
        match self {
            Self::Collector(collector) => collector.rest(),
            Self::Casebook(_) | Self::Rotel(_) => Ok(()),
        }
    }

    /// Nobody wins by dropping: where a program counts, its count has to be ours. rotel's answers are all there is.
    async fn stop(self, sent: u64) -> anyhow::Result<()> {
        match self {
            Self::Casebook(casebook) => {
                casebook.counted().await?.check(sent)?;
                casebook.stop().await
            }
            Self::Collector(collector) => collector.stop(sent).await,
            Self::Rotel(rotel) => rotel.stop().await,
        }
    }
}

impl Bed {
    pub(crate) async fn contest(
        &self,
        installed: &Installed,
        contest: Contest,
        (transport, batch): (Transport, usize),
        plan: &Plan,
    ) -> anyhow::Result<Heat> {
        let bytes: usize = traffic::bodies(batch).iter().map(|body| body.len()).sum();
        let bytes_per_span = bytes as f64 / (traffic::TRACES * traffic::SPANS_PER_TRACE) as f64;
        let mut sides = Vec::new();
        for entrant in contest.entrants() {
            let running = self.on_its_core(entrant.start(self, installed)).await?;
            let load =
                Load::connect(transport, running.address(transport), traffic::bodies(batch), plan).await?;
            sides.push(Side {
                entrant,
                running,
                load,
                sent: Sent::default(),
                turns: Vec::new(),
                used: ProcessorTime::default(),
                resident_bytes_max: 0,
            });
        }
        for side in &mut sides {
            side.turn(plan.warm_up_s).await?;
            side.begin_to_count();
        }
        let (begun, busy_before) = (Instant::now(), machine::busy_s()?);
        for round in 0..plan.repeats {
            // Nobody is always behind the same one.
            for at in 0..sides.len() {
                let at = (round + at) % sides.len();
                sides[at].turn(plan.repeat_s).await?;
            }
        }
        for side in &mut sides {
            side.add_what_came_after()?;
        }
        let elapsed = begun.elapsed().as_secs_f64();
        let own = |turn: &Turn| turn.user_s + turn.system_s + turn.generator_s;
        let ours: f64 = sides.iter().flat_map(|side| &side.turns).map(own).sum();
        let others_busy = ((machine::busy_s()? - busy_before - ours) / elapsed).max(0.0);
        let first = sides.first().map(|side| side.turns.clone()).unwrap_or_default();
        let mut entries = Vec::new();
        for side in sides {
            entries.push(side.end(&first).await?);
        }
        Ok(Heat { contest, transport, batch, bytes_per_span, plan: plan.clone(), others_busy, entries })
    }
}

impl Side {
    async fn turn(&mut self, seconds: f64) -> anyhow::Result<()> {
        self.add_what_came_after()?;
        let pid = self.running.pid();
        let (server, generator) = (ProcessorTime::of(pid)?, ProcessorTime::own()?);
        let begun = Instant::now();
        let sent = self.load.send_for(seconds).await?;
        let answered_s = begun.elapsed().as_secs_f64();
        let generator_s = ProcessorTime::own()?.since(generator).total_s();
        let spans = sent.spans as f64;
        self.sent += sent;
        self.running.settled(self.sent.spans).await?;
        let settled_s = begun.elapsed().as_secs_f64();
        self.used = ProcessorTime::of(pid)?;
        let ProcessorTime { user_s, system_s } = self.used.since(server);
        let wall_s = if self.running.is_timed_until_settled() { settled_s } else { answered_s };
        self.turns.push(Turn { spans, wall_s, user_s, system_s, generator_s });
        self.resident_bytes_max = self.resident_bytes_max.max(machine::resident_bytes(pid)?);
        self.running.rest()
    }

    /// What the warm-up sent stays in the program's own count.
    fn begin_to_count(&mut self) {
        self.turns.clear();
        self.sent.answers_ms.clear();
    }

    /// What a program does while others have their turn, such as writing a snapshot or collecting garbage, is a part
    /// of its own turn before.
    fn add_what_came_after(&mut self) -> anyhow::Result<()> {
        let now = ProcessorTime::of(self.running.pid())?;
        if let Some(last) = self.turns.last_mut() {
            let after = now.since(self.used);
            last.user_s += after.user_s;
            last.system_s += after.system_s;
        }
        self.used = now;
        Ok(())
    }

    async fn end(mut self, casebook: &[Turn]) -> anyhow::Result<Entry> {
        drop(self.load);
        self.running.stop(self.sent.spans).await?;
        let turns = self.turns;
        self.sent.answers_ms.sort_by(f64::total_cmp);
        let of = |value: fn(&Turn) -> f64| Spread::of(turns.iter().map(value));
        let ratio = |value: fn(&Turn) -> f64| {
            Spread::of(casebook.iter().zip(&turns).map(|(ours, theirs)| value(ours) / value(theirs)))
        };
        let sum = |value: fn(&Turn) -> f64| turns.iter().map(value).sum::<f64>();
        Ok(Entry {
            entrant: self.entrant,
            spans_per_core_s: of(Turn::spans_per_core_s),
            spans_per_s: of(Turn::spans_per_s),
            us_per_span: of(|turn| 1e6 / turn.spans_per_core_s()),
            kernel_share: sum(|turn| turn.system_s) / sum(|turn| turn.user_s + turn.system_s),
            answer_ms_p50: quantile(&self.sent.answers_ms, 0.5),
            answer_ms_p99: quantile(&self.sent.answers_ms, 0.99),
            resident_bytes_max: self.resident_bytes_max,
            busy_answers: self.sent.busy,
            spans_sent: self.sent.spans,
            casebook_ratio: ratio(Turn::spans_per_core_s),
            casebook_ratio_by_clock: ratio(Turn::spans_per_s),
            turns,
        })
    }
}

impl Turn {
    fn spans_per_core_s(&self) -> f64 {
        self.spans / (self.user_s + self.system_s)
    }

    fn spans_per_s(&self) -> f64 {
        self.spans / self.wall_s
    }
}
