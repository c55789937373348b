//! What the API is asked with: cursors and parameters. Knows nothing of what is answered.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use api::{
    AlertsQuery, AuditCursor, AuditQuery, BundleQuery, ErrorsQuery, IncidentAuditQuery, IncidentCursor,
    IncidentsQuery, NotificationCursor, NotificationsQuery, ReportCursor, ReportQuery, ReportsQuery,
};
use model::{IncidentId, Nanos};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The text as a cursor, an id and a query of each list; its bytes as what a cursor holds.
pub fn queries(data: &[u8]) {
    let (numbers, _) = data.as_chunks::<8>();
    if let [first, second, ..] = *numbers {
        let (first, id) = (u64::from_be_bytes(first), IncidentId(second));
        given_out(IncidentCursor { listed_at: Nanos(first), id });
        given_out(ReportCursor { sequence: first });
        given_out(AuditCursor { sequence: first });
        given_out(NotificationCursor { sequence: first });
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    taken::<IncidentCursor>(text);
    taken::<ReportCursor>(text);
    taken::<AuditCursor>(text);
    taken::<NotificationCursor>(text);
    taken::<IncidentId>(text);
    if let Some(query) = asked::<IncidentsQuery>(text) {
        let _ = query.check().map(|checked| is_limit(checked.limit));
    }
    if let Some(query) = asked::<NotificationsQuery>(text) {
        let _ = query.check().map(|checked| is_limit(checked.limit));
    }
    if let Some(query) = asked::<AuditQuery>(text) {
        let _ = query.check().map(|checked| is_limit(checked.limit));
    }
    if let Some(query) = asked::<IncidentAuditQuery>(text) {
        let incident = IncidentId([1; 8]);
        let _ = query.check(incident).map(|checked| assert_eq!(checked.incident, Some(incident)));
    }
    if let Some(query) = asked::<ReportsQuery>(text) {
        let _ = query.check().map(|(limit, _)| is_limit(limit));
    }
    let _ = (asked::<AlertsQuery>(text), asked::<ErrorsQuery>(text));
    let _ = (asked::<BundleQuery>(text), asked::<ReportQuery>(text));
}

fn given_out<T: Display + FromStr<Err: Debug> + PartialEq + Debug>(cursor: T) {
    assert_eq!(cursor.to_string().parse::<T>().expect("what was given out is taken"), cursor);
}

/// One text for each cursor and no other.
fn taken<T: Display + FromStr>(text: &str) {
    if let Ok(cursor) = text.parse::<T>() {
        assert_eq!(cursor.to_string(), text);
    }
}

/// The query of the text, after it was written and read again.
fn asked<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) -> Option<T> {
    let query: T = serde_urlencoded::from_str(text).ok()?;
    let written = serde_urlencoded::to_string(&query).expect("a query can be written");
    let again: T = serde_urlencoded::from_str(&written).expect("what was written can be read");
    assert_eq!(again, query);
    Some(query)
}

fn is_limit(limit: u32) {
    assert!((1..=api::PAGE_LIMIT_MAX).contains(&limit), "{limit}");
}
