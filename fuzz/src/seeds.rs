//! What a target begins with: real payloads of the repository, written into its corpus before a run. Small, and made by
//! the code that is tested, so that they never grow stale.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

const TRACES: &str = include_str!("../seeds/traces.json");
const LOGS: &str = include_str!("../seeds/logs.json");
const METRICS: &str = include_str!("../seeds/metrics.json");
const WIDE: &str = include_str!("../seeds/wide.json");
const SIGNALS: &str = include_str!("../seeds/signals.json");
const DEPLOYMENTS: &str = include_str!("../seeds/deployments.json");
const ALERTS: &str = include_str!("../seeds/alerts.json");
const SETTINGS: &str = include_str!("../seeds/settings.toml");
const OF_SERVER: &str = include_str!("../seeds/casebook.toml");
const CASE: &str = include_str!("../seeds/case.toml");
const ALERTMANAGER: &str = include_str!("../../crates/intake/src/alerts/fixtures/alertmanager.json");
const GRAFANA: &str = include_str!("../../crates/intake/src/alerts/fixtures/grafana.json");
const PAGERDUTY: &str = include_str!("../../crates/intake/src/alerts/fixtures/pagerduty.json");
const REPORT: &str = include_str!("../../doc/formats/vectors/bad-version.json");

const QUERY: &str = "state=open&env=prod&service=cart&limit=10&cursor=x";
const KEYS: &str = include_str!("../seeds/keys.toml");
const NOTIFY: &str = include_str!("../seeds/notify.toml");

const EDGE_REQUESTS: &[&str] = &[
    r#"{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{"to":"0x00"},"latest"]}"#,
    r#"[{"id":"a","method":"eth_subscribe","params":["newHeads"]},{"id":1e9,"method":"net_version"},7]"#,
    r#" {"params" : [[[{"a\u0000":-0.5e-1}]]], "method":"x", "id" : null } "#,
    r#"[{"":"\ud800","id":1,"method":"m"},7]"#,
];
const EDGE_ANSWERS: &[&str] = &[
    r#"{"jsonrpc":"2.0","id":1,"result":{"number":"0x1","list":[1,2.5e3,null,true]}}"#,
    r#"{"id":"a","error":{"code":-32000,"message":"header not found","data":"0x"},"result":null}"#,
    r#"{"method":"eth_subscription","params":{"subscription":"0x1","result":{"number":"0x2"}}}"#,
    r#"{"id":1,"error":{"code":1,"message":"x","message":"h"}}"#,
    r#"{"method":"m","params":{"subscription":1,"result":2,"subscription":3,"result":4}}"#,
];
const EDGE_FILTERS: &str = include_str!("../seeds/edge-filters.ndjson");
const EDGE_BLOCK: &str = include_str!("../seeds/edge-block.json");
const EDGE_LOGS: &str = include_str!("../seeds/edge-logs.json");
const EDGE_EXECUTION: &str = include_str!("../../packaging/edge/execution.toml");
const EDGE_ETHEREUM: &str = include_str!("../../packaging/edge/ethereum.toml");
const EDGE_HTTP: &str = include_str!("../../packaging/edge/http.toml");
const EDGE_WRONG: &str = include_str!("../seeds/edge-wrong.toml");

/// For the program that plants: a folder on the command line, which has the name of its target.
pub fn plant_as_told() {
    let Some(folder) = std::env::args().nth(1) else { return };
    let folder = Path::new(&folder);
    let target = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    for (number, seed) in of(target).into_iter().enumerate() {
        fs::write(folder.join(format!("seed-{number}")), seed).expect("a seed can be written");
    }
}

pub(crate) fn of(target: &str) -> Vec<Vec<u8>> {
    let text = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
    match target {
        "traces_protobuf" => vec![traces()],
        "logs_protobuf" => vec![logs()],
        "metrics_protobuf" => vec![metrics()],
        "traces_json" => text(&[TRACES]),
        "logs_json" => text(&[LOGS]),
        "metrics_json" => text(&[METRICS]),
        "wide_events" => text(&[WIDE, &WIDE.replace('\n', " ")]),
        "alerts" => text(&[ALERTS, ALERTMANAGER, GRAFANA, PAGERDUTY]),
        "facts" => text(&[SIGNALS, DEPLOYMENTS]),
        "decompress" => packed(),
        "queries" => queries(),
        "server_settings" => [OF_SERVER, KEYS, NOTIFY, "a secret of a webhook, long enough for that\n"]
            .iter()
            .enumerate()
            .map(|(at, text)| [&[at as u8][..], text.as_bytes()].concat())
            .collect(),
        "record" => records(),
        "settings" => text(&[SETTINGS, "64MiB", "250ms", &engine::Config::default().to_json()]),
        "report" => text(&[REPORT]),
        "case_files" => {
            let line = |kind: &str, body: &str| {
                format!(
                    "{{\"at\":\"2026-10-01T12:00:00Z\",\"kind\":\"{kind}\",\"body\":{}}}",
                    body.replace('\n', " ")
                )
            };
            text(&[
                CASE,
                &line("otlp_traces", TRACES),
                &line("signal", SIGNALS),
                &line("alert", ALERTMANAGER),
            ])
        }
        "edge_requests" => text(EDGE_REQUESTS),
        "edge_answers" => text(EDGE_ANSWERS),
        "edge_filters" => text(&EDGE_FILTERS.lines().collect::<Vec<_>>()),
        "edge_blocks" => text(&[EDGE_BLOCK, EDGE_LOGS]),
        "edge_frames" => edge_frames(),
        "edge_config" => text(&[EDGE_EXECUTION, EDGE_ETHEREUM, EDGE_HTTP, EDGE_WRONG]),
        "journal_damage" => vec![vec![0, 0, 0, 40], vec![8, 1, 0, 99, 15, 2, 0, 0], vec![12, 0, 1, 0]],
        "journal_files" => vec![b"\x08\x02\x08CSBKJRNL\x01\0\0\0\0\0\0\0".to_vec()],
        _ => Vec::new(),
    }
}

