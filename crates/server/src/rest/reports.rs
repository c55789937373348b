//! Reports: the stored canonical bytes, never written again, and their rendering for people.

use api::{ErrorCode, ReportCursor, ReportFormat, ReportQuery, ReportsPage, ReportsQuery};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use engine::render;
use http::header::{ACCEPT, CONTENT_SECURITY_POLICY};
use http::{HeaderMap, HeaderValue};
use model::{IncidentId, Nanos, ReportDocument};

use super::conditional::Tagged;
use super::{Reading, StrictPath, StrictQuery, store_failure};
use crate::http::Failure;

/// The newest report changes; a client has to ask each time.
const CACHE_LATEST: &str = "private, no-cache";
/// What has a hash never changes.
const CACHE_BY_HASH: &str = "private, max-age=31536000, immutable";
const HASH_DIGITS: usize = 64;

pub(super) async fn latest(
    State(reading): State<Reading>,
    StrictPath(id): StrictPath<IncidentId>,
    StrictQuery(query): StrictQuery<ReportQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let format = format(&query, &headers)?;
    if let Some(report) = reading.store.report_latest(id).await.map_err(store_failure)? {
        return answer(report, format, CACHE_LATEST, &headers);
    }
    reading.require_incident(id).await?;
    Err(Failure::new(ErrorCode::ReportNotFound, format!("incident {id} has no report yet")))
}

pub(super) async fn by_hash(
    State(reading): State<Reading>,
    StrictPath(hash): StrictPath<String>,
    StrictQuery(query): StrictQuery<ReportQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let format = format(&query, &headers)?;
    let is_hash = hash.len() == HASH_DIGITS && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_hash {
        let detail = format!("{hash:?} is not a report hash of {HASH_DIGITS} lower-case hex digits");
        return Err(Failure::new(ErrorCode::InvalidParameter, detail));
    }
    let report = reading.store.report_by_hash(&hash).await.map_err(store_failure)?;
    let report = report.ok_or_else(|| {
        Failure::new(ErrorCode::ReportNotFound, format!("no report with hash {hash} is archived"))
    })?;
    answer(report, format, CACHE_BY_HASH, &headers)
}

pub(super) async fn history(
    State(reading): State<Reading>,
    StrictPath(id): StrictPath<IncidentId>,
    StrictQuery(query): StrictQuery<ReportsQuery>,
) -> Result<Json<ReportsPage>, Failure> {
    let (limit, after) = query.check()?;
    reading.require_incident(id).await?;
    let (limit, after) = (limit as usize, after.map_or(0, |cursor| cursor.sequence));
    let mut found = reading.store.report_refs(Some(id), after, limit + 1).await.map_err(store_failure)?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|last| ReportCursor { sequence: last.sequence });
    let reports = found
        .into_iter()
        .map(|report| api::ReportRef { hash: report.hash, tick: Nanos::to_rfc3339(report.tick) })
        .collect();
    Ok(Json(ReportsPage { reports, next_cursor: next.map(|cursor| cursor.to_string()) }))
}

fn answer(
    report: ReportDocument,
    format: ReportFormat,
    cache: &'static str,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    if format == ReportFormat::Json {
        let ReportDocument { hash: tag, bytes, .. } = report;
        return Ok(Tagged { content_type: "application/json", tag, cache, bytes }.answer(headers));
    }
    let read: engine::report::Report = serde_json::from_slice(&report.bytes)
        .map_err(|error| Failure::new(ErrorCode::Internal, format!("a report cannot be read: {error}")))?;
    let (content_type, suffix, text) = match format {
        ReportFormat::Markdown => ("text/markdown; charset=utf-8", "md", render::markdown(&read)),
        ReportFormat::Html => ("text/html; charset=utf-8", "html", render::html(&read)),
        ReportFormat::Slack => ("application/json", "slack", render::slack(&read)),
        ReportFormat::Pagerduty => ("text/plain; charset=utf-8", "pagerduty", render::pagerduty_note(&read)),
        ReportFormat::Json => {
            return Err(Failure::new(ErrorCode::Internal, "the stored bytes are no rendering"));
        }
    };
    let tag = format!("{}.{suffix}", report.hash);
    let mut response = Tagged { content_type, tag, cache, bytes: text.into_bytes() }.answer(headers);
    if format == ReportFormat::Html {
        // What the page says of itself, in the place of the policy that everything else is served with.
        let policy = format!("{}; frame-ancestors 'none'", render::CONTENT_SECURITY_POLICY);
        if let Ok(policy) = HeaderValue::try_from(policy) {
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
        }
    }
    Ok(response)
}

/// The form named in the query wins; then the first of `Accept` that exists.
fn format(query: &ReportQuery, headers: &HeaderMap) -> Result<ReportFormat, Failure> {
    if let Some(format) = query.format {
        return Ok(format);
    }
    let Some(accept) = headers.get(ACCEPT) else { return Ok(ReportFormat::Json) };
    let accept = accept.to_str().unwrap_or("");
    let named = accept.split(',').map(|part| part.split(';').next().unwrap_or("").trim());
    let mut known = named.filter_map(|name| match name {
        "application/json" | "application/*" | "*/*" => Some(ReportFormat::Json),
        "text/markdown" | "text/*" => Some(ReportFormat::Markdown),
        "text/html" => Some(ReportFormat::Html),
        _ => None,
    });
    known.next().ok_or_else(|| {
        let detail = format!("{accept:?} names none of application/json, text/markdown and text/html");
        Failure::new(ErrorCode::NotAcceptable, detail)
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn chosen(accept: &'static str) -> Option<ReportFormat> {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        format(&ReportQuery::default(), &headers).ok()
    }

    #[test]
    fn the_first_form_that_exists_is_chosen() {
        assert_eq!(chosen("*/*"), Some(ReportFormat::Json));
        assert_eq!(chosen("text/html, text/markdown;q=0.9, */*;q=0.1"), Some(ReportFormat::Html));
        assert_eq!(chosen("application/json"), Some(ReportFormat::Json));
        assert_eq!(chosen("image/png"), None);
        assert_eq!(format(&ReportQuery::default(), &HeaderMap::new()).ok(), Some(ReportFormat::Json));
    }
}
