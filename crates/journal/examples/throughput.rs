//! Measures a journal: `cargo run --release -p journal --example throughput -- DIR`.
//!
//! Appends bodies of 64 KiB and of 1 KiB through group commit, scans them and looks keys up.

#![allow(clippy::print_stdout, reason = "what it prints is its purpose")]

use std::{error::Error, path::Path, time::Instant};

use journal::{Committed, Durability, GroupCommit, Journal, Key, Options, Position, Record};

const TOTAL_BYTES: usize = 1 << 30;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("usage: throughput DIR")?;
    for payload_bytes in [1 << 16, 1 << 10] {
        let dir = Path::new(&dir).join(payload_bytes.to_string());
        measure(&dir, payload_bytes)?;
    }
    Ok(())
}

fn measure(dir: &Path, payload_bytes: usize) -> Result<(), Box<dyn Error>> {
    let options = Options {
        dir: dir.to_owned(),
        segment_bytes_max: 256 << 20,
        frame_bytes_max: 32 << 20,
        durability: Durability::Durable,
        keys,
        disk: std::sync::Arc::new(journal::RealDisk),
    };
    let (writer, reader, _) = Journal::open(options.clone())?;
    let started = Instant::now();
    let commit = GroupCommit::start(writer, 4096, 16 << 20, |done: Vec<Committed<()>>| drop(done))?;
    let count = TOTAL_BYTES / payload_bytes;
    for number in 0..count {
        let record = record(number as u64, payload_bytes);
        while commit.submit(record.clone(), ()).is_err() {
            std::thread::yield_now();
        }
    }
    commit.stop();
    let rate = |started: Instant| (TOTAL_BYTES >> 20) as f64 / started.elapsed().as_secs_f64();
    println!("{payload_bytes:>6} bytes: append {:.0} MiB/s", rate(started));
    let started = Instant::now();
    assert_eq!(reader.scan(Position::START).filter(Result::is_ok).count(), count);
    println!("{payload_bytes:>6} bytes: scan {:.0} MiB/s", rate(started));
    let started = Instant::now();
    for number in 0..1000 {
        let number = number * count / 1000;
        assert_eq!(reader.lookup(&key(number as u64), Position::MAX)?.len(), 1);
    }
    println!("{payload_bytes:>6} bytes: lookup {:.1} us", started.elapsed().as_secs_f64() * 1000.0);
    let started = Instant::now();
    drop(Journal::open(options)?);
    println!("{payload_bytes:>6} bytes: open {:.0} ms", started.elapsed().as_secs_f64() * 1000.0);
    Ok(())
}

fn record(number: u64, payload_bytes: usize) -> Record {
    let mut payload = vec![b'x'; payload_bytes];
    payload[..16].copy_from_slice(&key(number));
    Record { kind: 1, received_ns: number, keys: vec![key(number)], payload }
}

fn key(number: u64) -> Key {
    let number = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (u128::from(number) << 64 | u128::from(!number)).to_le_bytes()
}

fn keys(_kind: u8, payload: &[u8], out: &mut Vec<Key>) {
    out.extend(payload.first_chunk::<16>());
}
