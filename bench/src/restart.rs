//! How long a start takes after kill -9: the real server takes in as many spans as asked for, is killed, and started
//! again on what it left, with its newest snapshot and without any.
#![allow(clippy::print_stdout, reason = "a command-line tool speaks through it")]

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;

use crate::casebook::{Casebook, Extent};
use crate::cell::Bed;
use crate::connection::Transport;
use crate::figures::mebibytes;
use crate::load::{Load, Plan};
use crate::machine::{ProcessorTime, resident_bytes};
use crate::traffic;

const BATCH: usize = 1_000;
const STRETCH_S: f64 = 1.0;
const STARTS: usize = 3;

pub(crate) async fn measure(bed: &Bed, spans: u64) -> anyhow::Result<()> {
    let directory = tempfile::tempdir_in(&bed.scratch).context("the scratch directory cannot be written")?;
    let data = directory.path().join("data");
    let plan = Plan { connections: 4, warm_up_s: 0.0, repeat_s: STRETCH_S, repeats: 1, spans_per_s: None };
    let casebook = Casebook::start_on(bed, Extent::Whole, Some(&data)).await?;
    let transport = Transport::HttpProtobuf;
    let mut load =
        Load::connect(transport, casebook.address(transport), traffic::bodies(BATCH), &plan).await?;
    let (begun, mut sent) = (Instant::now(), 0);
    while sent < spans {
        sent += load.send_for(STRETCH_S).await?.spans;
    }
    println!("{sent} spans sent in {:.0} s, then kill -9", begun.elapsed().as_secs_f64());
    drop(load);
    casebook.kill().await?;
    for with_snapshots in [true, false] {
        for _ in 0..STARTS {
            if !with_snapshots {
                std::fs::remove_dir_all(data.join("snapshots"))?;
            }
            start(bed, &data, with_snapshots).await?;
        }
    }
    directory.close().context("the scratch directory cannot be removed")
}

/// A start, and the end of it by kill -9, so that the next one finds the same.
async fn start(bed: &Bed, data: &Path, with_snapshots: bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    let casebook = Casebook::start_on(bed, Extent::Whole, Some(data)).await?;
    casebook.ready().await?;
    let took = begun.elapsed().as_secs_f64();
    let used = ProcessorTime::of(casebook.pid())?.total_s();
    let resident = mebibytes(resident_bytes(casebook.pid())?);
    let what = if with_snapshots { "newest snapshot" } else { "no snapshot" };
    println!("{what}: ready after {took:.2} s ({used:.1} s of processor time, {resident:.0} MiB)");
    for line in casebook.log().lines().filter(|line| line.contains("took_ms")) {
        println!("  {line}");
    }
    casebook.kill().await
}
