//! Text from outside is data on every surface: everything that a sender can name, say or attach is hostile at once, goes
//! through the real server, and is looked at wherever it comes out again. Markdown and HTML are read by real parsers.
//! A new surface is one line in a list below.

mod checks;
mod poison;
mod sending;
mod target;
mod ways;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::serve::{Served, command};
use checks::Form::{self, Html, Json, Log, Markdown, Message, Note, Slack, Terminal, TerminalJson};
use poison::{HOSTILE, MARK};
use sending::Sender;
use target::Targets;

const CASEBOOK: &str = env!("CARGO_BIN_EXE_casebook");
const WAIT_MAX: Duration = Duration::from_secs(120);

/// Whether the poison must be seen there, so that no surface is sound only because it shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    Poison,
    Perhaps,
}
use Shows::{Perhaps, Poison};

/// What the server answers. A surface that names nothing in braces is looked at once. `{inc}`, `{hash}`, `{trace}`: those of one incident.
const REST: &[(&str, Form, Shows)] = &[
    ("/v1/caller", Json, Perhaps),
    ("/v1/incidents?state=all&limit=200", Json, Poison),
    ("/v1/incidents/{inc}", Json, Poison),
    ("/v1/incidents/{inc}/report", Json, Poison),
    ("/v1/incidents/{inc}/report?format=markdown", Markdown, Poison),
    ("/v1/incidents/{inc}/report?format=html", Html, Poison),
    ("/v1/incidents/{inc}/report?format=slack", Slack, Poison),
    ("/v1/incidents/{inc}/report?format=pagerduty", Note, Poison),
    ("/v1/incidents/{inc}/reports", Json, Perhaps),
    ("/v1/incidents/{inc}/audit", Json, Poison),
    ("/v1/reports/{hash}?format=markdown", Markdown, Poison),
    ("/v1/reports/{hash}?format=html", Html, Poison),
    ("/v1/audit", Json, Poison),
    ("/v1/alerts?limit=200", Json, Poison),
    ("/v1/errors?limit=200", Json, Poison),
    ("/v1/notifications", Json, Perhaps),
    ("/v1/traces/{trace}", Json, Poison),
    ("/v1/traces/{trace}/explanation", Json, Poison),
    // What is refused is told with what was found.
    ("/v1/incidents/%1b%5d8;;http:%2f%2fevil.example%07zzpoison", Json, Poison),
    ("/v1/incidents?%3Cscript%3Ezzpoison%22%0d%0a=1", Json, Poison),
    ("/zzpoison%22%7d%0d%0a%1b%5b2J", Json, Perhaps),
];

/// What the commands print.
const COMMANDS: &[(&[&str], Form, Shows)] = &[
    (&["incidents", "--state", "all", "--limit", "200"], Terminal, Poison),
    (&["incidents", "--state", "all", "--json"], TerminalJson, Poison),
    (&["incident", "{inc}"], Terminal, Poison),
    (&["incident", "{inc}", "--json"], TerminalJson, Poison),
    (&["report", "{inc}"], Terminal, Poison),
    (&["report", "{inc}", "--format", "html"], Terminal, Poison),
    (&["report", "{inc}", "--format", "slack"], TerminalJson, Poison),
    (&["report", "{inc}", "--format", "pagerduty"], Terminal, Poison),
    (&["report", "{hash}", "--format", "markdown"], Markdown, Poison),
    (&["explain", "{trace}"], Terminal, Poison),
    (&["explain", "{trace}", "--json"], TerminalJson, Poison),
    (&["trace", "{trace}"], Terminal, Poison),
    (&["trace", "{trace}", "--json"], TerminalJson, Poison),
    (&["alerts", "--limit", "200"], Terminal, Poison),
    (&["alerts", "--json"], TerminalJson, Poison),
    (&["errors", "--limit", "200"], Terminal, Poison),
    (&["errors", "--json"], TerminalJson, Poison),
    (&["audit", "--limit", "200"], Terminal, Poison),
    (&["audit", "--json"], TerminalJson, Poison),
    (&["notifications", "--limit", "200"], Terminal, Perhaps),
    (&["notifications", "--json"], TerminalJson, Perhaps),
    (
        &["incident", "{inc}", "comment", "\u{1b}[2Jzzpoison", "--actor", "\u{1b}]0;zzpoison\u{7}"],
        Terminal,
        Perhaps,
    ),
    (&["accept-baseline", "--service", "\u{1b}[2J\u{202e}zzpoison"], Terminal, Poison),
    (&["bundle", "{inc}", "--out", "{case}"], Terminal, Poison),
];

