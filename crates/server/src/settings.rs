//! The register of settings of `casebook serve`, and what they mean once they are all read.

mod admin_door;
mod alerts;
mod oidc;
mod rates;
mod tls;
mod together;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use runtime::config::{ConfigErrors, Meaning, Said, Setting, value};

pub use admin_door::AdminDoor;

use crate::auth::{KeySource, People};
use crate::ingest::PagerdutySecrets;
use crate::limits::RateSettings;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const DAY: Duration = Duration::from_secs(86_400);

/// The file that the other settings may stand in; itself only a flag or a variable.
pub static CONFIG_FILE: Setting =
    Setting { name: "config", shape: "FILE", default: None, help: "TOML file with settings." };

/// What the commands read that ask a server; they may stand beside a server's own.
const CLIENT_VARIABLES: [&str; 7] = [
    "CASEBOOK_SERVER",
    "CASEBOOK_KEY",
    "CASEBOOK_KEY_FILE",
    "CASEBOOK_ACTOR",
    "CASEBOOK_CA",
    "CASEBOOK_CLIENT_CERTIFICATE",
    "CASEBOOK_CLIENT_KEY",
];

const LISTENERS: [&str; 4] = ["listen", "admin", "otlp-grpc", "otlp-http"];

/// Every setting, once.
pub static REGISTER: &[Setting] = &[
    setting("data", "DIR", None, "Directory that holds everything the server keeps."),
    setting("listen", "ADDRESS", Some("127.0.0.1:7420"), "Where the API listens."),
    setting("admin", "ADDRESS", Some("127.0.0.1:7421"), "Where /livez, /readyz and /metrics listen."),
    setting("otlp-grpc", "ADDRESS", Some("127.0.0.1:4317"), "Where OTLP over gRPC listens."),
    setting("otlp-http", "ADDRESS", Some("127.0.0.1:4318"), "Where OTLP over HTTP listens."),
    setting(
        "keys",
        "FILE",
        None,
        "TOML file with the hashes of keys, read again when it changes and at SIGHUP; without it only this machine is served.",
    ),
    setting(
        "tls-certificate",
        "FILE",
        None,
        "PEM file with the certificate chain of every listener, read again when it changes and at SIGHUP; without it there is no TLS.",
    ),
    setting("tls-key", "FILE", None, "PEM file with the private key of --tls-certificate."),
    setting(
        "tls-client-ca",
        "FILE",
        None,
        "PEM file with authorities; every client then needs a certificate of one of them, on every listener.",
    ),
    setting(
        "hsts",
        "DURATION",
        Some("365d"),
        "How long browsers that came over TLS use nothing else for this host, on all its ports; 0s: say nothing of it.",
    ),
    setting(
        "public-url",
        "URL",
        None,
        "Where people's browsers reach the API, without a path; needed for logins.",
    ),
    setting(
        "oidc-issuer",
        "URL",
        None,
        "OpenID issuer that people log in at, as it calls itself; without it there are no logins.",
    ),
    setting("oidc-client-id", "ID", None, "As whom the issuer knows this server."),
    setting(
        "oidc-client-secret-file",
        "FILE",
        None,
        "File with the secret of --oidc-client-id; without it the client is a public one.",
    ),
    setting("oidc-scopes", "NAMES", Some("openid profile email"), "What is asked of the issuer, by blanks."),
    setting(
        "oidc-claim",
        "NAME",
        Some("groups"),
        "Claim of the ID token that names a person's groups, or the way to one, as in /realm_access/roles.",
    ),
    setting("oidc-viewers", "NAMES", None, "Groups that may read; a comma within a name is written \\,."),
    setting("oidc-responders", "NAMES", None, "Groups that may also act on incidents."),
    setting("oidc-admins", "NAMES", None, "Groups that may do everything."),
    setting(
        "session-idle",
        "DURATION",
        Some("1h"),
        "After how long without a request a person's session ends; 1s to 30d.",
    ),
    setting(
        "session-lifetime",
        "DURATION",
        Some("12h"),
        "After how long a person has to log in again; 1s to 30d.",
    ),
    setting("tick", "DURATION", Some("1s"), "How often the engine evaluates; 100ms to 1m."),
    setting("shards", "COUNT", Some("1"), "Into how many parts the engine's summaries are cut; 1 to 64."),
    setting("log", "FILTER", Some("info"), "Which log lines go to standard error."),
    setting(
        "durability",
        "WORD",
        Some("durable"),
        "durable: on disk before the answer; buffered: a power cut may lose seconds.",
    ),
    setting(
        "segment-bytes",
        "SIZE",
        Some("64MiB"),
        "Size at which the journal begins a new segment; 1MiB to 4GiB.",
    ),
    setting(
        "retention-age",
        "DURATION",
        Some("7d"),
        "Full segments of the journal whose latest entry is older go; 1m to 3650d.",
    ),
    setting(
        "retention-bytes",
        "SIZE",
        Some("20GiB"),
        "How large the journal may grow before its oldest segments go.",
    ),
    setting(
        "snapshot-bytes",
        "SIZE",
        Some("256MiB"),
        "After how much new journal a snapshot of the engine is written.",
    ),
    setting(
        "disk-reserve",
        "SIZE",
        Some("512MiB"),
        "Free space below which telemetry gets 503, so that the store and snapshots go on; 0B to 1TiB.",
    ),
    setting(
        "body-bytes-max",
        "SIZE",
        Some("16MiB"),
        "Largest request body, before and after decompression; 1KiB to 64MiB.",
    ),
    setting(
        "in-flight-bytes-max",
        "SIZE",
        Some("256MiB"),
        "Most bytes of requests held in memory at once; traces get 503 beyond 70 % of it, logs 80 %, metrics 90 %.",
    ),
    setting("connections-max", "COUNT", Some("1024"), "Most open connections for each listener; 1 to 65536."),
    setting(
        "connections-per-address-max",
        "COUNT",
        Some("512"),
        "Most open connections of one address for each listener, IPv6 by /64; 1 to 65536.",
    ),
    setting(
        "requests-max",
        "COUNT",
        Some("1024"),
        "Most requests worked on at once by a listener, of --admin 64; traces get 503 beyond 70 % of them, logs 80 %, metrics 90 %.",
    ),
    setting(
        "request-timeout",
        "DURATION",
        Some("30s"),
        "How long a request's body may take to arrive; 100ms to 10m.",
    ),
    setting(
        "idle-timeout",
        "DURATION",
        Some("75s"),
        "After how long a connection without requests is closed, and an answer of which nothing is taken given up; 100ms to 1h.",
    ),
    setting(
        "rate-key-requests",
        "COUNT",
        Some("100000"),
        "Requests a second of one client, by the name of its key; twice as many at once.",
    ),
    setting("rate-key-bytes", "SIZE", Some("1GiB"), "Bytes of bodies a second of one client."),
    setting(
        "rate-address-requests",
        "COUNT",
        Some("100000"),
        "Requests a second from one address; IPv6 by /64.",
    ),
    setting("rate-address-bytes", "SIZE", Some("1GiB"), "Bytes of bodies a second from one address."),
    setting("rate-all-requests", "COUNT", Some("200000"), "Requests a second of all clients together."),
    setting("rate-all-bytes", "SIZE", Some("2GiB"), "Bytes of bodies a second of all clients together."),
    setting(
        "rate-denied-requests",
        "COUNT",
        Some("20"),
        "Requests a second of one address that are refused with a reason, or that are logins; beyond them it gets 429.",
    ),
    setting(
        "alert-service-labels",
        "NAMES",
        Some("service,service_name,app,app_kubernetes_io_name,application,job"),
        "Labels of an alert that name its service; the first that is there counts.",
    ),
    setting(
        "alert-env-labels",
        "NAMES",
        Some("env,environment,deployment_environment,deployment_environment_name,stage"),
        "Labels of an alert that name its environment.",
    ),
    setting(
        "alert-operation-labels",
        "NAMES",
        Some("operation,endpoint,route,http_route,handler"),
        "Labels of an alert that name its operation.",
    ),
    setting(
        "alert-code-labels",
        "NAMES",
        Some("code,error_code,error_type"),
        "Labels of an alert that name its error code.",
    ),
    setting(
        "pagerduty-secrets",
        "FILE",
        None,
        "File with a secret of a PagerDuty webhook on each line; webhooks without a fitting signature get 401.",
    ),
    setting(
        "notify",
        "FILE",
        None,
        "TOML file with the targets that are told of incidents; see notifications.md.",
    ),
    setting(
        "drain-timeout",
        "DURATION",
        Some("10s"),
        "How long open requests may take to end when the server stops; 0s to 10m.",
    ),
];

