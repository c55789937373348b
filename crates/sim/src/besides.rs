//! What other systems say while something goes on: alerts of Alertmanager that fire, are sent again and are resolved, a
//! native one that flaps within a second, signals and a deployment that are about other things. As bodies through the
//! decoders, for runs whose own traffic brings none of it.

use cases::{InputKind, InputLine};
use model::{AlertProvider, Input, Nanos, SECOND_NS};
use serde_json::{Value, json};

/// About three services of an environment, around an instant.
///
/// # Errors
///
/// Where a decoder refuses a body.
pub fn besides(env: &str, services: [&str; 3], around: Nanos) -> Result<Vec<(Nanos, Input)>, String> {
    let [first, second, third] = services;
    let after = |tenths: u64| around.saturating_add(tenths * SECOND_NS / 10);
    let before = |seconds: u64| around.saturating_sub(seconds * SECOND_NS);
    let started = after(20);
    let mut told = Vec::new();
    for (at, ended) in [(40, None), (90, None), (140, Some(130)), (170, None)] {
        let ended = ended.map(after);
        let group = json!({
            "version": "4", "groupKey": "{}", "receiver": "casebook", "truncatedAlerts": 0,
            "status": "firing", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
            "externalURL": "http://alertmanager.example:9093",
            "alerts": [alert("ErrorsHigh", first, started, None), alert("LatencyHigh", second, started, ended)],
        });
        told.push((after(at), InputKind::Alert, Some(AlertProvider::Alertmanager), group));
    }
    for (at, status) in [(101, "firing"), (104, "resolved"), (107, "firing"), (109, "resolved")] {
        let flapping = json!({
            "id": "flapping", "title": "Probe fails", "status": status, "service": first, "severity": "critical",
            "started_at": after(100).to_rfc3339(),
        });
        told.push((after(at), InputKind::Alert, Some(AlertProvider::Native), flapping));
    }
    let signal = json!({
        "id": "mixed-in", "kind": "dependency", "subtype": "", "at": after(30).to_rfc3339(), "env": env,
        "service": second, "subject": "mail.example", "status": "down", "message": "mail.example does not answer",
    });
    told.push((after(31), InputKind::Signal, None, signal));
    let config = json!({
        "id": "setting", "kind": "config", "subtype": "setting", "at": before(20).to_rfc3339(), "env": env,
        "service": third, "subject": "log.level", "message": "log.level: info -> debug",
    });
    told.push((before(20), InputKind::Signal, None, config));
    let deployment = json!({
        "id": "mixed-in", "service": third, "env": env, "version": "99.1.0", "at": before(25).to_rfc3339(),
    });
    told.push((before(25), InputKind::Deployment, None, deployment));
    let read = |(at, kind, provider, body): (Nanos, InputKind, Option<AlertProvider>, Value)| {
        let line = InputLine { number: 1, at, kind, provider, body: body.to_string().into_bytes() };
        let decoded = cases::decode(&line)?;
        decoded.reason.map_or(Ok((at, decoded.input)), Err)
    };
    told.into_iter().map(read).collect()
}

fn alert(name: &str, service: &str, started: Nanos, ended: Option<Nanos>) -> Value {
    let status = if ended.is_some() { "resolved" } else { "firing" };
    let ended = ended.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), Nanos::to_rfc3339);
    json!({
        "status": status,
        "labels": { "alertname": name, "service": service, "severity": "critical" },
        "annotations": { "summary": format!("{name} of {service}") },
        "startsAt": started.to_rfc3339(),
        "endsAt": ended,
        "generatorURL": "",
        "fingerprint": format!("{name}-{service}"),
    })
}
