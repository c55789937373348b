//! The pure crates stay pure: no files, sockets, clock, environment, threads, randomness or async,
//! no order that leaks out of a hash map, no floating-point function that differs between machines.
//!
//! Textual, so it sees spelling and not meaning: it catches the slip, the layers catch the dependency.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;

use super::layers::Layers;
use super::{Finding, regex};
use crate::mask;
use crate::tree::Source;

const BANS: &[(&str, &str, &str)] = &[
    ("std_fs", r"\b(?:std::fs|fs::\w+|File::\w+)\b|\buse std::\{[^;]*\bfs\b", "files belong to the edges"),
    (
        "std_net",
        r"\b(?:TcpStream|TcpListener|UdpSocket|UnixStream|UnixListener|UnixDatagram|ToSocketAddrs)\b",
        "sockets belong to the edges",
    ),
    (
        "std_env",
        r"\bstd::env\b|\benv::(?:var|vars|args|temp_dir|current_dir)\b|\buse std::\{[^;]*\benv\b",
        "configuration is an argument",
    ),
    (
        "std_thread",
        r"\bstd::thread\b|\bthread::\w+|\buse std::\{[^;]*\bthread\b",
        "threads belong to the edges",
    ),
    ("clock", r"\b(?:SystemTime|Instant)\b|\bchrono::", "time is an argument"),
    (
        "randomness",
        r"\brand::|\bgetrandom\b|\bthread_rng\b|\bnew_v4\b|\bfastrand\b",
        "randomness is a seed that is handed in",
    ),
    ("async", r"\basync\s+(?:fn|move)\b|\basync\s*\{|\.await\b|\btokio::", "nothing in the core waits"),
    (
        "float_math",
        r"\.(?:exp|exp2|exp_m1|ln|ln_1p|log|log2|log10|powf|sin|cos|tan|cbrt)\(|\bf64::(?:exp|ln|log2|log10|powf)\b",
        "its last digit differs between machines, so it must not reach a decision or a hash",
    ),
];

/// Judges one file by the list of bans, if it belongs to a pure crate and ships.
pub(super) fn check(source: &Source, layers: &Layers) -> Vec<Finding> {
    let Some(code) = shipped_code(source, layers) else { return Vec::new() };
    let mut found = BTreeSet::new();
    for (rule, pattern, why) in BANS {
        for hit in regex(pattern).find_iter(&code) {
            // A grouped `use` is one hit over many lines; the word that offends is its last.
            let end = hit.start() + hit.as_str().trim_end().len();
            found.insert(Finding::new(&source.path, mask::line_of(&code, end - 1), rule, *why));
        }
    }
    found.into_iter().collect()
}

/// Finds walks over a `HashMap` or `HashSet` in the pure crates, by the names declared as one.
pub(super) fn hash_order(sources: &[Source], layers: &Layers) -> Vec<Finding> {
    let mut crates: BTreeMap<String, Vec<(&Source, String)>> = BTreeMap::new();
    for source in sources {
        if let Some(code) = shipped_code(source, layers) {
            let owner = source.path.split("/src/").next().unwrap_or("").to_owned();
            crates.entry(owner).or_default().push((source, code));
        }
    }
    let patterns = HashPatterns::new();
    crates.values().flat_map(|files| patterns.walks(files)).collect()
}

struct HashPatterns {
    alias: Regex,
    field: Regex,
    walk: Regex,
    for_loop: Regex,
}

impl HashPatterns {
    fn new() -> Self {
        HashPatterns {
            alias: regex(r"\btype\s+(\w+)[^=;]*=\s*[\w:]*\bHash(?:Map|Set)\b"),
            field: regex(
                r"\b(\w+)\s*:\s*&?(?:'\w+\s+)?(?:mut\s+)?(?:[\w]+::)*(\w+)\b|\blet\s+(?:mut\s+)?(\w+)\s*=\s*(?:\w+::)*(\w+)(?:::<[^;(]*>)?::\w+",
            ),
            walk: regex(
                r"\b(\w+)\s*\.(?:iter|iter_mut|keys|values|values_mut|into_iter|into_keys|into_values|drain|retain|extract_if)\s*\(",
            ),
            for_loop: regex(r"\bin\s+&?(?:mut\s+)?(?:\w+\.)*(\w+)\s*\{"),
        }
    }

