//! The names of gRPC's status codes, however a convention writes them.

use super::super::semconv::Attr;
use super::super::view::{Facts, Value};

const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GrpcStatus(u8);

impl GrpcStatus {
    pub(crate) const OK: Self = Self(0);
    pub(crate) const CANCELLED: Self = Self(1);
    pub(crate) const DEADLINE_EXCEEDED: Self = Self(4);

    /// From a number, a name, or Connect's lower-case name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Ok(number) = text.parse::<u8>() {
            return Self::numbered(number.into());
        }
        if text.eq_ignore_ascii_case("canceled") {
            return Some(Self::CANCELLED);
        }
        NAMES.iter().position(|name| name.eq_ignore_ascii_case(text)).map(|number| Self(number as u8))
    }

    /// What a span says. A system that is not gRPC or Connect may use the general attribute for codes of its own.
    pub(crate) fn of(facts: &Facts<'_>) -> Option<Self> {
        let said = |attr| match facts.get(attr)? {
            Value::Int(number) => Some(Self::numbered(*number)),
            value => Some(Self::parse(&value.text()?)),
        };
        let system = || facts.first(&[Attr::RpcSystemName, Attr::RpcSystem]);
        let foreign = || system().is_some_and(|s| !matches!(&*s, "grpc" | "connect_rpc" | "connectrpc"));
        said(Attr::RpcGrpcStatusCode)
            .or_else(|| said(Attr::RpcConnectErrorCode))
            .or_else(|| said(Attr::RpcResponseStatusCode).filter(|_| !foreign()))
            .flatten()
    }

    fn numbered(number: i64) -> Option<Self> {
        u8::try_from(number).ok().filter(|number| usize::from(*number) < NAMES.len()).map(Self)
    }

    pub(crate) const fn name(self) -> &'static str {
        NAMES[self.0 as usize]
    }

    pub(crate) const fn number(self) -> i64 {
        self.0 as i64
    }

    /// The server is to blame, as the conventions for server spans say.
    pub(crate) const fn is_server_error(self) -> bool {
        matches!(self.0, 2 | 4 | 12..=15)
    }
}
