//! The register of errors that a caller can meet: stable codes, what happened, whose fault, what to do.
//!
//! A code is never renamed or used again for something else. `doc/reference/errors.md` is made from here, and so is
//! the `type` of a problem: `urn:casebook:error:CODE`, a name and no address.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who has to change something before it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Whoever sent the request.
    Caller,
    /// Whoever runs the server: configuration, disk, load.
    Operator,
    /// Casebook itself.
    Casebook,
}

/// May the same request be sent again?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// It would fail again.
    Never,
    /// Yes, after `Retry-After` where it is given.
    Later,
}

/// One entry of the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorInfo {
    pub code: ErrorCode,
    /// The code in text, as in `code` and at the end of `type`.
    pub text: &'static str,
    pub status: u16,
    pub fault: Fault,
    pub retry: Retry,
    pub title: &'static str,
    pub happened: &'static str,
    pub remedy: &'static str,
}

macro_rules! register {
    ($($variant:ident $text:literal $status:literal $fault:ident $retry:ident
        $title:literal, $happened:literal, $remedy:literal;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $(#[serde(rename = $text)] $variant,)*
        }

        impl ErrorCode {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            pub const fn info(self) -> ErrorInfo {
                match self {
                    $(Self::$variant => ErrorInfo {
                        code: self,
                        text: $text,
                        status: $status,
                        fault: Fault::$fault,
                        retry: Retry::$retry,
                        title: $title,
                        happened: $happened,
                        remedy: $remedy,
                    },)*
                }
            }
        }
    };
}

register! {
    InvalidBody "invalid_body" 400 Caller Never
        "The body cannot be read",
        "The body is not what its content type says, is cut short, or lacks what the endpoint needs. Nothing of it was taken in.",
        "Compare the body with the endpoint's reference; `detail` says where reading stopped.";
    InvalidParameter "invalid_parameter" 400 Caller Never
        "A parameter is not valid",
        "A path or query parameter is unknown, stands twice, or has a value outside its range.",
        "Correct the parameter that `detail` names.";
    InvalidCursor "invalid_cursor" 400 Caller Never
        "The cursor is not valid",
        "The cursor is not one that this list gave out, or it was changed on the way.",
        "Use `next_cursor` of the page before, unchanged, or start without a cursor.";
    InvalidSignature "invalid_signature" 401 Caller Never
        "The signature is not valid",
        "The server checks who sends this, and no signature of the request fits the body and a configured secret. Nothing of it was taken in.",
        "Compare the secret of the sender with the server's; the body must arrive as it was signed.";
    Unauthenticated "unauthenticated" 401 Caller Never
        "No valid key or session",
        "The server asks who this is, and the request has no key or session that it knows: it is missing, mistyped, expired or was taken away.",
        "Send `Authorization: Bearer KEY`; `casebook keys new` makes a key for the server's keys file. People log in at `/login` where the server has an OpenID issuer.";
    Forbidden "forbidden" 403 Caller Never
        "The caller may not do this",
        "The key or session is valid, but its scope does not cover this endpoint, it may not be used from this address, or another site's page made the request.",
        "Use a key with the scope, or ask for the role, that `detail` names.";
    LoginFailed "login_failed" 403 Caller Never
        "The login came to nothing",
        "The issuer refused, what it sent does not count, the login took too long, or no group of the person has a role here.",
        "Log in again at `/login`. Where `detail` speaks of roles, ask whoever runs the server: --oidc-viewers, --oidc-responders and --oidc-admins name the groups.";
    EndpointNotFound "endpoint_not_found" 404 Caller Never
        "There is no such endpoint",
        "The path is not one of the server's on this listener.",
        "Check the path, and that it is asked on the right port.";
    IncidentNotFound "incident_not_found" 404 Caller Never
        "There is no such incident",
        "No incident with this id is known.",
        "List the incidents with `GET /v1/incidents?state=all`.";
    ReportNotFound "report_not_found" 404 Caller Never
        "There is no such report",
        "No report with this hash is archived, or the incident has none yet.",
        "List an incident's reports with `GET /v1/incidents/{id}/reports`; a new incident's first report comes with the next tick.";
    TraceNotFound "trace_not_found" 404 Caller Never
        "There is no such trace",
        "Neither the journal nor the evidence of an incident holds an event of this trace. It was never sent here, or its time of keeping is over.",
        "Check the id; traces that an incident cites are kept with it.";
    NotificationNotFound "notification_not_found" 404 Caller Never
        "There is no such notification",
        "No notification with this id is kept, or its time of keeping is over.",
        "List the notifications with `GET /v1/notifications`.";
    MethodNotAllowed "method_not_allowed" 405 Caller Never
        "The method is not allowed here",
        "The path exists, but not with this method.",
        "Use one of the methods in the `Allow` header.";
    NotAcceptable "not_acceptable" 406 Caller Never
        "No form that was asked for exists",
        "The answer has no form that the `Accept` header or `format` names.",
        "Ask for `application/json` or, for reports, `text/markdown` or `text/html`.";
    IncidentClosed "incident_closed" 409 Caller Never
        "The incident is closed",
        "The incident is over for good: it was merged into another, or it was resolved and the time in which it could come back has passed. Nothing acts on it any more.",
        "Act on the incident that `merged_into` names or, if it failed again, on the one that was opened then.";
    ActionConflict "action_conflict" 409 Caller Never
        "The action does not fit the incident",
        "As the incident is now, the action would change nothing or is not possible: it is resolved already, a service has no symptom in it, an incident would be merged into itself or across environments.",
        "Look at the incident again; `detail` says what does not fit.";
    RequestTimeout "request_timeout" 408 Caller Later
        "The request took too long to arrive",
        "The body did not arrive in the time that the server waits for it.",
        "Send smaller bodies, or check the network between.";
    NotificationNotRetryable "notification_not_retryable" 409 Caller Never
        "The notification cannot be tried again",
        "Its target has taken it already, or is no longer configured.",
        "For a target that is gone, configure one of that name and start the server again.";
    BodyTooLarge "body_too_large" 413 Caller Never
        "The body is too large",
        "The body is larger than the limit, before or after decompression. Nothing of it was taken in.",
        "Send it in smaller parts; `detail` names the limit.";
    UnsupportedMediaType "unsupported_media_type" 415 Caller Never
        "The content type is not supported",
        "The endpoint does not read the `Content-Type` of the request.",
        "Use a content type that `detail` names.";
    UnsupportedEncoding "unsupported_encoding" 415 Caller Never
        "The content encoding is not supported",
        "The endpoint does not read the `Content-Encoding` of the request.",
        "Use `gzip`, `zstd` or none.";
    RateLimited "rate_limited" 429 Caller Later
        "Too many requests",
        "More requests or bytes came by this key, from this address or from all together than the server's limits allow in this time. Nothing of the request was kept.",
        "Wait for `Retry-After` and send it again; `detail` names the limit, and `--rate-...` of the server sets it.";
    Internal "internal" 500 Casebook Later
        "An unexpected error",
        "Casebook met a case that it should not have. What was acknowledged before is safe.",
        "Report it with the request id; the server's log says more under it.";
    StorageFailed "storage_failed" 500 Operator Later
        "The store cannot be read or written",
        "The state beside the journal did not answer: a full disk, a lost volume, a locked file.",
        "Check the disk of the data directory; `casebook doctor` says which check fails.";
    ReportCorrupt "report_corrupt" 500 Operator Never
        "An archived report is damaged",
        "The stored bytes no longer have the hash that they are kept under, so they were not served.",
        "Check the disk; `casebook replay --verify` shows every damaged report, and the journal can derive it again.";
    NotReady "not_ready" 503 Operator Later
        "The server is not ready yet",
        "The server is starting or stopping and does not take requests at this moment.",
        "Wait for `GET /readyz` on the admin listener to answer 200.";
    Overloaded "overloaded" 503 Operator Later
        "The server is overloaded",
        "A bounded queue is full, so the request was not taken in. Nothing of it was kept.",
        "Wait for `Retry-After` and send it again; if it persists, give the server more or send less.";
    IssuerUnavailable "issuer_unavailable" 503 Operator Later
        "The OpenID issuer cannot be used",
        "Nobody can log in at the moment: the issuer cannot be reached, or what it answers does not fit the server's settings. Keys and sessions go on.",
        "See `detail` and the server's log; try again once the issuer answers.";
    JournalFailed "journal_failed" 503 Operator Later
        "The journal cannot be written",
        "The event could not be made durable, so it was not acknowledged.",
        "Check the disk of the data directory; send it again once `GET /readyz` answers 200.";
    DiskFull "disk_full" 503 Operator Later
        "The disk is nearly full",
        "Less is free than `--disk-reserve`, so telemetry is not taken in. Signals, alerts and actions still are.",
        "Make room, or lower `--retention-bytes`; telemetry is taken again by itself.";
}

impl ErrorCode {
    pub const fn as_str(self) -> &'static str {
        self.info().text
    }

    pub const fn status(self) -> u16 {
        self.info().status
    }

    /// The `type` of a problem. A name, not an address: it stays the same wherever the pages are put.
    pub fn type_uri(self) -> String {
        format!("urn:casebook:error:{self}")
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_entries_are_whole() {
        for (at, code) in ErrorCode::ALL.iter().enumerate() {
            let info = code.info();
            assert!(info.text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code}");
            assert!((400..600).contains(&info.status), "{code}");
            assert!(!info.title.ends_with('.'), "{code}");
            assert!(info.happened.ends_with('.') && info.remedy.ends_with('.'), "{code}");
            assert!(!ErrorCode::ALL[at + 1..].iter().any(|other| other.as_str() == code.as_str()), "{code}");
        }
    }

    #[test]
    fn a_fault_of_the_caller_is_a_4xx_and_no_other_is() {
        for code in ErrorCode::ALL {
            let info = code.info();
            assert_eq!(info.fault == Fault::Caller, info.status < 500, "{code}");
        }
    }

    #[test]
    fn the_written_code_is_the_registered_text() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{}\"", code.as_str()));
        }
    }
}
