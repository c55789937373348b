//! The published contract: what crosses the wire, the table of endpoints, and the register of errors.
//!
//! Plain data with serde and the checks that a reader of it needs. It must never know how a request is
//! carried, where an answer is kept, or how an incident is decided. The canonical report itself is not a
//! type here: it travels as the stored bytes, which nobody may write again.

mod actions;
mod alerts;
mod audit;
mod bundle;
mod caller;
mod cursor;
mod endpoint;
mod error_code;
mod errors;
mod incidents;
mod ingest;
mod notifications;
mod problem;
mod status;
#[cfg(test)]
mod tests;
mod traces;

pub use actions::{Action, ActionAccepted, ActionRequest, BaselineAccepted, BaselineRequest};
pub use alerts::{Alert, AlertChange, AlertsPage, AlertsQuery, AlertsReply, IgnoredItem};
pub use audit::{
    AuditAction, AuditDenied, AuditDetails, AuditEntry, AuditOutcome, AuditPage, AuditQuery,
    CheckedAuditQuery, IncidentAuditQuery,
};
pub use bundle::{BUNDLE_SECS_MAX, BundleEnd, BundleFrame, BundleHead, BundleQuery};
pub use caller::{CallerKind, CallerView, PersonView, Role, Scope};
pub use cursor::{AuditCursor, CursorError, IncidentCursor, NotificationCursor, ReportCursor};
pub use endpoint::{Access, ENDPOINTS, Endpoint, GRPC_METHODS, GrpcMethod, Listener, Method};
pub use error_code::{ErrorCode, ErrorInfo, Fault, Retry};
pub use errors::{ErrorFamily, ErrorsPage, ErrorsQuery};
pub use incidents::{
    CheckedIncidentsQuery, Incident, IncidentCause, IncidentLink, IncidentsPage, IncidentsQuery,
    ReportFormat, ReportQuery, ReportRef, ReportsPage, ReportsQuery, StateFilter,
};
pub use ingest::{IngestReply, RejectedItem};
pub use notifications::{
    CheckedNotificationsQuery, DeliveryStateFilter, Notification, NotificationsPage, NotificationsQuery,
};
pub use problem::Problem;
pub use status::{Check, CheckStatus, Durability, Health, ReadyLine};
pub use traces::{Completeness, ExplainedOrigin, Explanation, FailureView, Hop, Trace, TraceEvent};

/// What a page holds where the caller does not say.
pub const PAGE_LIMIT_DEFAULT: u32 = 50;
/// What a page holds at most.
pub const PAGE_LIMIT_MAX: u32 = 200;
/// The longest comment that an operator may leave, in bytes.
pub const COMMENT_BYTES_MAX: usize = 4096;
/// The longest name of an actor, in bytes.
pub const ACTOR_BYTES_MAX: usize = 128;

/// A page's size as asked for, checked.
fn page_limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked {
        None => Ok(PAGE_LIMIT_DEFAULT),
        Some(limit) if (1..=PAGE_LIMIT_MAX).contains(&limit) => Ok(limit),
        Some(limit) => Err(Problem::new(
            ErrorCode::InvalidParameter,
            format!("limit is {limit}; it must be between 1 and {PAGE_LIMIT_MAX}"),
        )),
    }
}
