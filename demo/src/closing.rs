//! What is shown at the end: the report, the counts beside it, the expectations, and where to look next.

use std::io;

use crate::Options;
use crate::casebook::ReceivedReport;
use crate::counts::Tally;
use crate::load::UNDER_WAY_MAX;
use crate::run::{Case, Findings};
use crate::scenario::Scenario;
use crate::screen::Screen;
use crate::verdict::Verdict;

pub(crate) fn findings(findings: &Findings, screen: &mut Screen) -> io::Result<()> {
    screen.text("")?;
    if let Some(case) = &findings.case {
        screen.text(&format!("{}\n", case.markdown.trim_end()))?;
        screen.text(&format!("report hash {}", case.report.hash))?;
    }
    let Tally { checkout, products, held_back } = findings.tally;
    screen.text(&format!(
        "the client counted: POST /checkout {} requests, {} failed; GET /products {} requests, {} failed",
        checkout.answered, checkout.failed, products.answered, products.failed
    ))?;
    if held_back > 0 {
        screen.text(&format!(
            "it held {held_back} requests back, because {UNDER_WAY_MAX} were waiting for an answer"
        ))?;
    }
    screen.text("\nexpected of this scenario:")?;
    findings.checks.iter().try_for_each(|check| screen.text(&format!("  {}", check.line())))
}

/// One row for each scenario, and how many are right.
pub(crate) fn table(verdicts: &[Verdict], screen: &mut Screen) -> io::Result<()> {
    let rows: Vec<_> =
        std::iter::once(Verdict::HEAD.map(str::to_owned)).chain(verdicts.iter().map(Verdict::row)).collect();
    let widths: [usize; 6] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    screen.text("")?;
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        screen.text(cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    let right = verdicts.iter().filter(|verdict| verdict.right()).count();
    screen.text(&format!("\n{right} of {} right", verdicts.len()))
}

/// For the time that everything stays up.
pub(crate) fn look_around(url: &str, case: Option<&Case>, screen: &mut Screen) -> io::Result<()> {
    let program = program();
    screen.text("\nwhere to look next:")?;
    screen.text(&format!("  {program} incidents --state all --server {url}"))?;
    screen.text(&format!("  {program} errors --server {url}"))?;
    if let Some(Case { incident, report, .. }) = case {
        screen.text(&format!("  {program} incident {} --server {url}", incident.id))?;
        screen.text(&format!("  {program} report {} --format json --server {url}", incident.id))?;
        if let Some(trace) = ReceivedReport::example_trace(report) {
            screen.text(&format!("  {program} explain {trace} --server {url}"))?;
        }
    }
    Ok(())
}

/// For the time after everything has ended.
pub(crate) fn look_next(options: &Options, screen: &mut Screen) -> io::Result<()> {
    let program = program();
    if let Some(data) = &options.data {
        let data = data.display();
        screen.text("\nthe data is kept; derive its reports anew from the journal, or serve it again:")?;
        screen.text(&format!("  {program} replay --data {data} --verify"))?;
        screen.text(&format!("  {program} serve --data {data}"))?;
    } else if !options.keep {
        let name = options.scenario.map_or("all", Scenario::name);
        screen.text("\nwhere to look next:")?;
        screen.text(&format!(
            "  {program} demo --scenario {name} --keep        # stays up, to look around in"
        ))?;
        screen.text(&format!(
            "  {program} demo --scenario {name} --data DIR    # keeps the journal, to replay"
        ))?;
    }
    Ok(())
}

/// This program as it was called, so that its commands can be copied as they stand.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "casebook".to_owned())
}
