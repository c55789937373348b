//! A soak: how much the server on its core takes of everything without refusing any of it, then twice as much of that
//! for a long time, from clients that never hold back. What must hold is checked at the end.
#![allow(clippy::print_stdout, reason = "a command-line tool speaks through it")]

mod kinds;
mod lane;
mod latencies;
mod offer;
mod record;
mod watch;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use crate::casebook::{Casebook, Counted, Extent};
use crate::cell::Bed;
use crate::child::metric;
use crate::figures::{mebibytes, thousands};
use crate::machine::Machine;
use offer::{Offer, Tallies};
use record::{Bounds, Record, Row, Sample, rows};
use watch::Watch;

const TWICE: f64 = 2.0;
/// The journal's bound unless the caller names one.
const RETENTION_BYTES: u64 = 4 << 30;
/// More than all lanes of a listener together, from the one address that all clients here have.
const CONNECTIONS: u64 = 2048;
const FIRST_SPANS_PER_S: f64 = 60_000.0;
const STEP_UP: f64 = 1.5;
const HALVINGS: usize = 4;
/// A rate is sustained where everything is answered so soon after the last request.
const SETTLED_WITHIN: Duration = Duration::from_secs(1);
const P99_MS_MAX: f64 = 1_000.0;
/// What the server holds of requests at most (`--in-flight-bytes-max`).
const IN_FLIGHT_BYTES: f64 = 256.0 * 1024.0 * 1024.0;

pub(crate) async fn measure(
    bed: &Bed,
    machine: Machine,
    seconds: f64,
    results: Option<&Path>,
) -> anyhow::Result<()> {
    let bed = &prepared(bed);
    let phase = Duration::from_secs_f64((seconds / 60.0).clamp(2.0, 10.0));
    let (sustainable, bytes_per_s) = sustainable(bed, phase).await?;
    let offered = sustainable * TWICE;
    println!("{} spans/s are sustained; {} for {seconds:.0} s", thousands(sustainable), thousands(offered));
    // All that the server may hold goes before a request in the worst case, and refusing as much again costs at most
    // as much as taking it.
    let p99_ms = IN_FLIGHT_BYTES / bytes_per_s * TWICE * 1e3;
    let bounds = Bounds { p99_ms, journal_bytes: RETENTION_BYTES };
    let soaked = soak(bed, offered, seconds, bounds).await?;
    let mut record = Record {
        casebook_version: env!("CARGO_PKG_VERSION").to_owned(),
        machine,
        serve: bed.serve.clone(),
        sustainable_spans_per_s: sustainable,
        offered_spans_per_s: offered,
        seconds,
        bounds,
        totals: rows(&soaked.totals),
        retention_removed_bytes: soaked.removed_bytes,
        counted: soaked.counted,
        wrong: Vec::new(),
        samples: soaked.samples,
    };
    record.judge(soaked.failures);
    show(&record);
    if let Some(file) = results {
        record.write(file)?;
    }
    ensure!(record.wrong.is_empty(), "the soak failed:\n  {}", record.wrong.join("\n  "));
    Ok(())
}

/// What has to be set for such a run, unless the caller did: the journal has to fit the disk, and nobody may be turned away
/// at the door, where there is no telling what it was.
fn prepared(bed: &Bed) -> Bed {
    let mut serve = bed.serve.clone();
    let settings = [
        ("--retention-bytes", RETENTION_BYTES),
        ("--connections-max", CONNECTIONS),
        ("--connections-per-address-max", CONNECTIONS),
    ];
    for (name, value) in settings {
        if !serve.iter().any(|argument| argument.starts_with(name)) {
            serve.extend([name.to_owned(), value.to_string()]);
        }
    }
    Bed { program: bed.program.clone(), scratch: bed.scratch.clone(), serve, cores: bed.cores }
}

/// The highest rate at which nothing is refused, and the bytes of requests that it means.
async fn sustainable(bed: &Bed, phase: Duration) -> anyhow::Result<(f64, f64)> {
    let casebook = bed.on_its_core(Casebook::start(bed, Extent::Whole)).await?;
    let mut offer = Offer::connect(casebook.ready_line()).await?;
    let mut bytes_per_span = 0.0;
    let (mut taken, mut refused) = (0.0, f64::INFINITY);
    // What a first request costs, connections among them, is no part of it.
    is_sustained(&casebook, &mut offer, FIRST_SPANS_PER_S, phase, &mut bytes_per_span).await?;
    let mut halvings = 0;
    while halvings < HALVINGS {
        let rate = match (taken, refused) {
            (0.0, f64::INFINITY) => FIRST_SPANS_PER_S,
            (_, f64::INFINITY) => taken * STEP_UP,
            _ => {
                halvings += 1;
                (taken + refused) / 2.0
            }
        };
        if is_sustained(&casebook, &mut offer, rate, phase, &mut bytes_per_span).await? {
            taken = rate;
        } else {
            refused = rate;
        }
        println!("{} spans/s: {}", thousands(rate), if taken == rate { "taken" } else { "too much" });
    }
    ensure!(taken > 0.0, "not even {} spans/s are taken", thousands(refused));
    drop(offer);
    casebook.kill().await?;
    Ok((taken, taken * bytes_per_span))
}