const fn setting(
    name: &'static str,
    shape: &'static str,
    default: Option<&'static str>,
    help: &'static str,
) -> Setting {
    Setting { name, shape, default, help }
}

/// What the settings mean. Whoever holds this needs to check nothing more.
#[derive(Debug, Clone)]
pub struct Settings {
    pub data: PathBuf,
    pub listen: SocketAddr,
    pub admin: SocketAddr,
    pub otlp_grpc: SocketAddr,
    pub otlp_http: SocketAddr,
    pub keys: Option<Arc<KeySource>>,
    pub people: Option<Arc<People>>,
    pub tls: Option<Arc<runtime::TlsSource>>,
    pub hsts: Duration,
    pub rates: RateSettings,
    pub tick: Duration,
    pub shards: usize,
    pub log: String,
    pub durability: api::Durability,
    pub segment_bytes: u64,
    pub retention_age: Duration,
    pub retention_bytes: u64,
    pub snapshot_bytes: u64,
    pub disk_reserve: u64,
    pub body_bytes_max: usize,
    pub in_flight_bytes_max: u64,
    pub connections_max: usize,
    pub connections_per_address_max: usize,
    pub requests_max: usize,
    pub request_timeout: Duration,
    pub idle_timeout: Duration,
    pub drain_timeout: Duration,
    pub alert_labels: engine::AlertLabels,
    pub(crate) pagerduty_secrets: PagerdutySecrets,
    pub notifications: notify::Notifications,
}

