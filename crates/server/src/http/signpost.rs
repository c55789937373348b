//! Tells whoever came to the wrong door where the right one is. Senders that speak the other protocol have to be
//! refused in a form that they take for a refusal: else they go on sending, and nobody notices the loss.

use std::net::SocketAddr;

use api::ErrorCode;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::{ErrorForm, Failure};

const GRPC: &str = "application/grpc";

/// Which of the process's sockets this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Api,
    Admin,
    OtlpGrpc,
    OtlpHttp,
}

/// What is where in this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signpost {
    pub door: Door,
    pub api: SocketAddr,
    pub otlp_grpc: SocketAddr,
    pub otlp_http: SocketAddr,
}

impl Door {
    pub(crate) fn form(self) -> ErrorForm {
        match self {
            Self::Api | Self::Admin => ErrorForm::Problem,
            Self::OtlpGrpc => ErrorForm::Grpc,
            Self::OtlpHttp => ErrorForm::OtlpHttp,
        }
    }

    /// Telemetry comes in here, so that refusals are counted with it.
    pub(crate) fn takes_telemetry(self) -> bool {
        matches!(self, Self::OtlpGrpc | Self::OtlpHttp)
    }
}

impl Signpost {
    /// A request in a protocol that this door does not speak. To be asked before any path is looked at.
    pub(super) fn wrong_protocol(&self, headers: &HeaderMap) -> Option<Failure> {
        let detail = match (self.door, is_grpc(headers)) {
            (Door::OtlpGrpc, true) | (Door::Api | Door::Admin | Door::OtlpHttp, false) => return None,
            (Door::OtlpGrpc, false) => {
                format!("this port takes OTLP over gRPC only; OTLP over HTTP goes to {}", self.traces())
            }
            (Door::OtlpHttp, true) => {
                format!("this port takes OTLP over HTTP only; OTLP over gRPC goes to {}", self.otlp_grpc)
            }
            (Door::Api | Door::Admin, true) => {
                format!("no gRPC is spoken on this port; OTLP over gRPC goes to {}", self.otlp_grpc)
            }
        };
        Some(Failure::new(ErrorCode::UnsupportedMediaType, detail))
    }

    /// What is said of a path that the door does not have.
    pub(super) fn unknown_path(&self, path: &str) -> String {
        match (self.door, path) {
            (Door::OtlpHttp, _) => {
                format!(
                    "{path} is not known here; this port takes OTLP at POST /v1/traces, /v1/logs and /v1/metrics, the API is at http://{}",
                    self.api
                )
            }
            (Door::OtlpGrpc, _) => {
                format!(
                    "{path} is not known here; this port takes OTLP by TraceService/Export, LogsService/Export and MetricsService/Export"
                )
            }
            (Door::Admin, _) => {
                format!(
                    "{path} is not known here; this port has /livez, /readyz and /metrics, the API is at http://{}",
                    self.api
                )
            }
            (Door::Api, "/v1/traces" | "/v1/logs" | "/v1/metrics") => {
                format!("{path} is not known here; OTLP over HTTP goes to http://{}{path}", self.otlp_http)
            }
            (Door::Api, _) => format!(
                "{path} is not known here; incidents are at /v1/incidents, and doc/reference/endpoints.md lists every endpoint"
            ),
        }
    }

    fn traces(&self) -> String {
        format!("http://{}/v1/traces", self.otlp_http)
    }
}

/// The content types that the gRPC protocol names; `application/grpc-web` is another one.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = value.split(';').next().unwrap_or("").trim();
    let Some((name, rest)) = essence.split_at_checked(GRPC.len()) else { return false };
    name.eq_ignore_ascii_case(GRPC) && (rest.is_empty() || rest.starts_with('+'))
}
