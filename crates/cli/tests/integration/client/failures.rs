//! Each way to fail has its exit code, and a message that says what, where and what would be right.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Output, Stdio};

use api::{ErrorCode, Problem};

use super::answers::incidents;
use super::fake::Fake;
use super::{ask, casebook, code, stderr, stdout};

const INCIDENT: &str = "inc_4f0c2a9d1b7e6358";

fn ends_with(output: &Output, expected: i32, told: &[&str]) {
    let message = stderr(output);
    assert_eq!(code(output), expected, "{message}");
    assert_eq!(stdout(output), "");
    for part in told {
        assert!(message.contains(part), "{part:?} is missing in {message:?}");
    }
}

#[test]
fn help_and_version_are_no_failures() {
    for arguments in [&["--help"][..], &["--version"], &["incidents", "--help"], &["help", "report"]] {
        let output = casebook(arguments).output().unwrap();
        assert_eq!((code(&output), stderr(&output).as_str()), (0, ""), "{arguments:?}");
    }
    let help = stdout(&casebook(&["--help"]).output().unwrap());
    assert!(help.contains("Exit codes"), "{help}");
    for command in ["incidents", "incident", "report", "explain", "errors", "trace"] {
        let help = stdout(&casebook(&[command, "--help"]).output().unwrap());
        assert!(help.contains("CASEBOOK_SERVER"), "{help}");
    }
}

#[test]
fn the_help_of_every_command_ends_with_examples() {
    let commands = [
        "serve",
        "demo",
        "incidents",
        "incident",
        "report",
        "explain",
        "errors",
        "trace",
        "replay",
        "doctor",
    ];
    for command in commands {
        let help = stdout(&casebook(&[command, "--help"]).output().unwrap());
        let (_, examples) = help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{command}: {help}"));
        let start = format!("  casebook {command}");
        assert!(examples.lines().all(|line| line.starts_with(&start)), "{command}: {examples}");
    }
}

#[test]
fn wrong_arguments_are_1() {
    for (arguments, told) in [
        (&[][..], "Usage"),
        (&["incident"], "<ID>"),
        (&["unknown"], "unknown"),
        (&["incidents", "--state", "shut"], "open, all"),
        (&["incidents", "--limit", "0"], "1..=200"),
        (&["incidents", "--limit", "201"], "1..=200"),
        (&["incident", "inc_12"], "inc_ and 16 hex digits"),
        (&["incident", "../admin"], "inc_ and 16 hex digits"),
        (&["report", "abc"], "64 hex digits"),
        (&["trace", "zz"], "32 hex digits"),
        (&["explain", "zz"], "32 hex digits"),
        (&["report", INCIDENT, "--format", "pdf"], "markdown"),
        (&["errors", "--server", "127.0.0.1:7420"], "http://127.0.0.1:7420"),
        (&["errors", "--server", "ftp://example.org"], "ftp is not supported"),
        (&["errors", "--server", "http://h/?a=1"], "http://127.0.0.1:7420"),
        (&["errors", "--key", "a b"], "visible ASCII"),
        (&["errors", "--key", ""], "visible ASCII"),
    ] {
        ends_with(&casebook(arguments).output().unwrap(), 1, &[told]);
    }
}

#[test]
fn nobody_listening_is_2() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{address}/");
    let output = casebook(&["incidents", "--server", &url]).output().unwrap();
    ends_with(&output, 2, &[&url, "refused", "casebook serve", "CASEBOOK_SERVER"]);
}

#[test]
fn an_answer_that_breaks_off_is_2() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", "no HTTP at all\r\n\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let output = casebook(&["incidents", "--server", &url]).output().unwrap();
        ends_with(&output, 2, &["no answer from", &url]);
        server.join().unwrap();
    }
}

#[test]
fn a_refusal_is_3_and_a_failure_of_the_server_is_4() {
    for code in ErrorCode::ALL {
        let problem = Problem::new(*code, "what happened \u{1b}[2J this time").with_request_id("req-7");
        let output = ask(&Fake::problem(&problem), &["incident", INCIDENT]);
        let expected = if code.status() < 500 { 3 } else { 4 };
        let info = code.info();
        let told = [info.title, "what happened \\u{1b}[2J this time", code.as_str(), "req-7"];
        ends_with(&output, expected, &told);
        let advice = stderr(&output).lines().nth(1).unwrap().to_owned();
        assert!(advice.ends_with('.') && !advice.contains("GET /v1"), "{code}: {advice}");
        assert_eq!(stderr(&output).lines().count(), 2, "{code}");
    }
}

#[test]
fn what_is_not_there_is_looked_for_with_commands() {
    for (code, command) in [
        (ErrorCode::IncidentNotFound, "`casebook incidents --state all`"),
        (ErrorCode::ReportNotFound, "`casebook incident ID`"),
        (ErrorCode::TraceNotFound, "`casebook incidents --state all`"),
        (ErrorCode::EndpointNotFound, "--server"),
    ] {
        let output = ask(&Fake::problem(&Problem::new(code, "there is none")), &["incident", INCIDENT]);
        ends_with(&output, 3, &[command]);
    }
    let cursor = Problem::new(ErrorCode::InvalidCursor, api::CursorError.to_string());
    let told = stderr(&ask(&Fake::problem(&cursor), &["incidents", "--cursor", "i1"]));
    assert_eq!(told.matches("unchanged").count(), 1, "{told}");
}

#[test]
fn answers_of_something_else_are_told_apart() {
    let page = "<html>\u{1b}[2J Bad gateway</html>";
    for (status, body, expected) in [
        (502, page, 4),
        (404, page, 3),
        (302, "", 3),
        (200, page, 4),
        (200, "{\"incidents\":7}", 4),
        (200, "", 4),
    ] {
        let output = ask(&Fake::new(status, &[("location", "http://127.0.0.1:1/")], body), &["incidents"]);
        ends_with(&output, expected, &["is it a Casebook server of this version?"]);
        assert!(!stderr(&output).contains('\u{1b}'));
    }
}

#[test]
fn a_key_is_never_shown() {
    let problem = Problem::new(ErrorCode::Internal, "it broke");
    let outputs = [
        ask(&Fake::problem(&problem), &["errors", "--key", "cb_secret"]),
        casebook(&["errors", "--help"]).env("CASEBOOK_KEY", "cb_secret").output().unwrap(),
        casebook(&["errors", "--bad"]).env("CASEBOOK_KEY", "cb_secret").output().unwrap(),
    ];
    for output in outputs {
        assert!(!stdout(&output).contains("cb_secret") && !stderr(&output).contains("cb_secret"));
    }
}

/// As in `casebook incidents | head -1`.
#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut many = incidents();
    many.incidents = vec![many.incidents[0].clone(); 5000];
    let fake = Fake::json(&many);
    let mut running = casebook(&["incidents", "--server", &fake.url()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(running.stdout.take());
    let output = running.wait_with_output().unwrap();
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
}
