//! The attributes that the mapping looks at: current names of the OpenTelemetry semantic conventions beside the
//! previous ones. A new name goes into this table, and what it means into `mapping`.

macro_rules! attributes {
    ($($variant:ident = $name:literal,)+) => {
        /// An attribute that is kept; every other one is skipped without an allocation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Attr { $($variant),+ }

        impl Attr {
            /// What it says stands in a field of the event, or must not stand anywhere in clear.
            pub(crate) const fn is_mapped(self) -> bool {
                !matches!(self, Self::HostName | Self::K8sPodName) && self as u8 <= Self::NetPeerIp as u8
            }

            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];

            /// One look into a table and one comparison: every attribute of every span is asked for.
            #[inline]
            pub(crate) fn named(name: &[u8]) -> Option<Self> {
                let slot = PLACES.slots[place(name, PLACES.factor)];
                let attr = *Self::ALL.get(usize::from(slot))?;
                is_same(attr.name().as_bytes(), name).then_some(attr)
            }

            pub(crate) const fn name(self) -> &'static str {
                const NAMES: &[&str] = &[$($name),+];
                NAMES[self as usize]
            }
        }
    };
}

const PLACES_BITS: u32 = 10;
/// In a place where no name belongs.
const NOBODY: u8 = u8::MAX;

/// Where each name is found: a factor was sought that gives each one a place of its own.
struct Places {
    factor: u64,
    slots: [u8; 1 << PLACES_BITS],
}

static PLACES: Places = places();

const fn places() -> Places {
    assert!(Attr::ALL.len() < NOBODY as usize);
    let mut factor = 0x9E37_79B9_7F4A_7C15_u64;
    loop {
        if let Some(slots) = slots(factor) {
            return Places { factor, slots };
        }
        factor = factor.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(2);
    }
}

const fn slots(factor: u64) -> Option<[u8; 1 << PLACES_BITS]> {
    let mut slots = [NOBODY; 1 << PLACES_BITS];
    let mut i = 0;
    while i < Attr::ALL.len() {
        let place = place(Attr::ALL[i].name().as_bytes(), factor);
        if slots[place] != NOBODY {
            return None;
        }
        slots[place] = i as u8;
        i += 1;
    }
    Some(slots)
}

/// By the length and, at most, the first and the last eight bytes.
#[inline]
const fn place(name: &[u8], factor: u64) -> usize {
    let (first, last) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
            (Some(first), Some(last)) => {
                (u32::from_le_bytes(*first) as u64, u32::from_le_bytes(*last) as u64)
            }
            _ => (0, 0),
        },
    };
    let mixed = first ^ last.rotate_left(29) ^ (name.len() as u64).rotate_left(59);
    (mixed.wrapping_mul(factor) >> (64 - PLACES_BITS)) as usize
}

/// As `==`, but without a call: names are short, and each one that is known is compared whole.
#[inline]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let words = |name| <[u8]>::as_chunks::<8>(name).0.iter().map(|word| u64::from_le_bytes(*word));
    match (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        _ if a.len() != b.len() => false,
        (Some(a_last), Some(b_last)) => a_last == b_last && words(a).zip(words(b)).all(|(a, b)| a == b),
        _ => a == b,
    }
}

