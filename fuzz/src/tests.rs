//! The seeds, and what is near them, through every target: what a fuzzer would find in its first moments is found
//! without one.

use crate::{TARGETS, Target, seeds};

const DAMAGES: u64 = 300;

/// A xorshift; any row of numbers does.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// Some bytes of the seed changed, taken out, or told twice.
fn damaged(seed: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        let end = bytes.len().min(at + 1 + numbers.below(24));
        match numbers.below(4) {
            0 if !bytes.is_empty() => bytes[at] = numbers.below(256) as u8,
            1 if !bytes.is_empty() => bytes[at] ^= 1 << numbers.below(8),
            2 => drop(bytes.drain(at..end)),
            _ => {
                let twice = bytes[at..end].to_vec();
                bytes.splice(at..at, twice);
            }
        }
    }
    bytes
}

#[test]
fn every_target_has_seeds_and_keeps_its_promises_near_them() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for Target { name, run, .. } in TARGETS {
        let seeds = seeds::of(name);
        assert!(!seeds.is_empty(), "{name}");
        let keeps = |bytes: &[u8]| {
            let kept = std::panic::catch_unwind(|| run(bytes));
            assert!(kept.is_ok(), "{name}: {}", bytes.escape_ascii());
        };
        for seed in &seeds {
            keeps(seed);
            (0..DAMAGES).for_each(|_| keeps(&damaged(seed, &mut numbers)));
        }
        keeps(b"");
    }
}

#[test]
fn every_program_is_a_target() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
    for file in std::fs::read_dir(here).expect("the folder can be listed") {
        let name = file.expect("a file").file_name().to_string_lossy().replace(".rs", "");
        // One links the server, and one plants the seeds.
        let is_known = TARGETS.iter().any(|target| target.name == name)
            || ["server_settings", "plant"].contains(&&*name);
        assert!(is_known, "{name}");
    }
}

/// Nothing else builds them but the fuzzer.
#[test]
fn every_program_calls_its_target() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
    for Target { name, path, .. } in TARGETS {
        let text = std::fs::read_to_string(here.join(format!("{name}.rs"))).expect("it has a program");
        assert!(text.contains(&format!("|data: &[u8]| {path}(data)")), "{name}: {text}");
    }
}
