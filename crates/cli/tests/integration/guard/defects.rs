//! Three defects that were committed and mended, each found by a guard of another kind: red before, green after. A guard
//! that is made weaker is caught by its fixtures, and loses its proof.

use std::path::Path;

use super::{commit, git, guard, write};

const GUARDS: &str = r##"
[[guard]]
id = "wall-clock"
rule = "wall-clock-after-waits"
kind = "sql"
mode = "block"
message = "the clock of the transaction"
mend = "use clock_timestamp()"
paths = ["src/**/*.{rs,sql}"]
columns = ["*_at", "lease_until"]

[guard.fixtures]
must_fail = [
    { path = "src/work/finish.rs", text = 'query("UPDATE work SET finished_at = now()")' },
    { path = "src/lease.sql", text = "SELECT id FROM work WHERE lease_until < now();" },
]
must_pass = [{ path = "src/finish.rs", text = 'query("UPDATE work SET finished_at = clock_timestamp()")' }]

[[guard]]
id = "deadlines"
rule = "deadline-on-providers"
kind = "ast"
mode = "block"
message = "a call to a provider without a deadline"
mend = "call it through deadline"
language = "rust"
paths = ["src/**/*.rs"]
exclude = ["src/deadline.rs"]
pattern = "provider.charge($ORDER)"

[guard.fixtures]
must_fail = [{ path = "src/pay/card.rs", text = "fn pay() { provider.charge(&order); }" }]
must_pass = [
    { path = "src/card.rs", text = "fn pay() { deadline(&order); } // not provider.charge(&order)" },
    { path = "src/deadline.rs", text = "fn deadline() { provider.charge(&order); }" },
]

[[guard]]
id = "runbooks"
rule = "alerts-name-runbooks"
kind = "link"
mode = "block"
message = "an alert nobody knows what to do about"
mend = "write the section, and name it"
paths = ["alerts/*.yml"]
runbooks = ["doc/*.md"]
annotation = "runbook"

[guard.fixtures]
must_fail = [{ path = "alerts/a.yml", text = "groups: [{rules: [{alert: Down, annotations: {runbook: 'doc/pay.md#gone'}}]}]" }]
must_pass = [{ folder = "fixtures/linked" }]
"##;

const LINKED: &str =
    "groups: [{rules: [{alert: Down, annotations: {runbook: 'doc/pay.md#provider-is-down'}}]}]\n";
const RUNBOOK: &str = "# Paying\n\n## Provider is down\n\nCall them.\n";

/// A rule, its file, what was wrong in it, and what it was mended to.
const DEFECTS: [(&str, &str, &str, &str); 3] = [
    (
        "wall-clock-after-waits",
        "src/work/finish.rs",
        "fn finish() {\n    query(\"UPDATE work SET state = 'done', finished_at = now() WHERE id = $1\");\n}\n",
        "fn finish() {\n    query(\"UPDATE work SET state = 'done', finished_at = clock_timestamp() WHERE id = $1\");\n}\n",
    ),
    (
        "deadline-on-providers",
        "src/card.rs",
        "fn pay(order: &Order) {\n    provider\n        .charge(order)\n}\n",
        "fn pay(order: &Order) {\n    deadline(order)\n}\n",
    ),
    ("alerts-name-runbooks", "doc/pay.md", "# Paying\n\n## Provider is down\n", RUNBOOK),
];

/// The repository, and the commits that mended the defects, in their order.
fn repository() -> (tempfile::TempDir, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    git(dir.path(), &["init", "--quiet"]);
    write(dir.path(), "guards.toml", GUARDS);
    write(dir.path(), "fixtures/linked/alerts/a.yml", LINKED);
    write(dir.path(), "fixtures/linked/doc/pay.md", RUNBOOK);
    write(dir.path(), "alerts/pay.yml", LINKED);
    for (_, path, broken, _) in DEFECTS {
        write(dir.path(), path, broken);
    }
    commit(dir.path(), "all three defects");
    let mend = |(_, path, _, mended): &(&str, &str, &str, &str)| {
        write(dir.path(), path, mended);
        commit(dir.path(), path)
    };
    let fixes = DEFECTS.iter().map(mend).collect();
    (dir, fixes)
}

fn holds(dir: &Path, arguments: &[&str], expected: &str) {
    let (code, said, errors) = guard(dir, arguments);
    assert!(code == Some(0) && said.contains(expected), "{arguments:?}: {code:?} {said} {errors}");
}

fn fails(dir: &Path, arguments: &[&str], expected: &str) {
    let (code, said, errors) = guard(dir, arguments);
    assert!(code == Some(4) && said.contains(expected), "{arguments:?}: {code:?} {said} {errors}");
}

#[test]
fn each_defect_is_red_before_its_fix_and_green_after() {
    let (dir, fixes) = repository();
    for (index, ((rule, ..), fix)) in DEFECTS.iter().zip(&fixes).enumerate() {
        holds(dir.path(), &["prove", rule, "--fix", fix], "red before ");
        // On the commit that mended another defect it proves nothing.
        let other = &fixes[(index + 1) % fixes.len()];
        let (code, said, _) = guard(dir.path(), &["prove", rule, "--fix", other]);
        assert!(code == Some(4) && said.contains("not proved: "), "{rule}: {said}");
    }
    holds(dir.path(), &["prove", "--check"], "3 proofs hold, 0 do not\n");
    holds(dir.path(), &["run"], "0 errors");
    for (_, path, broken, mended) in DEFECTS {
        write(dir.path(), path, broken);
        fails(dir.path(), &["run"], ": 1 error,");
        write(dir.path(), path, mended);
    }
}

#[test]
fn a_guard_that_is_made_weaker_is_caught() {
    let (dir, fixes) = repository();
    for ((rule, ..), fix) in DEFECTS.iter().zip(&fixes) {
        holds(dir.path(), &["prove", rule, "--fix", fix], "red before ");
    }
    holds(dir.path(), &["mutate"], " noticed, 0 not\n");
    for (strong, weak) in [
        ("columns = [\"*_at\", \"lease_until\"]", "columns = [\"lease_until\"]"),
        ("pattern = \"provider.charge($ORDER)\"", "pattern = \"provider.charge(order, $MORE)\""),
        ("annotation = \"runbook\"", "annotation = \"summary\""),
    ] {
        write(dir.path(), "guards.toml", &GUARDS.replace(strong, weak));
        fails(dir.path(), &["test"], "(must ");
        fails(dir.path(), &["prove", "--check"], "2 proofs hold, 1 does not\n");
    }
    // A fixture that shows the difference no more is told by mutate.
    let blind = GUARDS.replace(
        "    { path = \"src/lease.sql\", text = \"SELECT id FROM work WHERE lease_until < now();\" },\n",
        "",
    );
    write(dir.path(), "guards.toml", &blind);
    holds(dir.path(), &["test"], " held, 0 did not\n");
    fails(dir.path(), &["mutate"], "wall-clock: no fixture notices: without the column lease_until\n");
}
