//! Waits for Casebook to have seen and said everything: the last spans are in, the report stands still.

use std::time::{Duration, Instant};

use crate::casebook::Casebook;
use crate::run::Case;
use crate::screen::Screen;

const POLL: Duration = Duration::from_millis(200);
/// Longer than two ticks, in which the engine must have looked at what it last received.
const STILL_FOR: Duration = Duration::from_millis(2_500);
/// Afterwards the report is taken as it is, and the check says what is wrong with it.
const SETTLED_WITHIN: Duration = Duration::from_secs(20);

/// The incident's case once its report has stood still with the expected count, or when patience ends.
pub(crate) async fn settled(
    casebook: &Casebook,
    id: &str,
    failures: u64,
    screen: &mut Screen,
) -> anyhow::Result<Case> {
    let begun = Instant::now();
    let (mut still_since, mut last) = (begun, casebook.incident(id).await?);
    loop {
        tokio::time::sleep(POLL).await;
        let now = casebook.incident(id).await?;
        if now.report_hash != last.report_hash {
            still_since = Instant::now();
        }
        last = now;
        let complete = last.requests_affected == failures && last.report_hash.is_some();
        if complete && still_since.elapsed() >= STILL_FOR || begun.elapsed() >= SETTLED_WITHIN {
            return case(casebook, id).await;
        }
        let (seen, id) = (last.requests_affected, &last.id);
        screen.live(&format!("waiting for the last spans: {id} has {seen} of {failures} failed requests"))?;
    }
}

/// The incident and its report of one and the same moment, should the report still change now and then.
pub(crate) async fn case(casebook: &Casebook, id: &str) -> anyhow::Result<Case> {
    let mut attempts_left = 5u8;
    loop {
        let report = casebook.report(id).await?;
        let markdown = casebook.markdown(id).await?;
        let incident = casebook.incident(id).await?;
        attempts_left -= 1;
        if incident.report_hash.as_deref() == Some(&report.hash) || attempts_left == 0 {
            return Ok(Case { incident, report, markdown });
        }
    }
}
