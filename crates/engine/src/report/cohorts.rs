//! Cohorts as the report has them, and how they are said: what is counted, and what is only sampled and says so.

use super::cite;
use super::document::{Cohort, SampledPart};
use super::wording::{ms, of, share};
use crate::analysis::{self, Analysis, Lift, Sampled};
use crate::window::Sign;

/// Cohorts that a report names.
const COHORTS_MAX: usize = 8;

/// Those with the largest lift first; of equal ones by name.
pub(super) fn parts(analysis: &Analysis<'_>) -> Vec<Cohort> {
    let Some(origin) = &analysis.origin else { return Vec::new() };
    let counted = analysis.cohorts.iter().map(|cohort| {
        let text = counted_text(cohort, origin.sign);
        let cites = origin.operation().map(cite::operation).into_iter().collect();
        let part = Cohort {
            dimension: cohort.dimension.to_owned(),
            value: cohort.value.to_string(),
            service: origin.place.service.to_string(),
            basis: "counted".to_owned(),
            inside: Some(cohort.inside.into()),
            outside: Some(cohort.outside.into()),
            sampled: None,
            lift: times(cohort.lift),
            alike: Vec::new(),
            text,
            cites,
        };
        (cohort.lift, part)
    });
    let sampled = analysis.sampled.iter().map(|cohort| (cohort.lift, sampled(cohort, origin.sign)));
    let mut all: Vec<(Lift, Cohort)> = counted.chain(sampled).collect();
    all.sort_by(|(a, one), (b, other)| {
        let name = |c: &Cohort| (c.service.clone(), c.dimension.clone(), c.value.clone());
        b.cmp(a).then_with(|| name(one).cmp(&name(other)))
    });
    all.into_iter().map(|(_, part)| part).take(COHORTS_MAX).collect()
}

fn times(Lift(thousandths): Lift) -> f64 {
    thousandths as f64 / 1_000.0
}

fn sampled(cohort: &Sampled, sign: Sign) -> Cohort {
    let Sampled { service, dimension, value, failing, others, lift, alike, traces } = cohort;
    Cohort {
        dimension: dimension.to_string(),
        value: value.to_string(),
        service: service.to_string(),
        basis: "sampled".to_owned(),
        inside: None,
        outside: None,
        sampled: Some(SampledPart {
            failing_with: failing.failures,
            failing: failing.requests,
            others_with: others.failures,
            others: others.requests,
        }),
        lift: times(*lift),
        alike: alike.iter().map(|(key, value)| format!("{key} {value}")).collect(),
        text: sampled_text(cohort, sign),
        cites: traces.iter().map(cite::trace).collect(),
    }
}

fn counted_text(cohort: &analysis::Cohort, sign: Sign) -> String {
    let analysis::Cohort { dimension, value, inside, outside, .. } = cohort;
    if sign == Sign::Latency {
        let mean = |split: crate::summary::Split| ms(split.mean_us().saturating_mul(1_000));
        return format!(
            "requests on {dimension} {value} take {} on average; {} elsewhere",
            mean(*inside),
            mean(*outside)
        );
    }
    let slow = sign == Sign::SelfTime;
    let (failures, failed) = if slow { ("slow requests", "were slow") } else { ("failures", "failed") };
    if outside.failures == 0 {
        return format!(
            "all {} {failures} are on {dimension} {value}; {} elsewhere",
            inside.failures,
            share(*outside)
        );
    }
    format!("{} requests {failed} on {dimension} {value}; {} elsewhere", share(*inside), share(*outside))
}

fn sampled_text(cohort: &Sampled, sign: Sign) -> String {
    let Sampled { service, dimension, value, failing, others, alike, .. } = cohort;
    let shown = match sign {
        Sign::Latency | Sign::SelfTime => "slow",
        Sign::Behaviour => "affected",
        Sign::Failure | Sign::Traffic | Sign::Silence | Sign::Saturation | Sign::Metric => "failing",
    };
    let text = format!(
        "{dimension} {value} of {service} in {} {shown} and {} healthy sampled requests",
        of(*failing),
        of(*others)
    );
    match alike.as_slice() {
        [] => text,
        alike => {
            let names: Vec<String> = alike.iter().map(|(key, value)| format!("{key} {value}")).collect();
            format!("{text}; the same ones have {}", names.join(", "))
        }
    }
}
