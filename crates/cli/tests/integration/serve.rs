//! `casebook serve`, `replay` and `doctor` as processes: the ready line, what is said of a bad configuration, the
//! way it ends, and the exit codes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

const CASEBOOK: &str = env!("CARGO_BIN_EXE_casebook");
const PORTS: [&str; 4] = ["--listen", "--admin", "--otlp-grpc", "--otlp-http"];
const END_WITHIN: Duration = Duration::from_secs(60);

pub(crate) struct Served {
    process: Child,
    /// Held, so that the server can go on writing.
    _out: BufReader<ChildStdout>,
    pub(crate) ready: api::ReadyLine,
}

impl Served {
    pub(crate) fn start(data: &Path) -> Self {
        Self::spawn(&mut command(data))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap();
        Self { process, _out: out, ready }
    }

    /// As `kill` without a number does it; the exit code.
    #[expect(
        clippy::disallowed_methods,
        reason = "a process cannot be waited for with a deadline; this looks again"
    )]
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < END_WITHIN, "the server does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn resident_kib_max(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn command(data: &Path) -> Command {
    let mut command = Command::new(CASEBOOK);
    command.arg("serve").arg("--data").arg(data).stderr(Stdio::null());
    for port in PORTS {
        command.args([port, "127.0.0.1:0"]);
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    Command::new(CASEBOOK).args(arguments).output().unwrap()
}

#[test]
fn the_ready_line_names_the_chosen_ports_and_a_signal_ends_the_server_in_order() {
    let data = tempfile::tempdir().unwrap();
    let served = Served::start(data.path());
    let ready = &served.ready;
    assert!(ready.ready);
    assert_eq!(ready.pid, served.process.id());
    let addresses = [ready.listen, ready.admin, ready.otlp_grpc, ready.otlp_http];
    assert!(addresses.iter().all(|address| address.port() != 0), "{addresses:?}");
    assert_eq!(served.terminate(), Some(0));
    let replayed = run(&["replay", "--verify", "--data", data.path().to_str().unwrap()]);
    assert_eq!(replayed.status.code(), Some(0), "{replayed:?}");
    // A server that never opened an incident has nothing that could agree.
    assert!(String::from_utf8(replayed.stdout).unwrap().contains("Nothing was verified"));
    let doctor = run(&["doctor", "--data", data.path().to_str().unwrap()]);
    assert_eq!(doctor.status.code(), Some(0), "{doctor:?}");
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(said.contains(" in 1 segment,"), "{said}");
}

#[test]
fn a_bad_configuration_is_told_whole_and_before_anything_is_touched() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("casebook.toml");
    std::fs::write(&file, "retention = \"1d\"\nsegment_bytes = \"small\"\n").unwrap();
    let data = root.path().join("data");
    let output = Command::new(CASEBOOK)
        .args(["serve", "--listen", "0.0.0.0:7420", "--config"])
        .arg(&file)
        .arg("--data")
        .arg(&data)
        .args(["--otlp-http", "127.0.0.1:7421"])
        .env("CASEBOOK_TICK", "never")
        .env("CASEBOOK_SHARD", "1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    for part in [
        "retention in ",
        "segment_bytes in ",
        "--listen: 0.0.0.0:7420",
        "CASEBOOK_TICK: \"never\"",
        "CASEBOOK_SHARD: no setting has this variable; did you mean CASEBOOK_SHARDS?",
        "--otlp-http: 127.0.0.1:7421 is the address of --admin already",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(!data.exists());
}

