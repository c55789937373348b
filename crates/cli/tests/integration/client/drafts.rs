//! `casebook rca new` and `required` against a server and with an archived report: what is written, and what is refused.

use std::path::Path;
use std::process::Output;

use sha2::{Digest, Sha256};

use super::fake::Fake;
use super::{casebook, code, stderr, stdout};

const INCIDENT: &str = "inc_fe950625bf4e3dbc";
const FILE: &str = "doc/rca/2026-01-post-orders-failed-in-checkout-with-pricingerror.md";

/// A report as it is archived: on one line.
fn archived() -> (Vec<u8>, String) {
    let sample = include_str!("../../../../engine/src/render/tests/sample.json");
    let report: serde_json::Value = serde_json::from_str(sample).unwrap();
    let bytes = serde_json::to_vec(&report).unwrap();
    let hash = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    (bytes, hash)
}

fn server(hash: &str) -> Fake {
    Fake::new(200, &[("content-type", "application/json"), ("etag", &format!("\"{hash}\""))], archived().0)
}

fn run(dir: &Path, arguments: &[&str]) -> Output {
    casebook(&["rca"]).args(arguments).current_dir(dir).output().unwrap()
}

#[test]
fn a_draft_comes_from_the_server_and_overwrites_nothing() {
    let (dir, (_, hash)) = (tempfile::tempdir().unwrap(), archived());
    let fake = server(&hash);
    let new = || {
        let url = fake.url();
        run(dir.path(), &["new", "--from-incident", INCIDENT, "--author", "Ana", "--server", &url])
    };
    let output = new();
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    let said = stdout(&output);
    assert!(said.starts_with(&format!("{FILE}: drafted from {INCIDENT}, report {hash}\n")), "{said}");
    assert_eq!(fake.asked().line, format!("GET /v1/incidents/{INCIDENT}/report?format=json"));
    let lint = run(dir.path(), &["lint", FILE]);
    assert!(code(&lint) == 0 && stdout(&lint).contains("1 document, 0 errors, "), "{}", stdout(&lint));

    std::fs::write(dir.path().join(FILE), "what people wrote").unwrap();
    let again = new();
    assert!(code(&again) == 1 && stderr(&again).contains("it is there already"), "{}", stderr(&again));
    assert_eq!(std::fs::read_to_string(dir.path().join(FILE)).unwrap(), "what people wrote");
}

#[test]
fn a_report_that_is_not_what_it_is_cited_as_makes_no_draft() {
    let (dir, (bytes, hash)) = (tempfile::tempdir().unwrap(), archived());
    let forged = server(&"ab".repeat(32));
    let pretty: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    std::fs::write(dir.path().join("pretty.json"), serde_json::to_vec_pretty(&pretty).unwrap()).unwrap();
    std::fs::write(dir.path().join("report.json"), &bytes).unwrap();
    std::fs::write(dir.path().join("other.json"), "{}").unwrap();
    let forged_url = forged.url();
    for (arguments, exit, why) in [
        (&["--from-incident", INCIDENT, "--server", &forged_url][..], 4, hash.as_str()),
        (&["--from-incident", "inc_0000000000000001", "--report", "report.json"], 1, "it is of inc_fe95"),
        (&["--report", "pretty.json"], 1, "it is not as it was archived"),
        (&["--report", "other.json"], 1, "missing field"),
        (&["--report", "gone.json"], 1, "No such file"),
        (&[], 1, "--from-incident"),
    ] {
        let output = run(dir.path(), &[&["new", "--author", "Ana"], arguments].concat());
        assert!(code(&output) == exit && stderr(&output).contains(why), "{arguments:?}: {}", stderr(&output));
    }
    assert!(!dir.path().join("doc").exists());
}

#[test]
fn required_says_which_rule_decides_and_is_content_once_it_is_written() {
    let (dir, (bytes, _)) = (tempfile::tempdir().unwrap(), archived());
    std::fs::write(dir.path().join("report.json"), bytes).unwrap();
    let required = |more: &[&str]| {
        let output = run(dir.path(), &[&["required", "--report", "report.json"], more].concat());
        (code(&output), stdout(&output) + &stderr(&output))
    };
    let known = ["--severity", "SEV-3", "--owner-layer", "pricing", "--layers-crossed", "pricing"];
    let times = ["--owner-identified", "2026-01-05T12:05:00Z", "--mitigated", "2026-01-05T12:20:00Z"];
    let (exit, said) = required(&[]);
    assert!(exit == 4 && said.contains("not known: its severity; say it with --severity\n"), "{said}");
    let (exit, said) = required(&[&known[..], &times].concat());
    assert!(exit == 0 && said.starts_with(&format!("{INCIDENT}: no RCA is required\n")), "{said}");
    let (exit, said) = required(&["--severity", "SEV-1"]);
    assert!(exit == 4 && said.contains("yes      it was SEV-1"), "{said}");
    let (exit, said) = required(&["--detected", "2026-01-05T11:00:00Z"]);
    assert!(exit == 1 && said.contains("comes before the start in the report"), "{said}");
    run(dir.path(), &["new", "--report", "report.json", "--author", "Ana"]);
    let (exit, said) = required(&["--severity", "SEV-1", "--json"]);
    let page: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((exit, page["verdict"].as_str()), (0, Some("required")));
    assert_eq!(page["documents"][0], "2026-01-post-orders-failed-in-checkout-with-pricingerror");
    assert_eq!(page["answers"][0]["answer"], "yes");
}
