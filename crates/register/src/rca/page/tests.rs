//! The page: it needs nothing beside it, shows text and acts on none.

use sha2::{Digest, Sha256};

use super::super::tests::cases::SOUND;
use super::*;
use crate::guard::Mode;

const FIRST: &str = "2026-11-card-provider-outage.md";
const SECOND: &str = "2026-12-other.md";

fn inert(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn made(first: &str, guards: &[Guarding]) -> String {
    let second = SOUND
        .replace("status = \"declined\"", "status = \"open\"")
        .replace("owner_layer = \"payments\"", "owner_layer = \"edge\"")
        .replace("deadline-on-providers", "clock-after-wait");
    let files =
        [File { name: FIRST, bytes: first.as_bytes() }, File { name: SECOND, bytes: second.as_bytes() }];
    page(&files, guards, inert)
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let letter = char::from(LETTERS[(bits >> (18 - 6 * at)) as usize & 63]);
            out.push(if at <= chunk.len() { letter } else { '=' });
        }
    }
    out
}

#[test]
fn the_page_runs_its_own_script_and_no_other() {
    let hash = format!("sha256-{}", base64(&Sha256::digest(SCRIPT.as_bytes())));
    assert_eq!(SCRIPT_HASH, hash, "set SCRIPT_HASH to this");
    let page = made(SOUND, &[]);
    assert_eq!(page.matches("<script").count(), 1);
    assert!(page.contains(&format!("<script>{SCRIPT}</script>")));
}

#[test]
fn the_page_needs_nothing_beside_it() {
    let page = made(SOUND, &[]);
    for outside in ["http:", "https:", "//", " src=", "@import", "url("] {
        let page = page.replace("// Days are written", "");
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn the_page_counts_what_is_open_and_what_nobody_enforces() {
    let count = |guards: &[Guarding], said: &str| made(SOUND, guards).contains(said);
    assert!(count(&[], "<li><b>2</b> documents</li>\n<li><b>1</b> open follow-ups</li>"));
    assert!(count(&[], "<li><b>2</b> rules</li>\n<li><b>2</b> unenforced</li>"));
    assert!(count(&[], "data-due=\"2026-12-12\"><td><a href=\"2026-12-other.md\">"));
    let guard = Guarding {
        rule: "clock-after-wait".to_owned(),
        guard: "wall-clock".to_owned(),
        mode: Mode::Block,
        is_proved: true,
        defects: 2,
        runs: 40,
        catches: 3,
    };
    let guards = [guard];
    assert!(count(&guards, "<li><b>1</b> unenforced</li>"));
    assert!(count(&guards, "<p>2 rules: 1 block, 0 warn, 0 report, 1 unenforced</p>"));
    assert!(count(&guards, "<td>wall-clock (block)</td><td>2 defects; something new in 3 of 40 runs</td>"));
    // Detected after four minutes in both.
    assert!(count(&[], "4 min, worst 4 min</text>") && count(&[], ">edge</text>"));
}

#[test]
fn text_of_a_document_is_shown_and_does_nothing() {
    let hostile = SOUND
        .replace("title = \"Checkout failed", "title = \"<script>alert(1)</script>\\u001b[2J' onload='x")
        .replace("Nobody could pay", "</td><img src=x onerror=alert(1)> \"& ")
        .replace("owner_layer = \"payments\"", "owner_layer = \"a\\\"><b>\"");
    let page = made(&hostile, &[]);
    for acting in ["<script>alert", "<img", "\u{1b}", "\"><b>", "' onload"] {
        assert!(!page.contains(acting), "{acting}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;\u{fffd}[2J&#39; onload=&#39;x"));
    assert!(page.contains("<option value=\"a&quot;&gt;&lt;b&gt;\">"));
}

#[test]
fn of_no_documents_there_is_a_page_too() {
    let page = page(&[], &[], inert);
    assert!(page.contains("<li><b>0</b> documents</li>") && page.contains("No document says both"));
}
