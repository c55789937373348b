//! Waits for Casebook to have seen everything: the last spans are in, and the report counts them.

use std::time::{Duration, Instant};

use crate::casebook::Casebook;
use crate::run::Case;
use crate::screen::Screen;

const POLL: Duration = Duration::from_millis(200);
/// Longer than two ticks, in which whatever else was received would have been counted too.
const STILL_FOR: Duration = Duration::from_millis(2_500);
/// Afterwards the report is taken as it is, and the check says what is wrong with it.
const SETTLED_WITHIN: Duration = Duration::from_secs(20);

/// The incident's case once it has counted just these failures for a while, or when patience ends.
pub(crate) async fn settled(
    casebook: &Casebook,
    id: &str,
    failures: u64,
    screen: &mut Screen,
) -> anyhow::Result<Case> {
    let begun = Instant::now();
    let mut complete_since = None;
    while begun.elapsed() < SETTLED_WITHIN {
        let incident = casebook.incident(id).await?;
        let seen = incident.requests_affected;
        if seen == failures && incident.report_hash.is_some() {
            if complete_since.get_or_insert_with(Instant::now).elapsed() >= STILL_FOR {
                break;
            }
        } else {
            complete_since = None;
        }
        screen.live(&format!("waiting for the last spans: {seen} of {failures} failed requests counted"))?;
        tokio::time::sleep(POLL).await;
    }
    case(casebook, id).await
}

/// The incident and its report of one and the same tick, though the report changes with every tick.
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
