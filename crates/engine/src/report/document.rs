//! The document as it crosses the boundary. Its JSON is documented in `doc/formats/report.md`; a field is added, never
//! renamed, within `v1`. Fractions are rounded to four decimals, so that their text is the same everywhere.

use std::collections::BTreeMap;

use model::{
    AlertProvider, AlertSeverity, AlertStatus, CauseKind, EventKind, IncidentId, IncidentState, Severity,
    SignalKind, TraceId,
};
use serde::{Deserialize, Serialize};

use super::Sentence;

pub const SCHEMA: &str = "casebook.triage/v1";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub schema: String,
    pub incident: IncidentPart,
    pub summary: Sentence,
    pub cause: Cause,
    pub hypotheses: Vec<Hypothesis>,
    /// Services that could be the root, best first.
    pub suspects: Vec<Suspect>,
    pub origin: Option<Origin>,
    /// From the origin outwards.
    pub propagation: Vec<Hop>,
    pub blast_radius: BlastRadius,
    pub symptoms: Vec<Symptom>,
    pub change: Option<Change>,
    pub alerts: Vec<AlertPart>,
    pub runtime: Vec<SignalPart>,
    pub signals: Vec<SignalPart>,
    pub exemplars: Vec<Exemplar>,
    pub timeline: Vec<TimelineEntry>,
    pub next_checks: Vec<Sentence>,
    pub instrumentation_warnings: Vec<Warning>,
    pub completeness: Completeness,
    pub evidence: Vec<EvidencePart>,
    pub evidence_fingerprint: String,
    pub tick: TickPart,
    pub engine: EnginePart,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentPart {
    pub id: IncidentId,
    pub env: String,
    pub status: IncidentState,
    pub severity: Severity,
    pub started_at: String,
    pub detected_at: String,
    pub updated_at: String,
    pub resolved_at: Option<String>,
    pub reopened: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    pub kind: CauseKind,
    pub subject: Option<String>,
    /// 0 to 1: the best hypothesis' share of the scores of the best two.
    pub confidence: f64,
    pub cites: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    pub kind: CauseKind,
    pub subject: Option<String>,
    pub score: i64,
    #[serde(rename = "for")]
    pub in_favour: Vec<Finding>,
    pub against: Vec<Finding>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suspect {
    pub service: String,
    /// Empty where nothing tells.
    pub operation: String,
    pub instance: String,
    /// Id of the deployment or signal that would be the cause.
    pub change: Option<String>,
    pub cause: CauseKind,
    pub score: i64,
    pub findings: Vec<Finding>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub points: i64,
    pub text: String,
    pub cites: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// What it was found by: `failure`, `latency`, `traffic`, `silence`, `saturation` or `behaviour`.
    pub sign: String,
    pub service: String,
    /// What the service was asked to do.
    pub operation: String,
    /// The failing event inside the service.
    pub step: String,
    pub step_kind: EventKind,
    pub code: String,
    /// Message of a failing event; text from outside.
    pub reason: String,
    /// The callee of the failing call, where the failure is in one whose callee left no event in the failing traces.
    pub callee: Option<String>,
    /// Whether the callee reports otherwise: a service that fell silent (true), or one that never reports (false).
    pub callee_reports: Option<bool>,
    /// Of a latency origin: microseconds of a request that are charged to it, now and before.
    pub charged_us: Option<u64>,
    pub charged_before_us: Option<u64>,
    pub traces_agreeing: u64,
    pub traces_examined: u64,
    pub cites: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    pub service: String,
    pub operation: String,
    pub kind: EventKind,
    pub failures: u64,
    pub requests: u64,
    pub share: f64,
    pub first_failure_at: Option<String>,
    /// Median duration since the onset less the median of the hour before; `None` where either is unknown.
    pub added_latency_ms: Option<i64>,
    pub cites: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlastRadius {
    /// At the outermost failing operations.
    pub requests: Affected,
    pub users: Users,
    pub services: Vec<String>,
    pub operations: Vec<OperationPart>,
    pub cohorts: Vec<Cohort>,
    pub cites: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Affected {
    pub affected: u64,
    pub total: u64,
    pub share: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Users {
    pub affected: u64,
    pub exact: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationPart {
    pub service: String,
    pub operation: String,
    pub kind: EventKind,
    pub failures: u64,
    pub requests: u64,
}

/// A part of the traffic that does worse than the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cohort {
    /// `version`, `instance`, or the key of an attribute.
    pub dimension: String,
    pub value: String,
    /// Whose requests are compared.
    pub service: String,
    /// `counted`: all requests were; `sampled`: captured traces were compared.
    pub basis: String,
    /// Where counted: requests with the value, and all others.
    pub inside: Option<Share>,
    pub outside: Option<Share>,
    pub sampled: Option<SampledPart>,
    /// How many times more often than elsewhere; a half is added to each count.
    pub lift: f64,
    /// Other attributes that stand on the same requests, as `key value`.
    pub alike: Vec<String>,
    pub text: String,
    pub cites: Vec<String>,
}

/// Requests in captured traces: those that show the failure, and others from the same time that went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampledPart {
    pub failing_with: u64,
    pub failing: u64,
    pub others_with: u64,
    pub others: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Share {
    pub failures: u64,
    pub requests: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Symptom {
    pub id: String,
    /// `failure`: a family's failure rate left its baseline; `latency`: more requests than ever are slow; `traffic`: more
    /// or fewer requests than ever; `silence`: none at all; `saturation`: a resource stands at its limit as never before;
    /// `behaviour`: requests end early or log an error that nobody logged before; `self_time`: more requests than ever
    /// take long by themselves, callees apart; `metric`: a service's own numbers left what they were, and an alert says
    /// so.
    pub kind: String,
    pub service: String,
    pub operation: String,
    pub operation_kind: EventKind,
    pub code: String,
    /// `root` where the failure first arose, else `follower`.
    pub role: String,
    pub since_onset: Share,
    pub baseline: Share,
    pub latency: Option<LatencyPart>,
    pub traffic: Option<TrafficPart>,
    pub saturation: Option<SaturationPart>,
    pub metric: Option<MetricPart>,
    /// The odds against the baseline are 1 in 10 to this power.
    pub odds_log10: i64,
    pub onset_at: String,
    pub detected_at: String,
    pub text: String,
}

/// Of a latency symptom; durations in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyPart {
    /// A request that takes as long, or longer, is slow.
    pub limit_us: u64,
    pub p50_before_us: u64,
    pub p50_us: Option<u64>,
}

/// Of a resource at its limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SaturationPart {
    /// The metric's name with its attributes.
    pub metric: String,
    pub instance: String,
    /// The most in the hour before the onset, and since.
    pub max_before: f64,
    pub max: f64,
}

/// Of what a service counts of its own requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricPart {
    /// `failures`, in millionths of the requests, or a latency, in microseconds.
    pub measure: String,
    /// The median before, above which value it departs, and the worst since.
    pub median_before: i64,
    pub limit: i64,
    pub worst: i64,
}

/// Of a traffic symptom or of silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficPart {
    /// Least and most requests of a minute before.
    pub low_per_minute: u64,
    pub high_per_minute: u64,
    pub requests: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub id: String,
    pub service: String,
    pub version: String,
    pub previous_version: Option<String>,
    pub at: String,
    pub commit: Option<String>,
    pub pull_request: Option<String>,
    pub author: Option<String>,
    /// On the operation that the chain passes: in the hour before the onset, and since.
    pub before: Share,
    pub after: Share,
    /// Since the onset, on the same operation.
    pub version_split: Option<VersionSplit>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionSplit {
    /// What tells the versions apart: `failed` or `slow` requests, or the mean `duration`.
    pub measure: String,
    /// The requests, and those of them that failed or were slow.
    pub new: Share,
    pub others: Share,
    /// How long a request takes on average.
    pub new_mean_us: u64,
    pub others_mean_us: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalPart {
    pub id: String,
    pub kind: SignalKind,
    pub subtype: String,
    /// When it was said first.
    pub at: String,
    /// How often the same was said, and when last.
    pub times: u64,
    pub last_at: String,
    pub service: Option<String>,
    pub instance: Option<String>,
    pub subject: Option<String>,
    pub status: String,
    /// Text from outside.
    pub message: String,
    /// Why it stands here.
    pub rule: String,
    pub attributes: BTreeMap<String, String>,
}

/// An alert with all that was told of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertPart {
    pub id: String,
    pub provider: AlertProvider,
    pub status: AlertStatus,
    pub severity: AlertSeverity,
    /// Texts from outside.
    pub title: String,
    pub summary: String,
    pub env: Option<String>,
    pub service: Option<String>,
    pub operation: Option<String>,
    pub code: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub value: String,
    pub url: String,
    pub started_at: String,
    pub ended_at: Option<String>,
    /// How often it was told of, and when first and last.
    pub times: u64,
    pub first_at: String,
    pub last_at: String,
    /// How often it began to fire.
    pub episodes: u64,
    /// Each change of its status, oldest first.
    pub history: Vec<AlertMoment>,
    /// Older changes that are not kept.
    pub history_cut: u64,
    /// Why it stands here.
    pub rule: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertMoment {
    pub at: String,
    pub status: AlertStatus,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exemplar {
    pub trace_id: TraceId,
    pub at: String,
    pub events: u64,
    /// Services on the failing path, from the origin outwards.
    pub path: Vec<String>,
    pub complete: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    pub at: String,
    pub text: String,
    pub cites: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    pub code: String,
    pub text: String,
}

/// What of the evidence could be had, at opening and now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completeness {
    pub opening: CompletenessPart,
    pub latest: CompletenessPart,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompletenessPart {
    /// `ok`, `partial` or `missing`.
    pub status: String,
    pub traces_wanted: u64,
    pub traces_held: u64,
    pub traces_complete: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvidencePart {
    pub id: String,
    /// `trace`, `symptom`, `operation`, `deployment`, `signal` or `alert`.
    pub kind: String,
    pub at: String,
    /// SHA-256 of the canonical JSON of what is cited.
    pub digest: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TickPart {
    pub at: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnginePart {
    pub version: String,
    pub config_digest: String,
}
