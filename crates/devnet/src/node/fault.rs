//! Everything that can be made wrong with a node: faults of the node itself, and faults of single requests. It must never
//! know how a fault is carried out.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Bounds of what a switch may say, so that a typing error does not ask for a year.
const MS_MAX: u64 = 3_600_000;
const METHODS_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// The process is gone: connections are reset, new ones refused, subscriptions and filters forgotten.
    Kill,
    /// The process ends in order: WebSockets are closed with 1001, new connections refused, and all is forgotten.
    Stop,
    /// The process stands still: connections are taken by the system, and nothing is read, answered or pushed. What came
    /// meanwhile is answered when the fault is cleared.
    Freeze,
    /// New connections are neither taken nor refused; open ones work.
    HangDial,

    /// The answer comes so much later.
    Slow {
        ms: u64,
    },
    /// The request is taken in and never answered.
    Silent,
    /// The request takes effect, and the connection is reset instead of answered.
    Reset,
    /// The connection is reset before the request takes effect.
    ResetBefore,
    /// The status of HTTP, without a JSON-RPC answer. Over WebSocket: an error with geth's code for it.
    Status {
        status: u16,
        retry_after_s: Option<u32>,
    },
    /// The same status, after the request took effect. Over WebSocket: an internal error.
    StatusAfter {
        status: u16,
    },
    /// A JSON-RPC error, with status 200.
    Error {
        code: i64,
        message: String,
        data: Option<Value>,
    },
    /// The answer ends after so many bytes, and the connection with it.
    Truncate {
        bytes: usize,
    },
    /// The answer is no JSON.
    Malformed,
    /// The result is `null`.
    Null,

    /// Says another chain id.
    WrongChain {
        chain_id: u64,
    },
    /// Says that its head is so much higher, and makes heads up.
    LieHead {
        ahead: u64,
    },
    /// Goes a way of its own from so many blocks below its head.
    OwnFork {
        depth: u64,
    },
    /// Is so many blocks behind.
    Lag {
        blocks: u64,
    },
    /// Says that it is syncing.
    Syncing,
    Peers {
        count: u64,
    },

    /// Answers, and pushes nothing; where a kind is given (`newHeads`, `logs`, ...), nothing of that kind.
    Stall {
        kind: Option<String>,
    },
    /// Once: closes all WebSockets with a code and a reason. New ones are taken.
    CloseSockets {
        code: u16,
        reason: String,
    },
    /// Drops all WebSockets and takes no new ones, while HTTP works.
    DropSockets,
    RefuseSubscriptions,
    /// Every notification comes twice.
    Duplicate,
    /// Notifications come so much later.
    Late {
        ms: u64,
    },
    /// Every connection counts its subscription ids from 0x1 again.
    CounterRestart,
    /// Every frame and every head is followed by an answer to an id that nobody used.
    Unsolicited,

    /// The consensus node has not verified what it follows.
    Optimistic,
    /// The consensus node has lost its execution node.
    ElOffline,
    /// The consensus node says that it is so many slots behind.
    SyncDistance {
        slots: u64,
    },
}

/// Which of the two servers of a node a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    Execution,
    Consensus,
}

/// A fault, and what it is limited to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Switch {
    #[serde(flatten)]
    pub fault: Fault,
    /// Methods, or paths of the Beacon API; `*` at the end stands for any rest. Empty: all.
    pub methods: Vec<String>,
    /// How many more requests it is for. `None`: until it is cleared.
    pub requests: Option<u32>,
    /// `None`: both.
    pub face: Option<Face>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    #[error(
        "expected an object such as {{\"fault\": \"slow\", \"ms\": 500, \"methods\": [\"eth_call\"], \"requests\": 3}}"
    )]
    NotObject,
    #[error("`{field}` is wrong: {reason}")]
    Field { field: &'static str, reason: String },
    #[error("{0}")]
    Fault(String),
    #[error("`{name}` has no field `{key}`")]
    UnknownKey { name: String, key: String },
    #[error("`{name}` is about the whole node: it takes no `methods` and no `requests`")]
    NotPerRequest { name: String },
    #[error("there are {max} faults set already; clear some")]
    TooMany { max: usize },
    #[error("there is no node {node}: they are 0 to {last}")]
    NoSuchNode { node: usize, last: usize },
    #[error("{0}")]
    Fork(#[from] crate::chain::ForkError),
}

impl Fault {
    /// Its name in the admin API.
    pub fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields.get("fault").and_then(Value::as_str).unwrap_or("").to_owned(),
            _ => String::new(),
        }
    }

    pub fn is_per_request(&self) -> bool {
        matches!(
            self,
            Self::Slow { .. }
                | Self::Silent
                | Self::Reset
                | Self::ResetBefore
                | Self::Status { .. }
                | Self::StatusAfter { .. }
                | Self::Error { .. }
                | Self::Truncate { .. }
                | Self::Malformed
                | Self::Null
        )
    }

    fn check(&self) -> Result<(), FaultError> {
        let field = |field, reason: &str| Err(FaultError::Field { field, reason: reason.to_owned() });
        match self {
            Self::Slow { ms } | Self::Late { ms } if *ms > MS_MAX => field("ms", "at most 3600000 (an hour)"),
            Self::Status { status, .. } | Self::StatusAfter { status } if !(400..=599).contains(status) => {
                field("status", "400 to 599")
            }
            Self::CloseSockets { code, .. } if !(1000..=4999).contains(code) => field("code", "1000 to 4999"),
            Self::CloseSockets { reason, .. } if reason.len() > 120 => field("reason", "at most 120 bytes"),
            _ => Ok(()),
        }
    }
}