/// What takes long, and is looked at for the texts that act on terminals.
const LONG_COMMANDS: &[(&[&str], Form, Shows)] = &[
    (&["eval", "{case}"], Terminal, Poison),
    (&["eval", "{case}", "--explain", "case"], Terminal, Poison),
    (&["eval", "{case}", "--json"], TerminalJson, Poison),
];

#[expect(clippy::disallowed_methods, reason = "another process is waited for, with a deadline")]
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < WAIT_MAX, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// One incident, and what of it stands in for the words in braces.
struct Subject {
    id: String,
    hash: String,
    trace: String,
    case: String,
}

impl Subject {
    fn fill(&self, text: &str) -> String {
        let filled = text.replace("{inc}", &self.id).replace("{hash}", &self.hash);
        filled.replace("{trace}", &self.trace).replace("{case}", &self.case)
    }
}

fn run(served: &Served, arguments: &[String]) -> Output {
    let server = format!("http://{}", served.ready.listen);
    Command::new(CASEBOOK).args(arguments).env("CASEBOOK_SERVER", server).output().unwrap()
}

/// Healthy traffic of every poison, then failing traffic until each has its incident with a report.
fn break_everything(sender: &Sender) -> Vec<Value> {
    for _ in 0..12 {
        let before = sender.ticks();
        sender.traffic(false);
        eventually("a tick", || (sender.ticks() > before).then_some(()));
    }
    sender.facts();
    eventually("an incident for each poison", || {
        sender.traffic(true);
        let page = sender.get_json("/v1/incidents?state=all&limit=200");
        let list = page["incidents"].as_array().unwrap().clone();
        let reported =
            |incident: &&Value| incident["report_hash"].is_string() && !incident["origin_service"].is_null();
        (list.iter().filter(reported).count() >= HOSTILE.len()).then_some(list)
    })
}

#[test]
fn hostile_text_is_inert_on_every_surface() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let log = root.path().join("log");
    let targets = Targets::start(root.path());
    let mut server = command(&data);
    server.args(["--tick", "100ms", "--log", "debug", "--notify"]).arg(&targets.file);
    server.stderr(fs::File::create(&log).unwrap());
    let served = Served::spawn(&mut server);
    let sender = Sender::new(&served);
    let mut incidents = break_everything(&sender);
    let mut envs = BTreeSet::new();
    incidents.retain(|incident| envs.insert(incident["env"].to_string()));
    let mut seen = Seen::new();
    for incident in &incidents {
        sender.act(incident["id"].as_str().unwrap(), incident["env"].as_str().unwrap());
    }
    eventually("every target to be told", || targets.told_all().then_some(()));
    for (number, incident) in incidents.iter().enumerate() {
        let subject = subject(&sender, incident, &root.path().join(format!("{number}/case")));
        let is_of = |path: &str| number == 0 || path.contains('{');
        look_at_answers(&sender, &subject, &mut seen, is_of);
        look_at_commands(&served, COMMANDS, &subject, is_of);
        if incident["env"].as_str().unwrap().contains('\u{1b}') {
            look_at_commands(&served, LONG_COMMANDS, &subject, is_of);
        }
    }
    let unseen: Vec<&str> = ways::marks().filter(|mark| !seen.contains(mark)).collect();
    assert_eq!(unseen, [""; 0], "came in and is shown nowhere");
    sender.refusals();
    for (target, body) in targets.got() {
        let form = if target == "slack" { Slack } else { Message };
        checks::check(form, &body, &format!("what {target} was told"));
    }
    assert_eq!(served.terminate(), Some(0));
    let replay = Command::new(CASEBOOK).args(["replay", "--verify", "--data"]).arg(&data).output().unwrap();
    assert!(replay.status.success(), "{replay:?}");
    checks::check(Terminal, &String::from_utf8(replay.stdout).unwrap(), "casebook replay");
    checks::check(Log, &fs::read_to_string(&log).unwrap(), "the server's log");
}

