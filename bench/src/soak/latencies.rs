//! How long answers took, as a histogram of fixed size: an hour has millions of them. Knows nothing of what was asked.

/// Buckets are a twelfth of a doubling wide, 6 %, from a tenth of a millisecond to over a minute.
const PER_DOUBLING: f64 = 12.0;
const BUCKETS: usize = 240;
const FIRST_MS: f64 = 0.1;

#[derive(Debug, Clone)]
pub(super) struct Latencies {
    counts: Vec<u64>,
    total: u64,
    pub(super) max_ms: f64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, max_ms: 0.0 }
    }
}

impl Latencies {
    pub(super) fn add(&mut self, ms: f64) {
        let at = ((ms / FIRST_MS).log2() * PER_DOUBLING).ceil().max(0.0) as usize;
        self.counts[at.min(BUCKETS - 1)] += 1;
        self.total += 1;
        self.max_ms = self.max_ms.max(ms);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.max_ms = self.max_ms.max(other.max_ms);
    }

    /// The upper end of the bucket in which the quantile is; zero where there is none.
    pub(super) fn quantile_ms(&self, share: f64) -> f64 {
        let wanted = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        let end = |at: usize| FIRST_MS * 2f64.powf(at as f64 / PER_DOUBLING);
        bucket.map_or(0.0, |at| end(at).min(self.max_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_at_most_a_bucket_too_large() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile_ms(0.99), 0.0);
        (1..=1_000).for_each(|ms| latencies.add(f64::from(ms)));
        let p50 = latencies.quantile_ms(0.5);
        assert!((500.0..=531.0).contains(&p50), "{p50}");
        assert_eq!(latencies.quantile_ms(1.0), 1_000.0);
        let mut both = Latencies::default();
        both.add(1e9);
        both.merge(&latencies);
        assert_eq!((both.total, both.max_ms), (1_001, 1e9));
    }
}
