//! Numbers as they are told: a median with its spread, and a row of bars. Knows nothing of what they count.

use serde::Serialize;

/// The middle and the ends of several measurements of the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self { median: quantile(&values, 0.5), min: quantile(&values, 0.0), max: quantile(&values, 1.0) }
    }

    /// With as many digits as `write` gives each of the three.
    pub(crate) fn show(&self, write: impl Fn(f64) -> String) -> String {
        format!("{} ({}..{})", write(self.median), write(self.min), write(self.max))
    }
}

/// Of sorted values, the nearest; zero where there are none.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(at).copied().unwrap_or(0.0)
}

/// 184 320 as `184k`.
pub(crate) fn thousands(value: f64) -> String {
    if value < 10_000.0 { format!("{:.1}k", value / 1e3) } else { format!("{:.0}k", value / 1e3) }
}

pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// A line of bars from zero to the largest value, at most `width` of them; each shows the largest of its stretch.
pub(crate) fn bars(values: &[f64], width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let top = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let stretch = values.len().div_ceil(width.max(1)).max(1);
    let highest = values.chunks(stretch).map(|chunk| chunk.iter().copied().fold(0.0, f64::max));
    highest.map(|value| BARS[((value / top * 7.0).round() as usize).min(7)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_the_middle_and_the_ends() {
        assert_eq!(Spread::of([5.0, 1.0, 3.0]), Spread { median: 3.0, min: 1.0, max: 5.0 });
        assert_eq!(Spread::of([]), Spread { median: 0.0, min: 0.0, max: 0.0 });
    }

    #[test]
    fn bars_show_the_largest_of_each_stretch() {
        assert_eq!(bars(&[0.0, 7.0], 10), "▁█");
        assert_eq!(bars(&[0.0, 7.0, 0.0, 3.5], 2), "█▅");
        assert_eq!(bars(&[], 4), "");
    }
}