fn subject(sender: &Sender, incident: &Value, case: &Path) -> Subject {
    fs::create_dir_all(case.parent().unwrap()).unwrap();
    let id = incident["id"].as_str().unwrap().to_owned();
    let report = sender.get_json(&format!("/v1/incidents/{id}/report"));
    Subject {
        hash: incident["report_hash"].as_str().unwrap().to_owned(),
        trace: report["exemplars"][0]["trace_id"]
            .as_str()
            .map_or_else(|| sender.failed_trace(), str::to_owned),
        case: case.display().to_string(),
        id,
    }
}

fn look_at_answers(sender: &Sender, subject: &Subject, seen: &mut Seen, is_of: impl Fn(&str) -> bool) {
    for (path, form, shows) in REST.iter().filter(|(path, ..)| is_of(path)) {
        let path = subject.fill(path);
        let body = sender.get(&path);
        checks::check(*form, &body, &path);
        seen.extend(ways::marks().filter(|mark| body.contains(mark)));
        assert!(*shows == Perhaps || body.contains(MARK), "{path} shows nothing: {body}");
    }
}

/// The marks of what came out somewhere.
type Seen = BTreeSet<&'static str>;

fn look_at_commands(
    served: &Served,
    commands: &[(&[&str], Form, Shows)],
    subject: &Subject,
    is_of: impl Fn(&str) -> bool,
) {
    for (arguments, form, shows) in commands.iter().filter(|(arguments, ..)| is_of(&arguments.join(" "))) {
        let arguments: Vec<String> = arguments.iter().map(|argument| subject.fill(argument)).collect();
        let output = run(served, &arguments);
        let said = String::from_utf8(output.stdout).unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        checks::check(Terminal, &told, &format!("standard error of {arguments:?}"));
        assert!(*shows == Perhaps || output.status.success(), "{arguments:?}: {told}");
        if output.status.success() {
            checks::check(*form, &said, &format!("{arguments:?}"));
        }
        assert!(*shows == Perhaps || said.contains(MARK), "{arguments:?} shows nothing: {said}");
    }
}

/// Pages of people who log in: what an issuer says is tried by the server's own tests, which have one.
const PAGES: [&str; 3] = ["/login", "/login/callback", "/session"];

/// The lists name no surface twice, and every reading endpoint of the table is among them.
#[test]
fn no_reading_endpoint_is_forgotten() {
    let known = |path: &str| {
        let pattern = path.replace("{id}", if path.contains("traces") { "{trace}" } else { "{inc}" });
        PAGES.contains(&path)
            || REST.iter().any(|(listed, ..)| listed.split('?').next() == Some(&pattern))
            || COMMANDS.iter().any(|(arguments, ..)| path.ends_with(arguments[0]))
    };
    let reading = api::ENDPOINTS
        .iter()
        .filter(|endpoint| endpoint.method == api::Method::Get && endpoint.listener == api::Listener::Api);
    let missing: Vec<&str> = reading.map(|endpoint| endpoint.path).filter(|path| !known(path)).collect();
    assert_eq!(missing, [""; 0]);
    assert!(HOSTILE.iter().all(|text| text.contains(MARK)));
}
