//! Holds what Casebook says against what really happened: one line for each expectation.

use api::Incident;
use serde_json::Value;

use crate::casebook::ReceivedReport;
use crate::counts::Tally;
use crate::protocol::Role;
use crate::scenario::Truth;
use crate::steady::failures;

/// One expectation and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) met: bool,
    /// What was expected, and what was found where that differs.
    pub(crate) text: String,
}

/// What was expected of an incident's report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) truth: &'a Truth,
    pub(crate) propagation: &'a [Role],
    /// The client's own count.
    pub(crate) requests_affected: u64,
}

impl Check {
    fn equal(what: &str, expected: &str, found: &str) -> Self {
        Self::of(expected == found, what, expected, found)
    }

    fn one_of(what: &str, expected: &[&str], found: &str) -> Self {
        Self::of(expected.contains(&found), what, &expected.join(" or "), found)
    }

    fn of(met: bool, what: &str, expected: &str, found: &str) -> Self {
        let text = match met {
            true => format!("{what}: {found}"),
            false => format!("{what}: expected {expected}, found {found}"),
        };
        Self { met, text }
    }

    pub(crate) fn line(&self) -> String {
        format!("{} {}", if self.met { '✓' } else { '✗' }, self.text)
    }
}

pub(crate) fn no_incident(incidents: &[Incident]) -> Check {
    Check::equal("incidents", "0", &incidents.len().to_string())
}

pub(crate) fn one_incident(incidents: &[Incident]) -> Check {
    Check::equal("incidents", "1", &incidents.len().to_string())
}

/// The quiet was worth something: the steady failures were really there, and no others. Each checkout makes
/// one charge, so their number is known.
pub(crate) fn steady_failures(tally: &Tally, per_mille: u32) -> Check {
    let (planned, found) = (failures(tally.checkout.answered, per_mille), tally.checkout.failed);
    let what = format!("failed checkouts of {}", tally.checkout.answered);
    Check::of(planned == found && found > 0, &what, &planned.max(1).to_string(), &found.to_string())
}

pub(crate) fn healthy_before(tally: &Tally) -> Check {
    Check::equal("failed requests before the fault", "0", &tally.failed().to_string())
}

/// The report's claims, one by one.
pub(crate) fn report(expected: &Expected<'_>, incident: &Incident, report: &ReceivedReport) -> Vec<Check> {
    let (content, truth) = (&report.content, expected.truth);
    let path: Vec<_> = expected.propagation.iter().map(|role| role.as_str()).collect();
    let affected = requests_affected(content);
    vec![
        Check::one_of("cause", truth.causes, text(content, "/cause/kind")),
        Check::one_of("subject", truth.subjects, text(content, "/cause/subject")),
        Check::one_of("origin", truth.origins, text(content, "/origin/service")),
        Check::equal("propagation", &path.join(" -> "), &propagation(content).join(" -> ")),
        Check::equal(
            "affected requests, as the client counted them",
            &expected.requests_affected.to_string(),
            &affected.map_or_else(|| "none".to_owned(), |count| count.to_string()),
        ),
        Check::equal("SHA-256 of the report's bytes", &report.hash, &report.computed_hash),
        Check::equal(
            "report hash of the incident",
            &report.hash,
            incident.report_hash.as_deref().unwrap_or("none"),
        ),
    ]
}

pub(crate) fn requests_affected(report: &Value) -> Option<u64> {
    report.pointer("/blast_radius/requests/affected").and_then(Value::as_u64)
}

fn text<'a>(report: &'a Value, pointer: &str) -> &'a str {
    report.pointer(pointer).and_then(Value::as_str).unwrap_or("nothing")
}

/// The services of the chain, in its order, each once where it stands several times in a row.
fn propagation(report: &Value) -> Vec<&str> {
    let hops = report.pointer("/propagation").and_then(Value::as_array);
    let mut services: Vec<_> =
        hops.into_iter().flatten().filter_map(|hop| hop.get("service").and_then(Value::as_str)).collect();
    services.dedup();
    services
}