attributes! {
    // Ours: they win over every convention.
    CasebookOperation = "casebook.operation",
    CasebookErrorCode = "casebook.error_code",
    CasebookSuppressed = "casebook.suppressed",

    // Of the resource.
    ServiceName = "service.name",
    ServiceVersion = "service.version",
    ServiceInstanceId = "service.instance.id",
    K8sPodName = "k8s.pod.name",
    HostName = "host.name",
    DeploymentEnvironmentName = "deployment.environment.name",
    DeploymentEnvironment = "deployment.environment",

    // Users.
    UserId = "user.id",
    EnduserId = "enduser.id",

    // Errors.
    ErrorType = "error.type",
    ErrorMessage = "error.message",
    ExceptionType = "exception.type",
    ExceptionMessage = "exception.message",

    // HTTP.
    HttpRequestMethod = "http.request.method",
    HttpMethod = "http.method",
    HttpRoute = "http.route",
    UrlTemplate = "url.template",
    HttpResponseStatusCode = "http.response.status_code",
    HttpStatusCode = "http.status_code",
    UrlFull = "url.full",
    HttpUrl = "http.url",

    // RPC.
    RpcSystemName = "rpc.system.name",
    RpcSystem = "rpc.system",
    RpcService = "rpc.service",
    RpcMethod = "rpc.method",
    RpcResponseStatusCode = "rpc.response.status_code",
    RpcGrpcStatusCode = "rpc.grpc.status_code",
    RpcConnectErrorCode = "rpc.connect_rpc.error_code",

    // Messaging.
    MessagingSystem = "messaging.system",
    MessagingOperationName = "messaging.operation.name",
    MessagingOperationType = "messaging.operation.type",
    MessagingOperation = "messaging.operation",
    MessagingDestinationTemplate = "messaging.destination.template",
    MessagingDestinationName = "messaging.destination.name",
    MessagingDestination = "messaging.destination",
    MessagingDestinationTemporary = "messaging.destination.temporary",
    MessagingDestinationAnonymous = "messaging.destination.anonymous",

    // Databases.
    DbSystemName = "db.system.name",
    DbSystem = "db.system",
    DbNamespace = "db.namespace",
    DbName = "db.name",
    DbRedisDatabaseIndex = "db.redis.database_index",
    DbOperationName = "db.operation.name",
    DbOperation = "db.operation",
    DbCollectionName = "db.collection.name",
    DbSqlTable = "db.sql.table",
    DbMongodbCollection = "db.mongodb.collection",
    DbCassandraTable = "db.cassandra.table",
    DbQuerySummary = "db.query.summary",

    // Who is called.
    ServicePeerName = "service.peer.name",
    PeerService = "peer.service",
    ServerAddress = "server.address",
    ServerPort = "server.port",
    NetPeerName = "net.peer.name",
    NetPeerPort = "net.peer.port",
    NetPeerIp = "net.peer.ip",

    // What a log record is called, apart from what changes from one to the next.
    LogTemplate = "log.template",
    MessageTemplateText = "message_template.text",
    LogRecordTemplate = "log.record.template",
    EventName = "event.name",

    // Kubernetes: its events, and what runs where.
    K8sEventReason = "k8s.event.reason",
    K8sObjectKind = "k8s.object.kind",
    K8sObjectName = "k8s.object.name",
    K8sNodeName = "k8s.node.name",
    K8sContainerName = "k8s.container.name",
    K8sDeploymentName = "k8s.deployment.name",
    K8sStatefulsetName = "k8s.statefulset.name",
    K8sDaemonsetName = "k8s.daemonset.name",
    K8sCronjobName = "k8s.cronjob.name",
    K8sJobName = "k8s.job.name",
    ContainerName = "container.name",
    ProcessExecutableName = "process.executable.name",
    ProcessPid = "process.pid",
}

/// What an attribute is to the mapping, for whoever makes a copy that is to be read alike and says less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeUse {
    /// Its value decides what an event is called, what it belongs to, or what becomes of it.
    Read,
    /// Tells users apart; only that, so anything as distinct will do.
    User,
    /// Text for people.
    Message,
    /// Of an address only the host and port are read.
    Address,
    Unread,
}

/// What the attribute of this name is to the mapping.
pub fn attribute_use(name: &str) -> AttributeUse {
    match Attr::named(name.as_bytes()) {
        None => AttributeUse::Unread,
        Some(Attr::UserId | Attr::EnduserId) => AttributeUse::User,
        Some(Attr::ErrorMessage | Attr::ExceptionMessage) => AttributeUse::Message,
        Some(Attr::UrlFull | Attr::HttpUrl) => AttributeUse::Address,
        Some(_) => AttributeUse::Read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        for attr in Attr::ALL {
            assert_eq!(Attr::named(attr.name().as_bytes()), Some(*attr));
        }
        for name in ["", "service", "service.name.", "http.request.header.x", "SERVICE.NAME"] {
            assert_eq!(Attr::named(name.as_bytes()), None);
        }
    }

    /// The table looks at the length and at both ends alone, so this is what tells names apart in the middle.
    #[test]
    fn one_other_byte_anywhere_is_another_name() {
        for attr in Attr::ALL {
            for at in 0..attr.name().len() {
                let mut name = attr.name().as_bytes().to_vec();
                name[at] ^= 1;
                assert_ne!(Attr::named(&name), Some(*attr), "{} at {at}", attr.name());
            }
        }
    }
}