    fn declared<'a>(&self, code: &'a str, kinds: &BTreeSet<&str>) -> Declared<'a> {
        let mut declared = Declared { hashed: BTreeSet::new(), other: BTreeSet::new() };
        for found in self.field.captures_iter(code) {
            let (Some(name), Some(kind)) = (found.get(1).or(found.get(3)), found.get(2).or(found.get(4)))
            else {
                continue;
            };
            if kinds.contains(kind.as_str()) {
                declared.hashed.insert(name.as_str());
            } else if kind.as_str().starts_with(char::is_uppercase) {
                declared.other.insert(name.as_str());
            }
        }
        declared
    }

    fn walks(&self, files: &[(&Source, String)]) -> Vec<Finding> {
        let mut kinds: BTreeSet<&str> = BTreeSet::from(["HashMap", "HashSet"]);
        for (_, code) in files {
            kinds.extend(self.alias.captures_iter(code).filter_map(|found| Some(found.get(1)?.as_str())));
        }
        let declared: Vec<Declared> = files.iter().map(|(_, code)| self.declared(code, &kinds)).collect();
        let everywhere: BTreeSet<&str> =
            declared.iter().flat_map(|file| file.hashed.iter().copied()).collect();
        let mut findings = BTreeSet::new();
        for ((source, code), here) in files.iter().zip(&declared) {
            for found in self.walk.captures_iter(code).chain(self.for_loop.captures_iter(code)) {
                let Some(name) = found.get(1) else { continue };
                // A field may be declared in another file of the crate, unless this one says otherwise.
                let as_field = code[..name.start()].ends_with('.') && everywhere.contains(name.as_str());
                if here.hashed.contains(name.as_str()) || (as_field && !here.other.contains(name.as_str())) {
                    let line = mask::line_of(code, name.start());
                    let why =
                        format!("`{}` has no order: sort what comes out, or use a BTreeMap", name.as_str());
                    findings.insert(Finding::new(&source.path, line, "hash_order", why));
                }
            }
        }
        findings.into_iter().collect()
    }
}

/// The names that one file declares with a hashed type, and those it declares with another.
struct Declared<'a> {
    hashed: BTreeSet<&'a str>,
    other: BTreeSet<&'a str>,
}

fn shipped_code(source: &Source, layers: &Layers) -> Option<String> {
    let code = source.code.as_ref().filter(|_| layers.is_pure(&source.path) && !source.is_test())?;
    Some(mask::without_tests(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers() -> Layers {
        Layers::from_text("layers = [\"logic\"]\npure_paths = [\"crates/engine/src\"]\nimpure = []\nshipped_never = []\n[crates]").unwrap()
    }

    fn found(text: &str) -> Vec<(usize, &'static str)> {
        let source = Source::new("crates/engine/src/x.rs", text);
        check(&source, &layers()).into_iter().map(|f| (f.line, f.rule)).collect()
    }

    fn walks(text: &str) -> Vec<usize> {
        let source = Source::new("crates/engine/src/x.rs", text);
        hash_order(&[source], &layers()).into_iter().map(|f| f.line).collect()
    }

    #[test]
    fn each_ban_is_seen_once() {
        for (text, rule) in [
            ("use std::fs;", "std_fs"),
            ("use std::{io, fs};", "std_fs"),
            ("let f = File::open(p);", "std_fs"),
            ("use std::net::{IpAddr, TcpStream};", "std_net"),
            ("let s = TcpStream::connect(a);", "std_net"),
            ("let v = std::env::var(x);", "std_env"),
            ("std::thread::spawn(f);", "std_thread"),
            ("let now = Instant::now();", "clock"),
            ("use std::time::SystemTime;", "clock"),
            ("let x = rand::random();", "randomness"),
            ("async fn f() {}", "async"),
            ("let y = x.ln();", "float_math"),
        ] {
            assert_eq!(found(text), [(1, rule)], "{text}");
        }
        assert_eq!(found("use std::{\n    io,\n    thread,\n};"), [(3, "std_thread")]);
    }

    #[test]
    fn comments_literals_tests_and_other_crates_are_left_alone() {
        assert_eq!(
            found(
                "// std::fs\nuse std::net::IpAddr; let a = \"Instant\"; env!(\"X\"); let env = e; self.thread(); Duration::ZERO"
            ),
            []
        );
        assert_eq!(found("#[cfg(test)]\nmod tests { use std::fs; }"), []);
        let elsewhere = Source::new("crates/server/src/x.rs", "use std::fs;");
        assert_eq!(check(&elsewhere, &layers()), []);
        let test = Source::new("crates/engine/src/x/tests.rs", "use std::fs;");
        assert_eq!(check(&test, &layers()), []);
    }

    #[test]
    fn walks_over_hash_maps_are_found() {
        let text = "struct S { seen: HashMap<A, B>, list: Vec<A> }\n\
                    fn f(s: &S) { s.seen.iter(); }\n\
                    fn g(s: &S) { for x in &s.seen { } }\n\
                    fn h(s: &S) { s.list.iter(); s.seen.get(k); s.seen.insert(k, v); }\n\
                    fn i() { let mut set = std::collections::HashSet::new(); set\n.drain(); }";
        assert_eq!(walks(text), [2, 3, 5]);
        assert_eq!(
            walks(
                "type Families<V> = foldhash::HashMap<K, V>;\nstruct S { f: Families<u8> }\nfn f(s: S) { s.f.values(); }"
            ),
            [3]
        );
        let away = Source::new("crates/engine/src/y.rs", "fn f(s: S) { s.f.keys(); f.keys(); }");
        let home = Source::new("crates/engine/src/x.rs", "struct S { f: HashMap<K, u8> }");
        assert_eq!(hash_order(&[home, away], &layers()).len(), 1);
        assert_eq!(walks("struct S { f: BTreeMap<K, u8> }\nfn f(s: S) { s.f.values(); }"), [0; 0]);
    }
}