fn queries() -> Vec<Vec<u8>> {
    let cursor =
        api::IncidentCursor { listed_at: model::Nanos(7), id: model::IncidentId([3; 8]) }.to_string();
    let of_reports = format!("limit=3&cursor={}", api::ReportCursor { sequence: 7 });
    let of_actions = format!("actor=a&outcome=done&limit=3&cursor={}", api::AuditCursor { sequence: 7 });
    let of_notifications = format!(
        "state=dead&target=a&incident=inc_0303030303030303&cursor={}",
        api::NotificationCursor { sequence: 7 }
    );
    let others =
        [QUERY, "env=&service=%2F&status=firing", "from=a&to=b", "format=markdown", "0123456789abcdef"];
    let made = [cursor, of_reports, of_actions, of_notifications];
    others.into_iter().map(str::to_owned).chain(made).map(String::into_bytes).collect()
}

/// Nothing, a little and a lot, in each encoding: the last are bombs.
fn packed() -> Vec<Vec<u8>> {
    let zeros = vec![0; 1 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&zeros).expect("memory can be written");
    let gzip = gzip.finish().expect("memory can be written");
    let zstd = zstd::bulk::compress(&zeros, 3).expect("memory can be written");
    let small = zstd::bulk::compress(b"a little, a little", 3).expect("memory can be written");
    [(0, &b"not compressed"[..]), (1, &gzip), (1, b"\x1f\x8b"), (2, &zstd), (2, &small)]
        .map(|(encoding, bytes)| [&[encoding][..], bytes].concat())
        .to_vec()
}

/// One of each kind: outside bytes, and what arises inside.
fn records() -> Vec<Vec<u8>> {
    use intake::record::Kind;
    let of = |kind: Kind, payload: &[u8]| [&[kind as u8][..], payload].concat();
    let inside = |input: model::Input| {
        let (kind, payload) = intake::record::encode(&input);
        of(kind, &payload)
    };
    vec![
        of(Kind::OtlpTracesProtobuf, &traces()),
        of(Kind::OtlpLogsProtobuf, &logs()),
        of(Kind::OtlpMetricsProtobuf, &metrics()),
        of(Kind::WideJson, WIDE.as_bytes()),
        of(Kind::Signals, SIGNALS.as_bytes()),
        of(Kind::Alerts, &intake::record::alerts_payload(model::AlertProvider::ALL[0], ALERTS.as_bytes())),
        inside(model::Input::Tick),
        inside(model::Input::Configure(engine::Config::default().to_json().into())),
        inside(model::Input::Events(Vec::new())),
        inside(model::Input::Shed(model::Shed { traces: 3, ..model::Shed::default() })),
    ]
}

fn traces() -> Vec<u8> {
    serde_json::from_str::<ExportTraceServiceRequest>(TRACES).expect("the seed is a request").encode_to_vec()
}

fn logs() -> Vec<u8> {
    serde_json::from_str::<ExportLogsServiceRequest>(LOGS).expect("the seed is a request").encode_to_vec()
}

fn metrics() -> Vec<u8> {
    serde_json::from_str::<ExportMetricsServiceRequest>(METRICS)
        .expect("the seed is a request")
        .encode_to_vec()
}

/// A folder that costs no disk where the system has such a place.
pub(crate) fn directory_in_memory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder can be made")
}

/// Frames of a client, masked with zeros; the first byte says where the stream is cut.
fn edge_frames() -> Vec<Vec<u8>> {
    let frame = |first: u8, said: &[u8]| [&[first, 0x80 | said.len() as u8, 0, 0, 0, 0], said].concat();
    let pieces = [frame(0x01, b"{\"id\""), frame(0x89, b"?"), frame(0x80, b":1}")].concat();
    let long = [&[0x81, 0xfe, 0, 126, 1, 2, 3, 4][..], &[b'a'; 126]].concat();
    let goodbye =
        [frame(0x81, b"a"), frame(0x82, &[0xff]), frame(0x8a, b""), frame(0x88, &[3, 232, b'x'])].concat();
    [pieces, long, goodbye].into_iter().map(|stream| [&[7][..], &stream].concat()).collect()
}