impl From<Fault> for Switch {
    fn from(fault: Fault) -> Self {
        Self { fault, methods: Vec::new(), requests: None, face: None }
    }
}

impl Switch {
    /// For requests of these methods only.
    #[must_use]
    pub fn for_methods(mut self, methods: &[&str]) -> Self {
        self.methods = methods.iter().map(|method| (*method).to_owned()).collect();
        self
    }

    /// For so many requests.
    #[must_use]
    pub fn for_requests(mut self, requests: u32) -> Self {
        self.requests = Some(requests);
        self
    }

    /// For one of the two servers of the node.
    #[must_use]
    pub fn on(mut self, face: Face) -> Self {
        self.face = Some(face);
        self
    }

    pub fn check(&self) -> Result<(), FaultError> {
        self.fault.check()?;
        if !self.fault.is_per_request() && (!self.methods.is_empty() || self.requests.is_some()) {
            return Err(FaultError::NotPerRequest { name: self.fault.name() });
        }
        if self.requests == Some(0) {
            return Err(FaultError::Field { field: "requests", reason: "at least 1".to_owned() });
        }
        if self.methods.len() > METHODS_MAX {
            return Err(FaultError::Field { field: "methods", reason: format!("at most {METHODS_MAX}") });
        }
        Ok(())
    }

    /// As the admin API takes it.
    pub fn read(value: &Value) -> Result<Self, FaultError> {
        let Value::Object(fields) = value else { return Err(FaultError::NotObject) };
        let mut fields = fields.clone();
        let switch = Self {
            methods: take(&mut fields, "methods")?.unwrap_or_default(),
            requests: take(&mut fields, "requests")?,
            face: take(&mut fields, "face")?,
            fault: read_fault(fields)?,
        };
        switch.check()?;
        Ok(switch)
    }

    pub(super) fn is_for(&self, face: Face, method: &str) -> bool {
        let matches = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => method.starts_with(start),
            None => method == pattern,
        };
        self.covers(face) && (self.methods.is_empty() || self.methods.iter().any(matches))
    }

    pub(super) fn covers(&self, face: Face) -> bool {
        self.face.is_none_or(|only| only == face)
    }
}

fn take<T: for<'de> Deserialize<'de>>(
    fields: &mut Map<String, Value>,
    field: &'static str,
) -> Result<Option<T>, FaultError> {
    let value = fields.remove(field).unwrap_or_default();
    serde_json::from_value(value).map_err(|error| FaultError::Field { field, reason: error.to_string() })
}

/// serde forgives what it does not know; what was written back tells.
fn read_fault(fields: Map<String, Value>) -> Result<Fault, FaultError> {
    let given: Vec<String> = fields.keys().cloned().collect();
    let fault: Fault = serde_json::from_value(Value::Object(fields))
        .map_err(|error| FaultError::Fault(error.to_string()))?;
    let known = serde_json::to_value(&fault).unwrap_or_default();
    match given.into_iter().find(|key| known.get(key).is_none()) {
        Some(key) => Err(FaultError::UnknownKey { name: fault.name(), key }),
        None => Ok(fault),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_switch_is_read_with_its_limits() {
        let read = Switch::read(&json!({
            "fault": "slow", "ms": 500, "methods": ["eth_call", "eth_get*"], "requests": 3, "face": "execution"
        }));
        let switch = Switch::from(Fault::Slow { ms: 500 }).for_methods(&["eth_call", "eth_get*"]);
        let switch = switch.for_requests(3).on(Face::Execution);
        assert_eq!(read.as_ref(), Ok(&switch));
        assert!(switch.is_for(Face::Execution, "eth_getLogs") && switch.is_for(Face::Execution, "eth_call"));
        assert!(
            !switch.is_for(Face::Execution, "eth_callMany") && !switch.is_for(Face::Consensus, "eth_call")
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |value: Value| Switch::read(&value).unwrap_err().to_string();
        assert!(said(json!([])).starts_with("expected an object such as {\"fault\": \"slow\""));
        assert!(said(json!({"fault": "slwo"})).contains("unknown variant `slwo`"));
        assert!(said(json!({"fault": "slow"})).contains("missing field `ms`"));
        assert_eq!(said(json!({"fault": "kill", "ms": 1})), "`kill` has no field `ms`");
        assert_eq!(said(json!({"fault": "slow", "ms": 1, "mss": 1})), "`slow` has no field `mss`");
        assert_eq!(
            said(json!({"fault": "slow", "ms": 9_999_999})),
            "`ms` is wrong: at most 3600000 (an hour)"
        );
        assert_eq!(
            said(json!({"fault": "freeze", "requests": 1})),
            "`freeze` is about the whole node: it takes no `methods` and no `requests`"
        );
        assert_eq!(said(json!({"fault": "null", "requests": 0})), "`requests` is wrong: at least 1");
        assert!(said(json!({"fault": "null", "requests": -1})).starts_with("`requests` is wrong"));
        assert!(said(json!({"fault": "status", "status": 200})).contains("400 to 599"));
    }
}
