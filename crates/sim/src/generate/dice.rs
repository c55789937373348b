//! Distributions over the seeded generator, by additions, multiplications and divisions alone, so that a seed means the
//! same on every machine.

use crate::Rng;

const LN_2: f64 = std::f64::consts::LN_2;

#[derive(Debug, Clone)]
pub(crate) struct Dice(Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Rng::new(seed))
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0.word()
    }

    /// From 0 up to but without 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.0.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// As many in each doubling.
    pub(crate) fn log_between(&mut self, low: f64, high: f64) -> f64 {
        low * exp(self.uniform() * ln(high / low))
    }

    pub(crate) fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && self.uniform() < share
    }

    pub(crate) fn index(&mut self, count: usize) -> usize {
        self.0.below(count.max(1) as u64) as usize
    }

    /// From `low` to `high`, both included.
    pub(crate) fn count(&mut self, low: usize, high: usize) -> usize {
        low + self.index(high - low + 1)
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.index(items.len()))
    }

    /// The sum of twelve uniforms: mean 0, variance 1, never beyond 6.
    fn normal(&mut self) -> f64 {
        let mut sum = 0.0;
        for _ in 0..4 {
            let word = self.0.word();
            for part in 0..3 {
                sum += ((word >> (21 * part)) & 0x1f_ffff) as f64;
            }
        }
        sum / f64::from(1u32 << 21) - 6.0
    }

    pub(crate) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * exp(sigma * self.normal())
    }

    pub(crate) fn poisson(&mut self, mean: f64) -> usize {
        if mean > 30.0 {
            return (mean + self.normal() * root(mean)).max(0.0).round() as usize;
        }
        let (end, mut product, mut count) = (exp(-mean), self.uniform(), 0);
        while product > end {
            product *= self.uniform();
            count += 1;
        }
        count
    }
}

pub(crate) fn exp(x: f64) -> f64 {
    let halvings = (x / LN_2).round().clamp(-1_000.0, 1_000.0);
    let rest = x - halvings * LN_2;
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 1..16 {
        term *= rest / f64::from(n);
        sum += term;
    }
    let factor = if halvings < 0.0 { 0.5 } else { 2.0 };
    (0..halvings.abs() as u32).fold(sum, |sum, _| sum * factor)
}

fn ln(x: f64) -> f64 {
    let (mut rest, mut doublings) = (x.max(f64::MIN_POSITIVE), 0.0);
    while rest > 1.5 {
        rest *= 0.5;
        doublings += 1.0;
    }
    while rest < 0.75 {
        rest *= 2.0;
        doublings -= 1.0;
    }
    let y = (rest - 1.0) / (rest + 1.0);
    let (mut power, mut sum) = (y, 0.0);
    for n in 0..20 {
        sum += power / f64::from(2 * n + 1);
        power *= y * y;
    }
    doublings * LN_2 + 2.0 * sum
}

fn root(x: f64) -> f64 {
    let mut guess = x.max(1.0);
    for _ in 0..40 {
        guess = 0.5 * (guess + x / guess);
    }
    guess
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_those_of_the_platform_nearly() {
        for n in 1..200 {
            let x = f64::from(n) * 0.37;
            assert!((ln(x) - x.ln()).abs() < 1e-9, "{x}");
            assert!((exp(x / 10.0) / (x / 10.0).exp() - 1.0).abs() < 1e-9, "{x}");
            assert!((exp(-x) / (-x).exp() - 1.0).abs() < 1e-9, "{x}");
            assert!((root(x) - x.sqrt()).abs() < 1e-9, "{x}");
        }
    }

    #[test]
    fn means_are_as_they_should_be() {
        let mut dice = Dice::new(1);
        for mean in [0.3, 5.0, 80.0] {
            let sum: usize = (0..20_000).map(|_| dice.poisson(mean)).sum();
            assert!((sum as f64 / 20_000.0 / mean - 1.0).abs() < 0.05, "{mean}: {sum}");
        }
        let below = (0..20_000).filter(|_| dice.log_normal(7.0, 0.8) < 7.0).count();
        assert!((9_600..10_400).contains(&below), "{below}");
    }
}