#[cfg(test)]
mod tests {
    use api::IncidentCause;
    use serde_json::json;

    use super::*;
    use crate::counts::RouteTally;
    use crate::scenario::Scenario;

    fn expected() -> Expected<'static> {
        Expected {
            truth: Scenario::DependencyOutage.truth(),
            propagation: &[Role::Payment, Role::Checkout, Role::Gateway],
            requests_affected: 41,
        }
    }

    fn content() -> Value {
        json!({
            "cause": { "kind": "dependency", "subject": "card-provider" },
            "origin": { "service": "payment" },
            "propagation": [
                { "service": "payment" }, { "service": "checkout" }, { "service": "gateway" },
            ],
            "blast_radius": { "requests": { "affected": 41 } },
        })
    }

    fn incident() -> Incident {
        Incident {
            id: "inc_00ff00ff00ff00ff".into(),
            env: "demo".into(),
            state: "open".into(),
            severity: 2,
            started_at: String::new(),
            detected_at: String::new(),
            updated_at: String::new(),
            resolved_at: None,
            reopened: 0,
            summary: String::new(),
            cause: IncidentCause { kind: "dependency".into(), subject: None },
            origin_service: None,
            requests_affected: 41,
            report_hash: Some("abc".into()),
            evidence_fingerprint: None,
            acknowledged_by: None,
            acknowledged_at: None,
            assignee: None,
            silenced_until: None,
            merged_into: None,
            links: Vec::new(),
        }
    }

    fn missed(content: Value, computed_hash: &str) -> Vec<String> {
        let report = ReceivedReport { hash: "abc".into(), computed_hash: computed_hash.into(), content };
        let checks = super::report(&expected(), &incident(), &report);
        checks.iter().filter(|check| !check.met).map(Check::line).collect()
    }

    fn changed(pointer: &str, value: Value) -> Value {
        let mut content = content();
        *content.pointer_mut(pointer).unwrap() = value;
        content
    }

    #[test]
    fn a_true_report_passes() {
        assert_eq!(missed(content(), "abc"), Vec::<String>::new());
    }

    #[test]
    fn every_wrong_claim_is_seen_and_said() {
        for (pointer, value, line) in [
            ("/cause/kind", json!("app"), "✗ cause: expected dependency, found app"),
            ("/cause/subject", json!("payment"), "✗ subject: expected card-provider, found payment"),
            ("/origin/service", json!("checkout"), "✗ origin: expected payment, found checkout"),
            (
                "/propagation/1/service",
                json!("payment"),
                "✗ propagation: expected payment -> checkout -> gateway, found payment -> gateway",
            ),
            (
                "/blast_radius/requests/affected",
                json!(40),
                "✗ affected requests, as the client counted them: expected 41, found 40",
            ),
        ] {
            assert_eq!(missed(changed(pointer, value), "abc"), [line]);
        }
    }

    #[test]
    fn bytes_that_do_not_hash_to_their_name_are_seen() {
        assert_eq!(missed(content(), "abd").len(), 1);
    }

    #[test]
    fn an_empty_report_meets_nothing_but_its_hash() {
        assert_eq!(missed(json!({}), "abc").len(), 5);
    }

    #[test]
    fn a_quiet_without_its_steady_failures_proves_nothing() {
        let tally =
            |answered, failed| Tally { checkout: RouteTally { answered, failed }, ..Tally::default() };
        let planned = failures(6_000, 5);
        assert!(steady_failures(&tally(6_000, planned), 5).met);
        assert!(!steady_failures(&tally(6_000, planned + 1), 5).met);
        assert!(!steady_failures(&tally(6_000, 0), 5).met);
        assert!(!steady_failures(&tally(0, 0), 5).met);
    }
}
