//! What was seen at the same hour of yesterday and of last week. Knows nothing of what the values mean.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

const HOURS_A_WEEK: u64 = 168;
const HOURS_A_DAY: u64 = 24;

/// A value for each hour of the week, as that hour last went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Season<V> {
    /// Shared with copies, which are made often while an hour ends seldom.
    hours: Arc<BTreeMap<u8, Entry<V>>>,
    /// The hour that goes on now; it takes its place when it ends.
    current: Option<Entry<V>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Entry<V> {
    /// Counted from the epoch.
    hour: u64,
    value: V,
}

impl<V> Default for Season<V> {
    fn default() -> Self {
        Self { hours: Arc::default(), current: None }
    }
}

impl<V: Copy> Season<V> {
    /// Takes in what a minute showed; `join` puts it together with the rest of its hour.
    pub(crate) fn add(&mut self, minute: u64, value: V, join: impl Fn(V, V) -> V) {
        let hour = minute / 60;
        match &mut self.current {
            Some(current) if current.hour == hour => current.value = join(current.value, value),
            current => {
                if let Some(ended) = current.replace(Entry { hour, value }) {
                    Arc::make_mut(&mut self.hours).insert((ended.hour % HOURS_A_WEEK) as u8, ended);
                }
            }
        }
    }

    /// What the same hour showed a day and a week before, as far as it is known.
    pub(crate) fn usual(&self, minute: u64) -> impl Iterator<Item = V> {
        let hour = minute / 60;
        let before = [HOURS_A_DAY, HOURS_A_WEEK].map(|back| hour.checked_sub(back));
        before.into_iter().flatten().filter_map(|hour| {
            let entry = self.hours.get(&((hour % HOURS_A_WEEK) as u8))?;
            (entry.hour == hour).then_some(entry.value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yesterday_and_last_week_are_remembered_and_nothing_else() {
        let mut season = Season::default();
        for hour in 0..400u64 {
            season.add(hour * 60, hour, u64::max);
            season.add(hour * 60 + 59, hour, u64::max);
        }
        let usual: Vec<u64> = season.usual(400 * 60).collect();
        assert_eq!(usual, [376, 232]);
        assert_eq!(season.usual(1_000 * 60).count(), 0);
    }
}
