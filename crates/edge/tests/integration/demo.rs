//! `casebook-edge demo` as people run it, held against what it says of itself.

use std::time::Duration;

use crate::program::run_within;

/// It says that it takes half a minute; the machine may have more to do.
const DEMO_WITHIN: Duration = Duration::from_secs(90);

/// What it says was done, in order.
const ACTS: [&str; 5] = [
    "node 0 is killed",
    "node 0 is started again",
    "node 1 freezes: it takes connections and answers nothing",
    "node 1 moves again",
    " are replaced by ",
];

/// The number that a line begins with, or the one behind a word.
fn number(line: &str, behind: &str) -> u64 {
    let text = line.split_once(behind).map_or("", |(_, rest)| rest).trim_start();
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("no number behind {behind:?} in {line:?}"))
}

#[tokio::test]
async fn the_demo_kills_a_node_and_its_client_saw_nothing_of_it() {
    let ended = run_within(DEMO_WITHIN, &["demo"], &[]).await;
    let text = ended.text();
    assert_eq!(ended.code, Some(0), "{text}");
    let line = |part: &str| {
        text.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part:?} is not in:\n{text}"))
    };
    assert!(line("two nodes:").matches("http://127.0.0.1:").count() == 2, "{text}");
    assert!(line("the proxy:").contains("/demo (JSON-RPC, WebSocket), "), "{text}");
    // The client's heads grow over every act: a block comes every half a second, and the acts are seconds apart.
    let at = |act: &str| text.lines().position(|line| line.contains(act)).unwrap_or_else(|| panic!("{text}"));
    assert!(ACTS.windows(2).all(|two| at(two[0]) < at(two[1])), "{text}");
    let heads = ACTS.map(|act| number(line(act), "(the client has "));
    assert!(heads.windows(2).all(|two| two[0] + 4 <= two[1]), "{heads:?}\n{text}");

    let all = number(line(" heads, each once, on its parent, under one subscription"), "");
    assert!(all > heads[4] + 2, "{text}");
    let logs = line(" logs in order, and ");
    let lost = number(line(ACTS[4]), "which had ");
    assert!(number(logs, "") > lost && lost > 0, "{text}");
    assert_eq!(number(logs, "and "), lost, "what was lost is what was taken back");
    let calls = line(" calls answered, ");
    assert!(number(calls, "") > 200, "{text}");
    assert_eq!(number(calls, "answered, "), 0, "no call failed: {text}");
    assert!(number(calls, "longest took ") < 5_000, "{text}");
    assert_eq!(number(line(" connections lost"), ""), 0, "{text}");
    assert!(text.trim_end().ends_with("nothing is missing, and nothing came twice."), "{text}");
}
