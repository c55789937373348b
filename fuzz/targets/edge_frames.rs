//! See `fuzz::TARGETS`.
#![no_main]
#![allow(unsafe_code, reason = "the fuzzer calls by a name that the linker sees")]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::edge_frames::edge_frames(data));
