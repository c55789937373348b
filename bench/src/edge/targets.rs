//! What was found, held against what was set out to be reached. Targets in microseconds were set on a machine on which nginx
//! takes `NGINX_POST_US` for a small POST, so each is also said in nginx's of the same run: that can be read on any machine.
//! Pure.

use serde::Serialize;

use super::calls::Calls;
use super::followers::{FanOut, Idle};
use super::heat::{Entry, Heat};
use super::programs::Program;
use crate::figures::Spread;

const NGINX_POST_US: f64 = 9.0;
const POST_BY_NGINX_MAX: f64 = 1.3;
const LARGE_RATE_BY_NGINX_MIN: f64 = 1.0;
const CALL_US_MAX: f64 = 4.0;
const NOTIFICATION_US_MAX: f64 = 1.5;
const IDLE_KB_MAX: f64 = 40.0;

#[derive(Debug, Clone, Serialize, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) target: f64,
    pub(crate) found: f64,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Met,
    Missed,
    /// The median is beyond it, and some turns are not.
    NotToldApart,
}

impl Outcome {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "MISSED",
            Self::NotToldApart => "not told apart",
        }
    }

    fn at_most(found: Spread, most: f64) -> Self {
        match found {
            found if found.median <= most => Self::Met,
            found if found.min <= most => Self::NotToldApart,
            _ => Self::Missed,
        }
    }

    fn at_least(found: Spread, least: f64) -> Self {
        let negative = Spread { median: -found.median, min: -found.max, max: -found.min };
        Self::at_most(negative, -least)
    }
}

/// Of the parts that were measured.
pub(super) fn all(heats: &[Heat], fan_out: &[FanOut], idle: Option<&Idle>) -> Vec<Verdict> {
    let of = |calls, program| {
        let heat = heats.iter().find(|heat| heat.calls == calls)?;
        heat.entries.iter().find(|entry| entry.program == program)
    };
    let edge = |calls| of(calls, Program::Edge);
    let nginx_post_us = of(Calls::Post, Program::Nginx).map(|entry| entry.us_per_call.median);
    let mut targets = Vec::new();
    for (calls, what) in
        [(Calls::Post, "POST, small"), (Calls::PostComputed, "POST, small, asked for over HTTP")]
    {
        if let Some(Entry { by_nginx, .. }) = edge(calls) {
            targets.push(at_most(what, "of nginx's processor time", POST_BY_NGINX_MAX, *by_nginx));
        }
    }
    if let Some(Entry { rate_by_nginx, .. }) = edge(Calls::PostLarge) {
        let outcome = Outcome::at_least(*rate_by_nginx, LARGE_RATE_BY_NGINX_MIN);
        targets.push(Verdict {
            what: "POST, answer of 100 KB".to_owned(),
            unit: "of nginx's rate",
            target: LARGE_RATE_BY_NGINX_MIN,
            found: rate_by_nginx.median,
            outcome,
        });
    }
    if let Some(Entry { us_per_call, .. }) = edge(Calls::Socket) {
        targets.extend(in_both("a call over a WebSocket", CALL_US_MAX, *us_per_call, nginx_post_us));
    }
    for found in fan_out {
        let each = found.subscriptions_per_client;
        let what = format!("a notification, {} clients with {each} each", found.clients);
        targets.extend(in_both(&what, NOTIFICATION_US_MAX, found.us_per_notification, nginx_post_us));
    }
    if let Some(idle) = idle {
        let kilobytes = idle.bytes_per_client / 1_000.0;
        let found = Spread { median: kilobytes, min: kilobytes, max: kilobytes };
        targets.push(at_most("an idle client", "KB", IDLE_KB_MAX, found));
    }
    targets
}

fn at_most(what: &str, unit: &'static str, target: f64, found: Spread) -> Verdict {
    let outcome = Outcome::at_most(found, target);
    Verdict { what: what.to_owned(), unit, target, found: found.median, outcome }
}

/// In microseconds, and where nginx was measured, in its.
fn in_both(what: &str, most_us: f64, us: Spread, nginx_post_us: Option<f64>) -> Vec<Verdict> {
    let by = |nginx: f64| Spread { median: us.median / nginx, min: us.min / nginx, max: us.max / nginx };
    let by_nginx = nginx_post_us.filter(|nginx| *nginx > 0.0).map(by);
    let relative = by_nginx.map(|by| at_most(what, "of nginx's small POST", most_us / NGINX_POST_US, by));
    [at_most(what, "us", most_us, us)].into_iter().chain(relative).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(median: f64) -> Spread {
        Spread { median, min: median * 0.9, max: median * 1.1 }
    }

    #[test]
    fn a_target_is_met_missed_or_not_told_apart() {
        let outcome = |median| Outcome::at_most(spread(median), 1.3);
        assert_eq!(
            [outcome(1.3), outcome(1.4), outcome(1.5)],
            [Outcome::Met, Outcome::NotToldApart, Outcome::Missed]
        );
        let outcome = |median| Outcome::at_least(spread(median), 1.0);
        assert_eq!(
            [outcome(1.0), outcome(0.95), outcome(0.8)],
            [Outcome::Met, Outcome::NotToldApart, Outcome::Missed]
        );
    }

    /// On a machine half as fast the same work takes twice as long, and nginx's too.
    #[test]
    fn a_target_in_microseconds_is_also_one_in_nginx_s_of_the_same_run() {
        let found = in_both("a call", 4.0, spread(7.0), Some(18.0));
        assert_eq!(
            found.iter().map(|target| target.outcome).collect::<Vec<_>>(),
            [Outcome::Missed, Outcome::Met]
        );
        assert!(
            (found[1].target - 0.444).abs() < 0.001 && (found[1].found - 0.389).abs() < 0.001,
            "{found:?}"
        );
        assert_eq!(in_both("a call", 4.0, spread(7.0), None).len(), 1);
    }
}
