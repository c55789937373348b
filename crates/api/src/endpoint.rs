//! Every endpoint of the server, once, and who may use it: routers, documentation and tests go by this table.

use crate::Scope;

/// One method on one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    pub method: Method,
    /// Parameters stand in braces, as in `/v1/incidents/{id}`.
    pub path: &'static str,
    pub listener: Listener,
    pub access: Access,
    pub summary: &'static str,
}

/// Who may use an endpoint of a server that has keys. Where it has none, only this machine reaches it, and may all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a key.
    Open,
    /// Anybody who wants to be known: charged to the address, as what is refused is.
    Login,
    /// Whoever has a valid key or session, of whatever scope.
    AnyKey,
    /// Callers of this scope.
    Needs(Scope),
    /// Callers of this scope, and this machine itself without a key.
    LocalOr(Scope),
}

impl Access {
    /// As the reference writes it.
    pub fn describe(self) -> String {
        match self {
            Self::Open => "open".to_owned(),
            Self::Login => "anybody, within limits".to_owned(),
            Self::AnyKey => "any key or session".to_owned(),
            Self::Needs(scope) => format!("`{scope}`"),
            Self::LocalOr(scope) => format!("`{scope}`, or from this machine"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

/// Which of the process's sockets an endpoint answers on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// `--listen`: the API.
    Api,
    /// `--admin`: health and metrics.
    Admin,
    /// `--otlp-http`: OTLP over HTTP on its standard paths.
    Otlp,
}

impl Method {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

pub const ENDPOINTS: &[Endpoint] = &[
    get("/v1/incidents", "List incidents, newest first: state, env, service, limit, cursor."),
    get("/v1/incidents/{id}", "One incident."),
    get(
        "/v1/incidents/{id}/report",
        "The newest report: its stored canonical bytes, or a rendering (Markdown, HTML, Slack, PagerDuty).",
    ),
    get("/v1/incidents/{id}/reports", "The incident's archived reports, oldest first."),
    get("/v1/incidents/{id}/audit", "What people did to the incident, newest first: limit, cursor."),
    admin_get(
        "/v1/incidents/{id}/bundle",
        "The inputs of a stretch of time as lines of a case, users and texts as they came: from, to.",
    ),
    get(
        "/v1/audit",
        "What people did, what the server did by itself and who was refused, newest first: incident, actor, action, outcome, limit, cursor.",
    ),
    act(
        "/v1/incidents/{id}/actions",
        "Acknowledge, assign, comment on, merge, split, resolve, silence or link an incident, or accept its baseline.",
    ),
    get(
        "/v1/reports/{hash}",
        "An archived report by its hash: its stored canonical bytes, or a rendering (Markdown, HTML, Slack, PagerDuty).",
    ),
    get("/v1/traces/{id}", "The events of one trace."),
    get("/v1/traces/{id}/explanation", "Where the trace's failure arose and how it spread."),
    endpoint(Method::Get, "/v1/caller", Listener::Api, Access::AnyKey, "Who asks: name, scope and address."),
    login("/login", "Sends a person to the OpenID issuer; `to` is the path to come back to."),
    login("/login/callback", "Where the issuer sends a person back to: begins a session."),
    endpoint(Method::Get, "/session", Listener::Api, Access::AnyKey, "A page that says who is logged in."),
    endpoint(Method::Post, "/logout", Listener::Api, Access::AnyKey, "Ends the session that asks."),
    get("/v1/alerts", "Alerts of other systems, the one told of last first: status, env, service, limit."),
    get("/v1/errors", "Error families, the most frequent first."),
    get("/v1/notifications", "List notifications, newest first: state, target, incident, limit, cursor."),
    act("/v1/notifications/{id}/retry", "Try a notification again that waits or was given up."),
    post("/v1/events", "Take in wide events, JSON or NDJSON."),
    post("/v1/events/validate", "Say what would become of wide events; keep nothing."),
    post("/v1/signals", "Take in signals, one or many."),
    post("/v1/deployments", "Take in deployments, one or many."),
    post(
        "/v1/alerts",
        "Take in alerts of Alertmanager, Grafana, PagerDuty or our own shape, told by their shape.",
    ),
    post("/v1/alerts/{provider}", "Take in alerts of alertmanager, grafana, pagerduty or native."),
    act("/v1/baseline", "Say that up to a time nothing was wrong: what was seen until then is the baseline."),
    otlp("/v1/traces", "Take in OTLP traces, protobuf or JSON."),
    otlp("/v1/logs", "Take in OTLP logs, protobuf or JSON."),
    otlp("/v1/metrics", "Take in OTLP metrics, protobuf or JSON."),
    admin("/livez", Access::Open, "The process runs."),
    admin("/readyz", LOCAL_OR_READ, "The process can take in and answer, check by check."),
    admin("/metrics", LOCAL_OR_READ, "Metrics in the Prometheus text form."),
];

/// A method of a gRPC service, on `--otlp-grpc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrpcMethod {
    /// As a client calls it: service and method.
    pub path: &'static str,
    pub access: Access,
    pub summary: &'static str,
}

pub const GRPC_METHODS: &[GrpcMethod] = &[
    GrpcMethod {
        path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        access: Access::Needs(Scope::Write),
        summary: "Take in OTLP traces; compression gzip, zstd or none.",
    },
    GrpcMethod {
        path: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        access: Access::Needs(Scope::Write),
        summary: "Take in OTLP logs; compression gzip, zstd or none.",
    },
    GrpcMethod {
        path: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        access: Access::Needs(Scope::Write),
        summary: "Take in OTLP metrics; compression gzip, zstd or none.",
    },
];

const LOCAL_OR_READ: Access = Access::LocalOr(Scope::Read);

const fn endpoint(
    method: Method,
    path: &'static str,
    listener: Listener,
    access: Access,
    summary: &'static str,
) -> Endpoint {
    Endpoint { method, path, listener, access, summary }
}

const fn get(path: &'static str, summary: &'static str) -> Endpoint {
    endpoint(Method::Get, path, Listener::Api, Access::Needs(Scope::Read), summary)
}

const fn login(path: &'static str, summary: &'static str) -> Endpoint {
    endpoint(Method::Get, path, Listener::Api, Access::Login, summary)
}

/// What shows more than reports do: users and texts as they came.
const fn admin_get(path: &'static str, summary: &'static str) -> Endpoint {
    endpoint(Method::Get, path, Listener::Api, Access::Needs(Scope::Admin), summary)
}

/// Takes something in.
const fn post(path: &'static str, summary: &'static str) -> Endpoint {
    endpoint(Method::Post, path, Listener::Api, Access::Needs(Scope::Write), summary)
}

/// Changes what Casebook does about something.
const fn act(path: &'static str, summary: &'static str) -> Endpoint {
    endpoint(Method::Post, path, Listener::Api, Access::Needs(Scope::Agent), summary)
}

const fn otlp(path: &'static str, summary: &'static str) -> Endpoint {
    endpoint(Method::Post, path, Listener::Otlp, Access::Needs(Scope::Write), summary)
}

const fn admin(path: &'static str, access: Access, summary: &'static str) -> Endpoint {
    endpoint(Method::Get, path, Listener::Admin, access, summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_endpoint_stands_twice_and_each_says_what_it_does() {
        for (at, one) in ENDPOINTS.iter().enumerate() {
            assert!(one.path.starts_with('/') && !one.path.ends_with('/'), "{}", one.path);
            assert!(one.summary.ends_with('.'), "{}", one.path);
            let twin = |other: &Endpoint| {
                (other.method, other.path, other.listener) == (one.method, one.path, one.listener)
            };
            assert!(!ENDPOINTS[at + 1..].iter().any(twin), "{}", one.path);
        }
    }

    #[test]
    fn only_liveness_is_open_and_what_only_reads_never_needs_more_than_it_shows() {
        for one in ENDPOINTS {
            assert_eq!(one.access == Access::Open, one.path == "/livez", "{}", one.path);
            assert_eq!(one.access == Access::Login, one.path.starts_with("/login"), "{}", one.path);
            let writes = matches!(one.access, Access::Needs(Scope::Write | Scope::Agent));
            let ends_session = one.path == "/logout";
            assert_eq!(writes || ends_session, one.method == Method::Post, "{}", one.path);
        }
        assert!(GRPC_METHODS.iter().all(|one| one.access == Access::Needs(Scope::Write)));
    }

    #[test]
    fn no_grpc_method_stands_twice_and_each_names_service_and_method() {
        for (at, one) in GRPC_METHODS.iter().enumerate() {
            let parts: Vec<_> = one.path.split('/').collect();
            assert!(
                matches!(parts[..], ["", service, method] if service.contains('.') && !method.is_empty())
            );
            assert!(one.summary.ends_with('.'), "{}", one.path);
            assert!(!GRPC_METHODS[at + 1..].iter().any(|other| other.path == one.path), "{}", one.path);
        }
    }
}
