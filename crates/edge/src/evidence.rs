//! What a Casebook server is told of what happens here: signals of failovers, stalls, lies and gaps, and spans of calls and of
//! attempts at nodes. Whoever tells never waits: what cannot be sent in time takes the place of what is older. It must never
//! decide anything that clients notice.

mod lane;
mod report;
mod sampler;
mod sender;
mod signal;
mod spans;
mod target;
mod told;
mod witness;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use runtime::DrainHandle;
use tokio::sync::watch;

use crate::config;
use crate::metrics::{EdgeMetrics, ReportKind};
use crate::status::CasebookStatus;
use lane::Lane;
use sender::Trouble;
use signal::Signal;
use target::Target;
use told::Told;

pub(crate) use target::{authorization, below};
pub(crate) use told::{Ended, Trial};
pub(crate) use witness::Witness;

/// Signals that wait: failovers are rare, so these are those of a long outage of the server.
const SIGNALS_MAX: usize = 1_024;
/// Traces that wait: those of about a minute of busy pools.
const TRACES_MAX: usize = 16_384;

/// All that is told, and to whom. One for the process.
pub(crate) struct Evidence {
    target: watch::Sender<Option<Arc<Target>>>,
    /// Whether there is anybody to tell, for those that ask at every call.
    tells_signals: AtomicBool,
    tells_spans: AtomicBool,
    signals: Lane<Signal>,
    traces: Lane<Told>,
    /// Of this process and no other: ids are made of it.
    seed: u64,
    signals_told: AtomicU64,
    traces_told: AtomicU64,
    trouble: Mutex<[Option<Trouble>; 2]>,
}

impl Evidence {
    /// Tells nobody until it is said whom.
    pub(crate) fn new(metrics: &EdgeMetrics) -> Arc<Self> {
        Arc::new(Self {
            target: watch::channel(None).0,
            tells_signals: AtomicBool::new(false),
            tells_spans: AtomicBool::new(false),
            signals: Lane::new(SIGNALS_MAX, metrics.reports.of(ReportKind::Signals).clone()),
            traces: Lane::new(TRACES_MAX, metrics.reports.of(ReportKind::Traces).clone()),
            // Keys of a hash map are the randomness of the standard library.
            seed: RandomState::new().hash_one(std::process::id()),
            signals_told: AtomicU64::new(0),
            traces_told: AtomicU64::new(0),
            trouble: Mutex::default(),
        })
    }

    /// Who is told from now on. What waits goes there as well; without anybody it is let go. An error says why the server of
    /// the configuration cannot be spoken to; whoever was told before stays.
    pub(crate) fn replace(&self, casebook: Option<&config::Casebook>) -> Result<(), String> {
        let target = casebook.map(|casebook| Target::new(casebook, self.seed)).transpose()?.map(Arc::new);
        let tells_spans = target.as_ref().is_some_and(|target| target.takes_spans());
        self.tells_signals.store(target.is_some(), Ordering::Relaxed);
        self.tells_spans.store(tells_spans, Ordering::Relaxed);
        if target.is_none() {
            self.signals.clear();
        }
        if !tells_spans {
            self.traces.clear();
        }
        *self.troubles() = Default::default();
        self.target.send_replace(target);
        Ok(())
    }

    /// Sends what is told until the drain starts, and then what is left.
    pub(crate) async fn run(self: Arc<Self>, ending: DrainHandle) {
        let signals = sender::run(&self, &self.signals, ending.clone());
        let traces = sender::run(&self, &self.traces, ending);
        tokio::join!(signals, traces);
    }

    /// How it goes; nothing where nobody is told.
    pub(crate) fn status(&self) -> Option<CasebookStatus> {
        let target = self.target.borrow().clone()?;
        let trouble = self.troubles().iter().flatten().next().map(ToString::to_string);
        Some(CasebookStatus {
            address: target.shown.clone(),
            signals: self.signals.status(),
            traces: target.takes_spans().then(|| self.traces.status()),
            trouble,
        })
    }

    fn tells_signals(&self) -> bool {
        self.tells_signals.load(Ordering::Relaxed)
    }

    fn tells_spans(&self) -> bool {
        self.tells_spans.load(Ordering::Relaxed)
    }

    fn troubles(&self) -> std::sync::MutexGuard<'_, [Option<Trouble>; 2]> {
        // It is set as a whole.
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
