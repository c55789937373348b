//! Writes the seeds of a target into the folder on the command line, which is to be its corpus and has its name. A program
//! of its own, so that a fuzzed one holds, counts and clears nothing but what it is to try; and with the fuzzer's
//! library, because all that is built for it needs its names.
#![no_main]
#![allow(unsafe_code, reason = "the fuzzer calls by a name that the linker sees")]

libfuzzer_sys::fuzz_target!(init: fuzz::seeds::plant_as_told(), |_data: &[u8]| {});
