//! What to do about a refusal, for somebody at a terminal: the register of errors speaks to callers of the API, and
//! names requests where this names commands.

use api::ErrorCode;

pub(crate) fn advice(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::IncidentNotFound => "`casebook incidents --state all` lists every incident.",
        ErrorCode::IncidentClosed => {
            "`casebook incident ID` names the incident that absorbed it; `casebook incidents` lists what is open."
        }
        ErrorCode::ActionConflict => "`casebook incident ID` shows how the incident stands now.",
        ErrorCode::ReportNotFound => {
            "`casebook incident ID` names the hash of an incident's report; a new incident's first one comes with \
             the next tick."
        }
        ErrorCode::NotificationNotFound => "`casebook notifications` lists them with their ids.",
        ErrorCode::TraceNotFound => {
            "Check the id. Traces that an incident cites are kept with it; `casebook incidents --state all` lists \
             every incident."
        }
        ErrorCode::EndpointNotFound => {
            "Check --server: it is the address that `casebook serve --listen` was given, of a server of this version."
        }
        ErrorCode::InvalidCursor => {
            "Use the cursor that the list before gave, unchanged, or none to start anew."
        }
        other => other.info().remedy,
    }
}