#[test]
fn a_directory_in_use_and_a_taken_port_are_usage_errors() {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let served = Served::start(data.path());
    let second = command(data.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    let taken = served.ready.listen.to_string();
    let third = run(&["serve", "--data", other.path().to_str().unwrap(), "--listen", &taken]);
    assert_eq!(third.status.code(), Some(1));
    let said = String::from_utf8(third.stderr).unwrap();
    assert!(said.contains(&format!("--listen {taken} cannot be bound")), "{said}");
    let replayed = run(&["replay", "--data", data.path().to_str().unwrap()]);
    assert_eq!(replayed.status.code(), Some(1), "{replayed:?}");
    let said = String::from_utf8(replayed.stderr).unwrap();
    assert!(said.contains("a running server has it open"), "{said}");
    assert_eq!(served.terminate(), Some(0));
}

#[test]
fn a_replay_of_a_directory_that_no_server_kept_says_so_and_makes_nothing() {
    let root = tempfile::tempdir().unwrap();
    for data in [root.path().to_owned(), root.path().join("nothing")] {
        let replayed = run(&["replay", "--data", data.to_str().unwrap()]);
        assert_eq!(replayed.status.code(), Some(1), "{replayed:?}");
        let said = String::from_utf8(replayed.stderr).unwrap();
        assert!(said.contains("no server has kept data here"), "{said}");
    }
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn doctor_of_a_directory_that_is_not_there_finds_one_fault() {
    let root = tempfile::tempdir().unwrap();
    let (missing, file) = (root.path().join("nothing"), root.path().join("file"));
    std::fs::write(&file, "").unwrap();
    for data in [missing.as_path(), root.path(), &file] {
        let doctor = run(&["doctor", "--data", data.to_str().unwrap()]);
        let said = String::from_utf8(doctor.stdout).unwrap();
        assert_eq!(doctor.status.code(), Some(4), "{said}");
        assert_eq!(said.matches("FAIL").count(), 1, "{said}");
        assert!(!said.contains("warn"), "{said}");
    }
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
}

/// Whether a server listens there is not this test's to say.
#[test]
fn doctor_measures_the_disk_by_the_reserve_that_is_set() {
    let data = tempfile::tempdir().unwrap();
    Served::start(data.path()).terminate();
    let disk = |reserve: &str| {
        let output = run(&["doctor", "--data", data.path().to_str().unwrap(), "--disk-reserve", reserve]);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().find(|line| line.contains("MiB are free")).map(str::to_owned).unwrap()
    };
    assert!(disk("1TiB").contains("telemetry is not taken"), "{}", disk("1TiB"));
    assert!(disk("0B").contains("ok"), "{}", disk("0B"));
}

#[test]
fn doctor_without_arguments_asks_the_server_that_other_commands_ask() {
    let doctor = Command::new(CASEBOOK)
        .arg("doctor")
        .env_remove("CASEBOOK_SERVER")
        .env_remove("CASEBOOK_DATA")
        .env_remove("CASEBOOK_CONFIG")
        .output()
        .unwrap();
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(said.contains("http://127.0.0.1:7420") && !said.contains("configuration"), "{said}");
}

#[test]
fn a_demo_that_cannot_keep_its_data_there_is_a_usage_error() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    std::fs::write(&file, "").unwrap();
    for (data, told) in [(file.as_path(), "is not a directory"), (root.path(), "is not empty")] {
        let demo = run(&["demo", "--data", data.to_str().unwrap()]);
        let said = String::from_utf8(demo.stderr).unwrap();
        assert_eq!(demo.status.code(), Some(1), "{said}");
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn doctor_sends_an_event_through_a_running_server() {
    let data = tempfile::tempdir().unwrap();
    let served = Served::start(data.path());
    let doctor = run(&["doctor", "--server", &format!("http://{}", served.ready.listen)]);
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert_eq!(doctor.status.code(), Some(0), "{said}");
    assert!(said.contains("read back"), "{said}");
    let nobody = run(&["doctor", "--server", "http://127.0.0.1:1"]);
    assert_eq!(nobody.status.code(), Some(4));
    let said = String::from_utf8(nobody.stdout).unwrap();
    assert!(said.contains("no answer from http://127.0.0.1:1: Connection refused"), "{said}");
    assert_eq!(served.terminate(), Some(0));
}
