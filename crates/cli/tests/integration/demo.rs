//! `casebook demo` for real: every scenario must end in the verdict that is known beforehand, and no process
//! may outlive it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const CASEBOOK: &str = env!("CARGO_BIN_EXE_casebook");
const END_WITHIN: Duration = Duration::from_secs(180);

/// A demo under way, with its output in a file so that no full pipe can hold it up.
pub(crate) struct Demo {
    process: Child,
    output: PathBuf,
    directory: TempDir,
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("output");
        let process = Command::new(CASEBOOK)
            .arg("demo")
            .args(arguments)
            .arg("--data")
            .arg(directory.path().join("data"))
            // What a killed demo leaves behind goes with the test.
            .env("TMPDIR", directory.path())
            .stdout(File::create(&output).unwrap())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self { process, output, directory }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    fn ended(&mut self) -> ExitStatus {
        wait_for("the demo to end", || self.process.try_wait().unwrap())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "another process is waited for, with a deadline")]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < END_WITHIN, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Plays a scenario, and holds that every expectation was met, of which there must be so many.
pub(crate) fn as_expected(arguments: &[&str], checks: usize) -> Demo {
    let mut demo = Demo::start(arguments);
    let status = demo.ended();
    let text = demo.text();
    assert!(status.success(), "{status}\n{text}");
    assert!(!text.contains('✗'), "{text}");
    assert_eq!(text.matches("  ✓ ").count(), checks, "{text}");
    demo
}

fn says(demo: &Demo, lines: &[&str]) {
    let text = demo.text();
    for line in lines {
        assert!(text.contains(&format!("✓ {line}")), "no {line:?} in\n{text}");
    }
}

fn replay_agrees(data: &Path) {
    let replay = Command::new(CASEBOOK).args(["replay", "--verify", "--data"]).arg(data).output().unwrap();
    assert!(replay.status.success(), "{replay:?}");
}

pub(crate) const SHORT: [&str; 4] = ["--healthy", "10s", "--duration", "6s"];

#[test]
fn a_dependency_outage_is_traced_to_the_card_provider() {
    let demo = as_expected(&[&["--scenario", "dependency-outage"][..], &SHORT].concat(), 9);
    says(
        &demo,
        &[
            "cause: dependency",
            "subject: card-provider",
            "origin: payment",
            "propagation: payment -> checkout -> gateway",
        ],
    );
    replay_agrees(&demo.data());
}

#[test]
fn a_bad_deploy_is_traced_to_the_version_that_came() {
    let demo = as_expected(&[&["--scenario", "bad-deploy"][..], &SHORT].concat(), 9);
    says(&demo, &["cause: deploy", "origin: checkout", "propagation: checkout -> gateway"]);
    replay_agrees(&demo.data());
}

#[test]
fn a_panic_is_traced_to_the_process_that_panicked() {
    let demo = as_expected(&[&["--scenario", "panic"][..], &SHORT].concat(), 9);
    says(&demo, &["cause: runtime", "origin: inventory", "propagation: inventory -> checkout -> gateway"]);
    replay_agrees(&demo.data());
}

#[test]
fn a_steady_failure_rate_opens_nothing() {
    let demo = as_expected(&["--scenario", "quiet", "--duration", "45s"], 2);
    says(&demo, &["incidents: 0"]);
}

#[test]
fn a_scenario_from_a_script_ends_in_its_row_of_the_table() {
    let short = ["--healthy", "50s", "--duration", "8s"];
    let mut demo = Demo::start(&[&["--scenario", "certificate-expiry"][..], &short].concat());
    let status = demo.ended();
    let text = demo.text();
    assert!(status.success(), "{status}\n{text}");
    let row = text.lines().find(|line| line.starts_with("certificate-expiry ")).unwrap();
    assert!(row.contains("yes") && row.contains("payment") && row.contains("✓ right"), "{row}");
    assert!(text.contains("1 of 1 right") && text.contains("report hash "), "{text}");
    replay_agrees(&demo.data());
}

#[test]
fn data_of_an_earlier_demo_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("mine"), "mine").unwrap();
    let run = Command::new(CASEBOOK).args(["demo", "--data"]).arg(directory.path()).output().unwrap();
    assert!(!run.status.success());
    assert!(String::from_utf8_lossy(&run.stderr).contains("is not empty"), "{run:?}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn no_process_outlives_a_demo_that_is_killed() {
    let mut demo = Demo::start(&[]);
    wait_for("the shop to open", || demo.text().contains("the shop is open").then_some(()));
    let children = children_of(demo.process.id());
    assert_eq!(children.len(), 7, "a server, a card provider and five services: {children:?}");

    demo.process.kill().unwrap();
    demo.process.wait().unwrap();
    wait_for("every process to end", || children.iter().all(|&child| !runs(child)).then_some(()));
}

/// State and parent of a process, from behind its name, which may hold anything.
#[cfg(target_os = "linux")]
fn state_and_parent(process: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

#[cfg(target_os = "linux")]
fn children_of(parent: u32) -> Vec<u32> {
    let names = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .filter_map(|name| name.parse().ok())
        .filter(|&process| state_and_parent(process).is_some_and(|(_, ppid)| ppid == parent))
        .collect()
}

/// A process that waits for somebody to take note of its end has ended.
#[cfg(target_os = "linux")]
fn runs(process: u32) -> bool {
    state_and_parent(process).is_some_and(|(state, _)| state != "Z")
}
