//! A fault of the demo as a case: what the server was sent comes out of it, and `casebook eval` gives the server's own
//! report, hash for hash.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::demo::{SHORT, as_expected};
use crate::serve::Served;

const CASEBOOK: &str = env!("CARGO_BIN_EXE_casebook");

fn run(served: &Served, arguments: &[&str]) -> Output {
    let server = format!("http://{}", served.ready.listen);
    Command::new(CASEBOOK).args(arguments).env("CASEBOOK_SERVER", server).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The one case of the folder, as `casebook eval --json` has it.
fn evaluated(case: &Path) -> Value {
    let output = Command::new(CASEBOOK).args(["eval", "--json"]).arg(case).output().unwrap();
    let document: Value = serde_json::from_str(&said(&output)).unwrap();
    document["sets"][0]["cases"][0].clone()
}

fn assert_is_right(case: &Value) {
    assert_eq!(case["score"]["service_rank"], 1, "{case}");
    assert_eq!(case["score"]["cause_right"], true, "{case}");
    assert_eq!(case["ranked"][0]["service"], "payment", "{case}");
    assert_eq!(case["warnings"], Value::Array(Vec::new()), "{case}");
}

#[test]
fn a_fault_becomes_a_case_that_gives_the_servers_own_report() {
    let demo = as_expected(&[&["--scenario", "dependency-outage"][..], &SHORT].concat(), 9);
    let served = Served::start(&demo.data());
    let list: Value =
        serde_json::from_str(&said(&run(&served, &["incidents", "--state", "all", "--json"]))).unwrap();
    let id = list["incidents"][0]["id"].as_str().unwrap();
    let cases = tempfile::tempdir().unwrap();
    let [whole, part, broken] = ["whole", "part", "broken"].map(|name| cases.path().join(name));

    let told = said(&run(&served, &["bundle", id, "--all-services", "--out", whole.to_str().unwrap()]));
    assert!(told.contains("Nothing was left out") && told.contains("dependency in payment"), "{told}");
    let case = evaluated(&whole);
    assert_is_right(&case);
    assert_eq!(case["replayed"], "same", "{case}");

    // With the truth as a person says it, and only what the report is about.
    let better = ["--service", "payment", "--cause", "dependency", "--change", "none"];
    let arguments = [&["bundle", id, "--out", part.to_str().unwrap()][..], &better].concat();
    let told = said(&run(&served, &arguments));
    assert!(told.contains("Something was left out"), "{told}");
    let case = evaluated(&part);
    assert_is_right(&case);
    assert_eq!(case.get("replayed"), None, "{case}");

    // Without what people and users are called by, cause and origin are the same.
    let redacted = cases.path().join("redacted");
    said(&run(&served, &["bundle", id, "--redact", "--all-services", "--out", redacted.to_str().unwrap()]));
    assert_is_right(&evaluated(&redacted));
    let label = fs::read_to_string(redacted.join("case.toml")).unwrap();
    assert!(!label.contains("user_salt") && label.contains("exact = false"), "{label}");

    // Without one of its inputs the case is another, and the comparison shows it.
    fs::create_dir(&broken).unwrap();
    fs::copy(whole.join("case.toml"), broken.join("case.toml")).unwrap();
    let inputs = zstd::decode_all(fs::File::open(whole.join("inputs.ndjson.zst")).unwrap()).unwrap();
    let inputs = String::from_utf8(inputs).unwrap();
    let traces = inputs.lines().filter(|line| line.contains("\"kind\":\"otlp_traces\"")).count();
    let mut seen = 0;
    let kept = inputs.split_inclusive('\n').filter(|line| {
        seen += usize::from(line.contains("\"kind\":\"otlp_traces\""));
        !(line.contains("\"kind\":\"otlp_traces\"") && seen > traces / 2)
    });
    fs::write(broken.join("inputs.ndjson"), kept.collect::<String>()).unwrap();
    assert_eq!(evaluated(&broken)["replayed"], "different");

    let again = run(&served, &["bundle", id, "--out", whole.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("nothing is overwritten"), "{again:?}");
    let unknown = cases.path().join("unknown");
    let nobody = run(&served, &["bundle", "inc_0000000000000000", "--out", unknown.to_str().unwrap()]);
    assert_eq!(nobody.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("incident_not_found"), "{nobody:?}");
    assert!(!unknown.exists() && !cases.path().join("unknown.partial").exists());
    assert_eq!(served.terminate(), Some(0));
}
