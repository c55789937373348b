//! The two stores are asked the same after every step of many made-up journals, and must never differ.

use model::{
    AlertProvider, AlertRecord, AlertStatus, CapturedTrace, Deployment, Incident, IncidentState, Nanos,
    Signal,
};

use super::sample::{
    HOSTILE, Whole, action, alert, deployment, incident, incident_id, report, signal, trace,
};
use crate::{
    AuditFilter, Change, IncidentFilter, MemoryStore, Place, SqliteStore, StateFilter, Store, TimeRange,
};

const JOURNALS: u64 = 20;
const STEPS: u64 = 25;

/// Xorshift: the same numbers for the same seed, everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// Mostly close together, so that times are often equal; now and then at the ends.
    fn time(&mut self) -> Nanos {
        match self.below(12) {
            0 => Nanos(u64::MAX - self.below(2)),
            1 => Nanos(i64::MAX as u64 + self.below(3)),
            _ => Nanos::from_secs(self.below(6)),
        }
    }

    fn change(&mut self) -> Change {
        match self.below(8) {
            0 | 1 => Change::Incident(self.incident()),
            2 => {
                let bytes = format!("{{\"n\":{}}}", self.below(8));
                Change::Report(report(self.below(4), self.below(3), bytes.as_bytes()))
            }
            3 => {
                let events = self.below(3);
                let trace =
                    CapturedTrace { events_cut: self.below(2) as u32, ..trace(self.below(4), events) };
                Change::Trace { incident: incident_id(self.below(4)), trace }
            }
            4 => {
                let signal = signal(self.of(HOSTILE), 0);
                Change::Signal(Signal { at: self.time(), message: self.of(HOSTILE).into(), ..signal })
            }
            6 => Change::Audit(action(self.below(6), self.below(6), self.of(HOSTILE))),
            5 => {
                let providers = AlertProvider::ALL;
                let statuses = [AlertStatus::Firing, AlertStatus::Acknowledged, AlertStatus::Resolved];
                let (provider, status) = (self.of(&providers), self.of(&statuses));
                let last_at = self.time();
                Change::Alert(AlertRecord { provider, status, last_at, ..alert(self.of(HOSTILE), 0) })
            }
            _ => {
                let deployment = deployment(self.of(HOSTILE), 0);
                Change::Deployment(Deployment { at: self.time(), ..deployment })
            }
        }
    }

    fn incident(&mut self) -> Incident {
        let states = [IncidentState::Open, IncidentState::Recovering, IncidentState::Resolved];
        Incident {
            state: self.of(&states),
            env: self.of(&HOSTILE[..3]).to_owned(),
            origin_service: self.below(3).checked_sub(1).map(|n| HOSTILE[n as usize].to_owned()),
            detected_at: self.time(),
            ..incident(self.below(6))
        }
    }

    fn filter(&mut self) -> IncidentFilter {
        let text =
            |numbers: &mut Self| numbers.below(3).checked_sub(1).map(|n| HOSTILE[n as usize].to_owned());
        let state = self.of(&[StateFilter::Open, StateFilter::All]);
        IncidentFilter { state, env: text(self), service: text(self) }
    }
}

async fn compare(memory: &MemoryStore, sqlite: &SqliteStore, numbers: &mut Numbers, seed: u64) {
    assert_eq!(Whole::of(memory).await, Whole::of(sqlite).await, "seed {seed}");
    let (filter, limit) = (numbers.filter(), numbers.below(4) as usize);
    let id = incident_id(numbers.below(6));
    let after = (numbers.below(2) == 0).then(|| Place { listed_at: numbers.time(), id });
    assert_eq!(
        memory.incidents(&filter, after, limit).await.unwrap(),
        sqlite.incidents(&filter, after, limit).await.unwrap(),
        "seed {seed}: {filter:?} after {after:?}"
    );
    assert_eq!(
        memory.report_latest(id).await.unwrap(),
        sqlite.report_latest(id).await.unwrap(),
        "seed {seed}"
    );
    let (of, sequence) = ((numbers.below(2) == 0).then_some(id), numbers.below(6));
    assert_eq!(
        memory.report_refs(of, sequence, limit).await.unwrap(),
        sqlite.report_refs(of, sequence, limit).await.unwrap(),
        "seed {seed}"
    );
    let filter = AuditFilter {
        incident: (numbers.below(2) == 0).then_some(id),
        actor: (numbers.below(4) == 0).then(|| numbers.of(HOSTILE).to_owned()),
        ..AuditFilter::default()
    };
    assert_eq!(
        memory.audit(&filter, Some(sequence), limit).await.unwrap(),
        sqlite.audit(&filter, Some(sequence), limit).await.unwrap(),
        "seed {seed}: {filter:?}"
    );
    let within = TimeRange { from: numbers.time(), until: numbers.time() };
    assert_eq!(
        memory.signals(within, limit).await.unwrap(),
        sqlite.signals(within, limit).await.unwrap(),
        "seed {seed}: {within:?}"
    );
}

#[tokio::test]
async fn the_twins_never_differ() {
    for seed in 1..=JOURNALS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(SqliteStore::FILE_NAME);
        let (memory, mut sqlite) = (MemoryStore::new(), SqliteStore::open(&path).await.unwrap());
        let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for step in 0..STEPS {
            match numbers.below(12) {
                0 => {
                    let before = numbers.time();
                    let gone = (memory.forget_facts(before).await, sqlite.forget_facts(before).await);
                    assert_eq!(gone.0.unwrap(), gone.1.unwrap(), "seed {seed}");
                }
                1 => {
                    sqlite.settle().await.unwrap();
                    sqlite.close().await;
                    sqlite = SqliteStore::open(&path).await.unwrap();
                }
                _ => {
                    // Now and then a position that was there before.
                    let position = step.saturating_sub(numbers.below(4));
                    let changes: Vec<Change> = (0..numbers.below(5)).map(|_| numbers.change()).collect();
                    let applied =
                        (memory.apply(position, &changes).await, sqlite.apply(position, &changes).await);
                    assert_eq!(applied.0.unwrap(), applied.1.unwrap(), "seed {seed}");
                }
            }
            compare(&memory, &sqlite, &mut numbers, seed).await;
        }
    }
}
