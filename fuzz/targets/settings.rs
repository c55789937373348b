//! See `fuzz::TARGETS`.
#![no_main]
#![allow(unsafe_code, reason = "the fuzzer calls by a name that the linker sees")]

libfuzzer_sys::fuzz_target!(init: fuzz::seeds::plant("settings"), |data: &[u8]| fuzz::run("settings", data));
