//! The player without a clock: what the script sends goes through the decoders into the engine, a tick every second.

use std::fmt::Write;

use cases::{InputKind, InputLine};
use demo::script::{Given, Kind, Script, Settings};
use demo::{Answer, Verdict};
use model::{AcceptBaseline, Incident, Input, Nanos, SECOND_NS};
use serde_json::Value;
use sim::Replica;

/// What the engine still gets when the script is over, in seconds.
const AFTERWARDS_S: u64 = 8;

/// A tick every second, the one at `until` included.
fn tick_until(replica: &mut Replica, tick: &mut Nanos, until: Nanos) {
    while *tick <= until {
        replica.feed(*tick, Input::Tick);
        *tick = tick.saturating_add(SECOND_NS);
    }
}

pub(crate) fn play(settings: Settings) -> (Verdict, Replica) {
    let (mut script, mut replica) = (Script::new(settings.clone()), Replica::new(1));
    let mut tick = script.settings().start;
    let mut feed = |replica: &mut Replica, given: Given| {
        tick_until(replica, &mut tick, given.at);
        replica.feed(given.at, decoded(&given));
        given.at
    };
    let mut last = Nanos(0);
    while let Some(arrived) = script.play_second() {
        for given in arrived {
            last = feed(&mut replica, given);
        }
    }
    for second in 1..=AFTERWARDS_S {
        replica.feed(Nanos::from_secs(last.as_secs() + second), Input::Tick);
    }
    (Verdict::new(&settings, answer_in(&replica, &settings.env, settings.fault())), replica)
}

/// The same where no evidence comes for the first seconds of the fault, as from a server that is behind.
pub(crate) fn play_late(settings: &Settings, late_s: u64) -> Replica {
    let (mut script, mut replica) = (Script::new(settings.clone()), Replica::new(1));
    let fault = settings.fault();
    let late = fault..Nanos::from_secs(fault.as_secs() + late_s);
    let mut tick = settings.start;
    while let Some(arrived) = script.play_second() {
        for given in arrived {
            while tick <= given.at {
                match late.contains(&tick) {
                    true => replica.step(tick, Input::Tick),
                    false => replica.feed(tick, Input::Tick),
                }
                tick = tick.saturating_add(SECOND_NS);
            }
            replica.feed(given.at, decoded(&given));
        }
    }
    replica
}

/// How far in the past all scripts begin when they are played at once, as they are against a server.
const BACK_S: u64 = 40;

/// All of them in one engine, each in its environment: what is past when they begin arrives at once.
pub(crate) fn play_together(all: Vec<Settings>) -> (Vec<Verdict>, Replica) {
    let mut replica = Replica::new(1);
    let begin = all.iter().map(|settings| settings.start).max().unwrap_or_default();
    let begin = Nanos::from_secs(begin.as_secs() + BACK_S);
    let mut arrived: Vec<Given> = Vec::new();
    for settings in &all {
        let mut script = Script::new(settings.clone());
        arrived.extend(std::iter::from_fn(|| script.play_second()).flatten());
    }
    arrived.iter_mut().for_each(|given| given.at = given.at.max(begin));
    arrived.sort_by_key(|given| given.at);
    let mut tick = begin;
    for given in arrived {
        tick_until(&mut replica, &mut tick, given.at);
        replica.feed(given.at, decoded(&given));
    }
    let end = tick.saturating_add((AFTERWARDS_S - 1) * SECOND_NS);
    tick_until(&mut replica, &mut tick, end);
    let verdicts = all.iter().map(|settings| {
        let answer = answer_in(&replica, &settings.env, settings.fault());
        Verdict::new(settings, answer)
    });
    (verdicts.collect(), replica)
}

/// All incidents with what is out of the ordinary in them, for whoever reads of a failure.
pub(crate) fn incidents(replica: &Replica) -> String {
    let mut text = String::new();
    for incident in replica.incidents.values() {
        let report = replica.report(incident.id);
        let _ = writeln!(text, "  {} at {}", incident.id, incident.detected_at);
        let Some(report) = report else { continue };
        for symptom in report.symptoms {
            let _ = writeln!(text, "    {} ({:?})", symptom.text, symptom.role);
        }
        let _ = writeln!(text, "    {}", serde_json::to_string(&report.origin).unwrap());
        for hypothesis in report.hypotheses {
            let _ = writeln!(text, "    {}", serde_json::to_string(&hypothesis).unwrap());
        }
    }
    text
}

fn answer_in(replica: &Replica, env: &str, fault: Nanos) -> Answer {
    let incidents: Vec<&Incident> =
        replica.incidents.values().filter(|i| i.env == env && i.merged_into.is_none()).collect();
    let first = incidents.iter().min_by_key(|incident| (incident.detected_at, incident.id));
    let Some(first) = first else { return Answer::default() };
    let after = |at: Nanos| i64::try_from(at.0 / 1_000_000).unwrap();
    let report = replica.reports.iter().rev().find(|report| report.incident == first.id).unwrap();
    let report = serde_json::from_slice(&report.bytes).unwrap();
    Answer::of(incidents.len(), Some(after(first.detected_at) - after(fault)), &report)
}

pub(crate) fn decoded(given: &Given) -> Input {
    let kind = match given.kind {
        Kind::OtlpTraces => InputKind::OtlpTraces,
        Kind::OtlpLogs => InputKind::OtlpLogs,
        Kind::OtlpMetrics => InputKind::OtlpMetrics,
        Kind::Signal => InputKind::Signal,
        Kind::Deployment => InputKind::Deployment,
        Kind::Baseline => {
            return Input::AcceptBaseline(accepted(&serde_json::from_slice(&given.body).unwrap()));
        }
    };
    let line = InputLine { number: 1, at: given.at, kind, provider: None, body: given.body.clone() };
    let decoded = cases::decode(&line).unwrap();
    assert_eq!(decoded.rejected, 0, "{:?}\n{}", decoded.reason, String::from_utf8_lossy(&given.body));
    decoded.input
}

fn accepted(body: &Value) -> AcceptBaseline {
    let text = |field: &str| body[field].as_str().unwrap();
    let until = Nanos::parse_rfc3339(text("until")).unwrap();
    AcceptBaseline { actor: text("actor").into(), until, env: Some(text("env").into()), service: None }
}