/// The flags of the register on a command line. What they mean is judged by `settings`.
#[derive(Debug, Clone, Default)]
pub struct SettingFlags {
    said: BTreeMap<&'static str, String>,
    config: Option<String>,
}

impl clap::Args for SettingFlags {
    fn augment_args(command: clap::Command) -> clap::Command {
        let config = runtime::config::flag_arguments(std::slice::from_ref(&CONFIG_FILE));
        command.args(runtime::config::flag_arguments(REGISTER)).args(config)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        let said = runtime::config::flags_said(REGISTER, matches);
        let config = matches.get_one::<String>(CONFIG_FILE.name).cloned();
        Ok(Self { said, config })
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl SettingFlags {
    /// For programs that start a server themselves: a flag and its text.
    pub fn with(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.said.insert(name, text.into());
        self
    }

    /// Reads the flags, the process's environment and the file, and judges them.
    pub fn settings(&self) -> Result<Settings, ConfigErrors> {
        self.settings_with(runtime::config::environment, runtime::config::environment_names())
    }

    /// The command line has no setting.
    pub fn is_empty(&self) -> bool {
        self.said.is_empty() && self.config.is_none()
    }

    /// A data directory is named, by flag, variable or file.
    pub fn names_data(&self) -> bool {
        let variable = |setting: &Setting| runtime::config::environment(&setting.variable()).is_some();
        let is_said = self.said.contains_key("data") || self.config.is_some();
        is_said || variable(&CONFIG_FILE) || REGISTER.iter().any(|s| s.name == "data" && variable(s))
    }

    fn settings_with(
        &self,
        variable: impl Fn(&str) -> Option<String>,
        names: impl IntoIterator<Item = String>,
    ) -> Result<Settings, ConfigErrors> {
        let file = self.config.clone().or_else(|| variable(&CONFIG_FILE.variable())).map(PathBuf::from);
        let mut said = Said::gather(REGISTER, &self.said, variable, file.as_deref());
        let config = CONFIG_FILE.variable();
        let known: Vec<_> = CLIENT_VARIABLES.into_iter().chain([config.as_str()]).collect();
        said.check_variables(REGISTER, names, &known);
        Settings::from_said(said)
    }
}

const DURABILITIES: &[(&str, api::Durability)] =
    &[("durable", api::Durability::Durable), ("buffered", api::Durability::Buffered)];

impl Settings {
    pub fn from_said(said: Said) -> Result<Self, ConfigErrors> {
        let mut meaning = Meaning::new(REGISTER, said);
        let settings = Self::read(&mut meaning);
        meaning.finish(settings)
    }

    /// Reads every setting before it gives up on any.
    fn read(meaning: &mut Meaning) -> Option<Self> {
        let data = meaning.require("data", value::path);
        let addresses = LISTENERS.map(|name| (name, meaning.get(name, value::address)));
        let [listen, admin, otlp_grpc, otlp_http] = addresses.map(|(_, address)| address);
        let keys = together::read_keys(meaning);
        let people = oidc::read(meaning);
        let tls = tls::read(meaning);
        let hsts = meaning.get("hsts", days_within(Duration::ZERO, "0s to 3650d"));
        let rates = rates::read(meaning);
        let tick = meaning.get("tick", duration_within(100, 60_000, "100ms to 1m"));
        let shards = meaning.get("shards", value::count(1, 64));
        let log = meaning.get("log", runtime::log_filter);
        let durability = meaning.get("durability", value::one_of(DURABILITIES));
        let segment_bytes = meaning.get("segment-bytes", bytes_within(MIB, 4 * GIB, "1MiB to 4GiB"));
        let retention_age = meaning.get("retention-age", days_within(Duration::from_secs(60), "1m to 3650d"));
        let retention_bytes =
            meaning.get("retention-bytes", bytes_within(2 * MIB, 1024 * GIB, "2MiB to 1TiB"));
        let snapshot_bytes =
            meaning.get("snapshot-bytes", bytes_within(64 * KIB, 16 * GIB, "64KiB to 16GiB"));
        let disk_reserve = meaning.get("disk-reserve", bytes_within(0, 1024 * GIB, "0B to 1TiB"));
        let body_bytes_max = meaning.get("body-bytes-max", bytes_within(KIB, 64 * MIB, "1KiB to 64MiB"));
        let in_flight_bytes_max =
            meaning.get("in-flight-bytes-max", bytes_within(MIB, 64 * GIB, "1MiB to 64GiB"));
        let connections_max = meaning.get("connections-max", value::count(1, 65_536));
        let connections_per_address_max = meaning.get("connections-per-address-max", value::count(1, 65_536));
        let requests_max = meaning.get("requests-max", value::count(1, 65_536));
        let request_timeout = meaning.get("request-timeout", duration_within(100, 600_000, "100ms to 10m"));
        let idle_timeout = meaning.get("idle-timeout", duration_within(100, 3_600_000, "100ms to 1h"));
        let drain_timeout = meaning.get("drain-timeout", duration_within(0, 600_000, "0s to 10m"));
        let alert_labels = alerts::labels(meaning);
        let pagerduty_secrets = meaning.get("pagerduty-secrets", alerts::secrets);
        let notifications = together::read_notifications(meaning);
        together::check_addresses(meaning, addresses);
        together::check_reach(meaning, addresses, &keys, &people);
        together::check_body(meaning, in_flight_bytes_max, body_bytes_max);
        together::check_retention(meaning, retention_bytes, segment_bytes);
        together::check_data(meaning, data.as_deref());
        Some(Self {
            data: data?,
            listen: listen?,
            admin: admin?,
            otlp_grpc: otlp_grpc?,
            otlp_http: otlp_http?,
            keys: keys.source(),
            people: people.people(),
            tls,
            hsts: hsts?,
            rates: rates?,
            tick: tick?,
            shards: shards? as usize,
            log: log?,
            durability: durability?,
            segment_bytes: segment_bytes?,
            retention_age: retention_age?,
            retention_bytes: retention_bytes?,
            snapshot_bytes: snapshot_bytes?,
            disk_reserve: disk_reserve?,
            body_bytes_max: body_bytes_max? as usize,
            in_flight_bytes_max: in_flight_bytes_max?,
            connections_max: connections_max? as usize,
            connections_per_address_max: connections_per_address_max? as usize,
            requests_max: requests_max? as usize,
            request_timeout: request_timeout?,
            idle_timeout: idle_timeout?,
            drain_timeout: drain_timeout?,
            alert_labels: alert_labels?,
            pagerduty_secrets: PagerdutySecrets::new(pagerduty_secrets.unwrap_or_default()),
            notifications,
        })
    }
}

fn days_within(min: Duration, range: &'static str) -> impl Fn(&str) -> Result<Duration, String> {
    value::within(value::duration, min, DAY * 3650, range)
}

fn bytes_within(min: u64, max: u64, range: &'static str) -> impl Fn(&str) -> Result<u64, String> {
    value::within(value::bytes, min, max, range)
}

fn duration_within(
    min_ms: u64,
    max_ms: u64,
    range: &'static str,
) -> impl Fn(&str) -> Result<Duration, String> {
    value::within(value::duration, Duration::from_millis(min_ms), Duration::from_millis(max_ms), range)
}

#[cfg(test)]
mod tests;
