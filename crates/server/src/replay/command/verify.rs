//! Compares derived reports with archived ones: every archived report of the stretch that was replayed must have been
//! derived, and every derived one archived, with equal hashes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use journal::Position;
use model::{IncidentId, Nanos, ReportDocument};
use store::{PAGE_MAX, Store};

/// What a report is compared under. An incident may have several reports of one tick; they keep their order.
type Key = (Nanos, IncidentId);

/// What of the comparison did not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Archived, but not derived.
    NotDerived { incident: IncidentId, tick: Nanos, archived: String },
    /// Derived, but not archived.
    NotArchived { incident: IncidentId, tick: Nanos, derived: String },
    /// Both, with different hashes.
    Hash { incident: IncidentId, tick: Nanos, archived: String, derived: String },
}

#[derive(Debug, Default)]
pub struct Verification {
    /// Reports whose hashes agree.
    pub agreed: u64,
    pub differences: Vec<Difference>,
    /// Archived reports from before the stretch that can be replayed, or after it.
    pub out_of_range: u64,
    /// Derived reports that the server had not archived when it stopped; it does so at its next start.
    pub pending: u64,
    /// Snapshots of the engine whose state is the one that the journal gives.
    pub snapshots_agreed: u64,
    /// The files of those whose state is another.
    pub snapshots_different: Vec<PathBuf>,
}

/// The archived reports, without their bytes.
#[derive(Debug, Default)]
pub(super) struct Archive {
    reports: BTreeMap<Key, Vec<String>>,
    applied: Option<Position>,
}

/// The derived reports, without their bytes.
#[derive(Debug, Default)]
pub(super) struct Derived {
    reports: BTreeMap<Key, Vec<(Position, String)>>,
    count: u64,
}

impl Derived {
    pub(super) fn add(&mut self, position: Position, report: &ReportDocument) {
        let key = (report.tick, report.incident);
        self.reports.entry(key).or_default().push((position, report.hash.clone()));
        self.count += 1;
    }

    pub(super) fn len(&self) -> u64 {
        self.count
    }
}

impl Archive {
    pub(super) async fn read(store: &dyn Store) -> Result<Self, store::ReadError> {
        let mut archive = Self { applied: store.applied_position().await?.map(Position), ..Self::default() };
        let mut after = 0;
        loop {
            let page = store.report_refs(None, after, PAGE_MAX).await?;
            let Some(last) = page.last() else { return Ok(archive) };
            after = last.sequence;
            for report in page {
                archive.reports.entry((report.tick, report.incident)).or_default().push(report.hash);
            }
        }
    }

    /// `from` is the last tick before the replayed stretch, if that is not the whole journal.
    pub(super) fn compare(
        self,
        derived: &Derived,
        from: Option<Nanos>,
        until: Option<Nanos>,
    ) -> Verification {
        let mut result = Verification::default();
        let in_range =
            |tick: Nanos| from.is_none_or(|from| tick > from) && until.is_none_or(|until| tick <= until);
        for (key, archived) in &self.reports {
            if !in_range(key.0) {
                result.out_of_range += archived.len() as u64;
                continue;
            }
            let derived = derived.reports.get(key).map_or(&[][..], Vec::as_slice);
            self.compare_tick(*key, archived, derived, &mut result);
        }
        for (key, derived) in &derived.reports {
            if in_range(key.0) && !self.reports.contains_key(key) {
                self.compare_tick(*key, &[], derived, &mut result);
            }
        }
        result
    }

    fn compare_tick(
        &self,
        (tick, incident): Key,
        archived: &[String],
        derived: &[(Position, String)],
        result: &mut Verification,
    ) {
        for at in 0..archived.len().max(derived.len()) {
            let difference = match (archived.get(at).cloned(), derived.get(at).cloned()) {
                (Some(archived), Some((_, derived))) if archived == derived => {
                    result.agreed += 1;
                    continue;
                }
                (Some(archived), Some((_, derived))) => {
                    Difference::Hash { incident, tick, archived, derived }
                }
                (Some(archived), None) => Difference::NotDerived { incident, tick, archived },
                (None, Some((position, _))) if Some(position) > self.applied => {
                    result.pending += 1;
                    continue;
                }
                (None, Some((_, derived))) => Difference::NotArchived { incident, tick, derived },
                (None, None) => continue,
            };
            result.differences.push(difference);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INCIDENT: IncidentId = IncidentId([7; 8]);

    fn archive(reports: &[(u64, &str)]) -> Archive {
        let mut archive = Archive { applied: Some(Position(1000)), ..Archive::default() };
        for (tick, hash) in reports {
            archive.reports.entry((Nanos(*tick), INCIDENT)).or_default().push((*hash).to_owned());
        }
        archive
    }

    fn derived(reports: &[(u64, u64, &str)]) -> Derived {
        let mut derived = Derived::default();
        for (position, tick, hash) in reports {
            let report = ReportDocument {
                incident: INCIDENT,
                tick: Nanos(*tick),
                hash: (*hash).to_owned(),
                bytes: Vec::new(),
            };
            derived.add(Position(*position), &report);
        }
        derived
    }

    #[test]
    fn equal_reports_agree_one_by_one() {
        let derived = derived(&[(10, 1, "a"), (11, 1, "b"), (20, 2, "c")]);
        let result = archive(&[(1, "a"), (1, "b"), (2, "c")]).compare(&derived, None, None);
        assert_eq!((result.agreed, result.differences.len()), (3, 0));
    }

    #[test]
    fn missing_extra_and_different_reports_are_each_a_difference() {
        let derived = derived(&[(10, 1, "x"), (20, 2, "b"), (40, 4, "d")]);
        let result = archive(&[(1, "a"), (2, "b"), (3, "c")]).compare(&derived, None, None);
        assert_eq!(result.agreed, 1);
        let kinds: Vec<_> = result
            .differences
            .iter()
            .map(|difference| match difference {
                Difference::Hash { .. } => "hash",
                Difference::NotDerived { .. } => "not derived",
                Difference::NotArchived { .. } => "not archived",
            })
            .collect();
        assert_eq!(kinds, ["hash", "not derived", "not archived"]);
    }

    #[test]
    fn the_order_within_a_tick_counts() {
        let result =
            archive(&[(1, "a"), (1, "b")]).compare(&derived(&[(1, 1, "b"), (2, 1, "a")]), None, None);
        assert_eq!(result.differences.len(), 2);
    }

    #[test]
    fn what_lies_outside_the_replayed_stretch_is_counted_and_no_difference() {
        let derived = derived(&[(20, 2, "b"), (2000, 3, "c")]);
        let result =
            archive(&[(1, "a"), (2, "b"), (9, "z")]).compare(&derived, Some(Nanos(1)), Some(Nanos(5)));
        assert_eq!((result.agreed, result.out_of_range, result.pending), (1, 2, 1));
        assert_eq!(result.differences, []);
    }
}
