//! What went wrong, as RFC 9457 writes it (`application/problem+json`).

use serde::{Deserialize, Serialize};

use crate::ErrorCode;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Names the kind of problem; see `ErrorCode::type_uri`.
    #[serde(rename = "type")]
    pub type_uri: String,
    pub title: String,
    pub status: u16,
    /// What happened this time: what, where, what would be right.
    pub detail: String,
    pub code: ErrorCode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Problem {
    pub const MEDIA_TYPE: &str = "application/problem+json";

    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        let info = code.info();
        Self {
            type_uri: code.type_uri(),
            title: info.title.to_owned(),
            status: info.status,
            detail: detail.into(),
            code,
            request_id: None,
        }
    }

    pub fn with_request_id(self, request_id: impl Into<String>) -> Self {
        Self { request_id: Some(request_id.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_written_as_rfc_9457_says() {
        let problem =
            Problem::new(ErrorCode::IncidentNotFound, "no incident inc_00").with_request_id("req-1");
        let written = serde_json::to_string_pretty(&problem).unwrap();
        let expected = r#"{
  "type": "urn:casebook:error:incident_not_found",
  "title": "There is no such incident",
  "status": 404,
  "detail": "no incident inc_00",
  "code": "incident_not_found",
  "request_id": "req-1"
}"#;
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_str::<Problem>(&written).unwrap(), problem);
    }
}
