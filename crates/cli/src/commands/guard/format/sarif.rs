//! A run as SARIF 2.1.0, the exchange format of analyses. What is old or waived is in it, and marked as such.

use register::guard::{Crash, Finding, Guard, Standing};
use serde_json::{Value, json};

use super::Ran;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// The base of all paths, which a viewer knows.
const ROOT: &str = "%SRCROOT%";

pub(in super::super) fn sarif(ran: &Ran<'_>) -> String {
    let outcome = ran.outcome;
    let results: Vec<_> = outcome.findings.iter().map(|found| result(ran, found)).collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "casebook guard",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": ran.guards.iter().map(|guard| rule(guard)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": outcome.crashes.is_empty(),
                "toolExecutionNotifications": outcome.crashes.iter().map(notification).collect::<Vec<_>>(),
            }],
            "results": results,
        }],
    });
    format!("{log:#}")
}

fn rule(guard: &Guard) -> Value {
    json!({
        "id": guard.id,
        "shortDescription": { "text": guard.message },
        "help": { "text": guard.mend },
        "defaultConfiguration": { "level": guard.mode.level() },
        "properties": { "rule": guard.rule, "kind": guard.kind(), "mode": guard.mode.as_str() },
    })
}

fn result(ran: &Ran<'_>, found: &Finding) -> Value {
    let is_new = !matches!(found.standing, Standing::Old);
    let mut value = json!({
        "ruleId": found.guard,
        "level": found.mode.level(),
        "message": { "text": format!("{}. To mend: {}.", found.message, found.mend) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&found.path), "uriBaseId": ROOT },
            "region": {
                "startLine": found.line,
                "startColumn": found.column,
                "endLine": found.end_line,
                "snippet": { "text": found.excerpt },
            },
        } }],
        "partialFingerprints": { "casebookGuard/v1": found.fingerprint },
        "baselineState": if is_new { "new" } else { "unchanged" },
    });
    if let Some(index) = ran.guards.iter().position(|guard| guard.id == found.guard) {
        value["ruleIndex"] = json!(index);
    }
    if let Standing::Waived { owner, reason, expires } = &found.standing {
        let why = format!("{reason} ({owner}, until {expires})");
        value["suppressions"] = json!([{ "kind": "external", "status": "accepted", "justification": why }]);
    }
    value
}

fn notification(crash: &Crash) -> Value {
    json!({
        "level": "error",
        "message": { "text": format!("the guard {} did not run: {}", crash.guard, crash.why) },
        "associatedRule": { "id": crash.guard },
    })
}

/// A path as a relative reference: what is no letter, digit, or one of -._~/ is written by its bytes.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte))
            }
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_are_references() {
        for (path, expected) in
            [("src/a.rs", "src/a.rs"), ("a b/ä%.rs", "a%20b/%C3%A4%25.rs"), ("x:y#z?", "x%3Ay%23z%3F")]
        {
            assert_eq!(uri(path), expected);
        }
    }
}
