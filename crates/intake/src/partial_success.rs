//! What a sender of OTLP is told of a request that was taken in, but not wholly or not as it came.
//! Of bounded length: it counts, and quotes only the first reject.

use std::fmt::Write;

use crate::{Rejected, Warning, Warnings};

/// The kinds of telemetry that OTLP has export requests for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telemetry {
    Traces,
    Logs,
    Metrics,
}

impl Telemetry {
    /// One item of a request.
    const fn item(self) -> &'static str {
        match self {
            Self::Traces => "span",
            Self::Logs => "log record",
            Self::Metrics => "data point",
        }
    }
}

/// The `error_message` of a `partial_success`; `None` where there is nothing to tell.
pub fn partial_success(telemetry: Telemetry, rejected: &[Rejected], warnings: &Warnings) -> Option<String> {
    let mut message = String::new();
    if let Some(first) = rejected.first() {
        let (item, plural) = (telemetry.item(), if rejected.len() == 1 { "" } else { "s" });
        // Writing to a text does not fail.
        let _ = write!(
            message,
            "rejected {} {item}{plural}: {}. The first is {item} {}: {}",
            rejected.len(),
            reasons(rejected),
            first.index,
            first.detail
        );
    }
    if !warnings.is_empty() {
        let told: Vec<_> = warnings.iter().map(|(warning, count)| told(warning, count)).collect();
        let start = if message.is_empty() { "warnings" } else { ". Warnings" };
        let _ = write!(message, "{start}: {}", told.join(", "));
    }
    (!message.is_empty()).then_some(message)
}

/// The one reason, or each with its count.
fn reasons(rejected: &[Rejected]) -> String {
    let counts = Rejected::counts(rejected);
    match counts.first_key_value() {
        Some((reason, _)) if counts.len() == 1 => reason.to_string(),
        _ => counts.iter().map(|(reason, n)| format!("{n} {reason}")).collect::<Vec<_>>().join(", "),
    }
}

fn told(warning: Warning, count: u64) -> String {
    match warning {
        Warning::MissingServiceName => {
            format!("{count} {warning} (name the service in the resource attribute service.name)")
        }
        other => format!("{count} {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RejectReason;

    fn rejected(index: usize, reason: RejectReason) -> Rejected {
        let (id, detail, problems) = (String::new(), "it ends in 2090".to_owned(), Vec::new());
        Rejected { index, id, reason, detail, problems }
    }

    #[test]
    fn what_was_taken_as_it_came_needs_no_words() {
        assert_eq!(partial_success(Telemetry::Traces, &[], &Warnings::default()), None);
    }

    #[test]
    fn rejects_and_warnings_are_counted_and_the_first_reject_is_shown() {
        use RejectReason::{InFuture, InvalidSpanId};
        let (one, two) = (rejected(7, InFuture), rejected(9, InvalidSpanId));
        let mut warnings = Warnings::default();
        let told = |rejected: &[Rejected], warnings: &Warnings| {
            partial_success(Telemetry::Traces, rejected, warnings).unwrap()
        };
        assert_eq!(
            told(std::slice::from_ref(&one), &warnings),
            "rejected 1 span: in_future. The first is span 7: it ends in 2090"
        );
        assert_eq!(
            told(&[one.clone(), one.clone()], &warnings),
            "rejected 2 spans: in_future. The first is span 7: it ends in 2090"
        );
        assert_eq!(
            partial_success(Telemetry::Logs, std::slice::from_ref(&one), &warnings).unwrap(),
            "rejected 1 log record: in_future. The first is log record 7: it ends in 2090"
        );
        assert_eq!(
            partial_success(Telemetry::Metrics, &[one.clone(), one.clone()], &warnings).unwrap(),
            "rejected 2 data points: in_future. The first is data point 7: it ends in 2090"
        );
        warnings.add(Warning::TextCut, 3);
        assert_eq!(told(&[], &warnings), "warnings: 3 text_cut");
        warnings.add(Warning::MissingServiceName, 1);
        assert_eq!(
            told(&[one.clone(), two, one], &warnings),
            "rejected 3 spans: 1 invalid_span_id, 2 in_future. The first is span 7: it ends in 2090. Warnings: \
             1 missing_service_name (name the service in the resource attribute service.name), 3 text_cut"
        );
    }
}