async fn is_sustained(
    casebook: &Casebook,
    offer: &mut Offer,
    spans_per_s: f64,
    phase: Duration,
    bytes_per_span: &mut f64,
) -> anyhow::Result<bool> {
    let received = |page: &str| metric(page, "casebook_ingest_payload_bytes_total") as f64;
    let before = received(&casebook.metrics().await?);
    offer.at(spans_per_s);
    offer.until(Instant::now() + phase).await;
    let is_settled = offer.end(Some(SETTLED_WITHIN)).await;
    if !offer.end(None).await {
        bail!("requests are never answered");
    }
    let tallies = offer.take();
    casebook.drained().await?;
    if let Some((kind, tally)) = tallies.iter().find(|(_, tally)| tally.failed > 0) {
        bail!("{kind:?} failed: {}", tally.failure.as_deref().unwrap_or_default());
    }
    let spans = spans_per_s * phase.as_secs_f64();
    *bytes_per_span = bytes_per_span.max((received(&casebook.metrics().await?) - before) / spans);
    let is_fine = |tallies: &Tallies| {
        tallies.values().all(|tally| {
            tally.shed + tally.limited + tally.not_sent == 0 && tally.latencies.quantile_ms(0.99) < P99_MS_MAX
        })
    };
    Ok(is_settled && is_fine(&tallies))
}

/// What a soak left behind.
struct Soaked {
    totals: Tallies,
    samples: Vec<Sample>,
    removed_bytes: u64,
    counted: Counted,
    failures: Vec<String>,
}

async fn soak(bed: &Bed, spans_per_s: f64, seconds: f64, bounds: Bounds) -> anyhow::Result<Soaked> {
    let casebook = bed.on_its_core(Casebook::start(bed, Extent::Whole)).await?;
    let mut offer = Offer::connect(casebook.ready_line()).await?;
    let stretch_s = (seconds / 60.0).clamp(5.0, 10.0);
    let stretches = (seconds / stretch_s).round() as usize;
    let begun = Instant::now();
    let watch = Watch::begin(&casebook, begun, Duration::from_secs_f64(stretch_s), bounds.journal_bytes)?;
    let watching = tokio::spawn(watch.run(stretches));
    let (mut totals, mut stretched) = (Tallies::new(), Vec::new());
    offer.at(spans_per_s);
    while stretched.len() < stretches && !watching.is_finished() {
        offer.until(begun + Duration::from_secs_f64(stretch_s * (stretched.len() + 1) as f64)).await;
        let tallies = offer.take();
        stretched.push(rows(&tallies));
        add(&mut totals, tallies);
    }
    let seen = watching.await??;
    let is_answered = offer.end(None).await;
    add(&mut totals, offer.take());
    let samples = stretched.into_iter().zip(seen).map(|(rows, seen)| Sample { rows, seen });
    let mut samples: Vec<Sample> = samples.inspect(show_sample).collect();
    let counted = casebook.counted().await?;
    let page = casebook.metrics().await?;
    // What was under way at the end is answered by now.
    if let Some(last) = samples.last_mut() {
        last.seen.shed_by_server = watch::shed(&page);
    }
    let mut failures: Vec<String> = totals
        .iter()
        .filter_map(|(kind, tally)| Some(format!("{kind:?}: {}", tally.failure.as_ref()?)))
        .collect();
    if !is_answered {
        failures.push("some requests were never answered".to_owned());
    }
    drop(offer);
    casebook.stop().await?;
    Ok(Soaked {
        totals,
        samples,
        removed_bytes: metric(&page, "casebook_retention_removed_bytes_total"),
        counted,
        failures,
    })
}

fn add(totals: &mut Tallies, tallies: Tallies) {
    for (kind, tally) in tallies {
        totals.entry(kind).or_default().add(&tally);
    }
}

fn show_sample(sample: &Sample) {
    let seen = &sample.seen;
    let items = |of: fn(&Row) -> u64| {
        let traces = sample.rows.iter().filter(|row| row.kind.class() == "traces");
        thousands(traces.map(|row| of(row) * row.kind.items()).sum::<u64>() as f64)
    };
    println!(
        "{:5.0} s: offered {} accepted {} shed {} spans; {:4.0} MiB, journal {:5.0} MiB, lag {:3.0} MiB, server {:.2}, \
         we {:.2}, {} live{}",
        seen.at_s,
        items(|row| row.offered),
        items(|row| row.accepted),
        items(|row| row.shed),
        mebibytes(seen.resident_bytes_max),
        mebibytes(seen.journal_bytes),
        mebibytes(seen.lag_bytes),
        seen.server_busy,
        seen.generator_busy,
        seen.incidents_live,
        if seen.is_ready { "" } else { ", NOT READY" }
    );
}

fn show(record: &Record) {
    println!(
        "{:>12} {:>9} {:>8} {:>9} {:>9} {:>7} {:>7} {:>9} {:>9} {:>9}",
        "", "offered", "not sent", "accepted", "shed", "limited", "failed", "p50 ms", "p99 ms", "max ms"
    );
    for row in &record.totals {
        println!(
            "{:>12} {:>9} {:>8} {:>9} {:>9} {:>7} {:>7} {:>9.1} {:>9.1} {:>9.1}",
            format!("{:?}", row.kind),
            row.offered,
            row.not_sent,
            row.accepted,
            row.shed,
            row.limited,
            row.failed,
            row.p50_ms,
            row.p99_ms,
            row.max_ms
        );
    }
    println!(
        "bound of p99: {:.0} ms; retention removed {:.0} MiB",
        record.bounds.p99_ms,
        mebibytes(record.retention_removed_bytes)
    );
}
