//! The picture that is drawn of a status, and what is said where there is none.

use edge::core::Standing;
use edge::status::{
    CasebookStatus, ClientStatus, ConfigStatus, FailoverStatus, HeadStatus, Latency, NodeStatus, PoolStatus,
    ReportStatus, TransportStatus,
};

use super::*;

fn status() -> Status {
    let transport = TransportStatus::new;
    let node = |name: &str, tier: &str, http, stream| NodeStatus {
        name: name.to_owned(),
        address: "https://node.example.org/…".to_owned(),
        tier: tier.to_owned(),
        weight: 1,
        is_draining: false,
        http,
        stream,
        head: Some(21_000_000),
        lag_blocks: Some(0),
        peers: Some(25),
        calls_in_flight: 3,
        calls: 120_000,
        calls_failed: 2,
        latency: Some(Latency { median_ms: 1.26, p99_ms: 18.0 }),
    };
    let serves = |since_ms| transport(Standing::Serving, since_ms, None);
    let stalled = transport(Standing::Out, 61_000, Some(Fault::Stalled));
    let slow = transport(Standing::Suspect, 500, Some(Fault::Timeout));
    let mut provider = node("provider", "backup", slow, None);
    (provider.head, provider.lag_blocks, provider.latency) = (None, None, None);
    Status {
        version: "0.1.0".to_owned(),
        uptime_ms: 93_784_000,
        config: ConfigStatus {
            reloads: 2,
            faults: vec!["edge.toml:3 edge.listn: no setting has this name\u{1b}".to_owned()],
            awaits_restart: vec!["edge.listen".to_owned()],
        },
        clients: ClientStatus { connections: 40, sessions: 12, subscriptions: 31 },
        casebook: Some(CasebookStatus {
            address: "https://casebook.example.org".to_owned(),
            signals: ReportStatus { sent: 4, waiting: 0, dropped: 0 },
            traces: Some(ReportStatus { sent: 81_234, waiting: 312, dropped: 7 }),
            trouble: Some("it cannot be reached\u{1b}".to_owned()),
        }),
        pools: vec![PoolStatus {
            name: "mainnet".to_owned(),
            kind: "execution".to_owned(),
            chain_id: Some(1),
            head: Some(HeadStatus {
                number: 21_000_000,
                hash: "0x1234567890abcdef".to_owned(),
                age_ms: 3_700_000,
            }),
            sessions: 12,
            subscriptions: 31,
            streams_shared: 2,
            failovers: 1,
            last_failover: Some(FailoverStatus {
                from: "geth-b".to_owned(),
                to: "geth-a".to_owned(),
                reason: "stalled".to_owned(),
                age_ms: 61_000,
                took_ms: 140,
            }),
            nodes: vec![
                node("geth-a", "primary", serves(93_000_000), Some(serves(61_000))),
                node("geth-b", "primary", transport(Standing::Draining, 61_000, None), Some(stalled)),
                provider,
            ],
        }],
        ..Status::default()
    }
}

fn command(url: &str) -> ShowStatus {
    ShowStatus { url: admin_url(url).unwrap(), once: true }
}

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, body: body.to_owned().into() }
}

#[test]
fn a_status_is_drawn_with_everything_in_its_column() {
    insta::assert_snapshot!(page::page(&status()), @r"
    casebook-edge 0.1.0, up 1d02h: 40 connections, 12 sessions, 31 subscriptions
    tells https://casebook.example.org; signals: 4 sent, 0 waiting, 0 dropped; traces: 81234 sent, 312 waiting, 7 dropped; it cannot be reached\u{1b}
    the configuration file is not in force: edge.toml:3 edge.listn: no setting has this name\u{1b}
    counts after a restart: edge.listen

    /mainnet  execution, chain 1, head 21000000 0x12345678 1h01m ago, 12 sessions, 31 subscriptions over 2 streams
      NODE      ADDRESS                     TIER     HTTP                  STREAM               HEAD      LAG  IN FLIGHT  CALLS   FAILED  MEDIAN / 99 %
      geth-a    https://node.example.org/…  primary  serving 1d01h         serving 1m01s        21000000  0    3          120000  2       1.3 / 18.0 ms
      geth-b    https://node.example.org/…  primary  draining 1m01s        out (stalled) 1m01s  21000000  0    3          120000  2       1.3 / 18.0 ms
      provider  https://node.example.org/…  backup   suspect (timeout) 0s  -                    -         -    3          120000  2       -
      failovers: 1, the last 1m01s ago from geth-b to geth-a (stalled), in 140 ms
    ");
}

#[test]
fn a_status_comes_back_as_it_was_written() {
    let text = serde_json::to_string(&status()).unwrap();
    let read = command("http://127.0.0.1:9545").understood(&answer(200, &text)).unwrap();
    assert_eq!(read, status());
}

#[test]
fn the_admin_listener_is_asked_for_its_status() {
    for url in ["http://127.0.0.1:9545", "http://127.0.0.1:9545/", "http://127.0.0.1:9545/status"] {
        assert_eq!(command(url).document().expose().as_str(), "http://127.0.0.1:9545/status");
        assert_eq!(command(url).url.to_string(), "http://127.0.0.1:9545");
    }
    assert_eq!(command("https://a.example.org/edge").document().expose().path(), "/edge/status");
    for url in ["127.0.0.1:9545", "ftp://a", "http://a/?x", "http://a/#x", "http://u@a/", ""] {
        assert!(admin_url(url).is_err(), "{url}");
    }
}

#[test]
fn what_is_no_status_ends_with_its_code_and_nothing_that_acts() {
    let command = command("http://127.0.0.1:9545");
    let other = serde_json::to_string(&Status { schema: "other/v9\u{1b}".to_owned(), ..status() }).unwrap();
    for (answer, exit, part) in [
        (answer(404, ""), Exit::Client, "answers 404"),
        (answer(503, ""), Exit::Failed, "answers 503"),
        (answer(301, ""), Exit::Failed, "answers 301"),
        (answer(200, "\u{1b}"), Exit::Failed, "cannot be read"),
        (answer(200, &other), Exit::Failed, "it is other/v9\\u{1b} and not casebook.edge-status/v1"),
    ] {
        let failure = command.understood(&answer).unwrap_err();
        let message = failure.to_string();
        assert!(failure.exit == exit && message.contains(part) && !message.contains('\u{1b}'), "{message}");
    }
    let refused = command.no_answer(&NoAnswer { fault: Fault::Refused, cause: Some("refused\n".to_owned()) });
    assert_eq!((refused.exit, refused.to_string().contains("refused\\u{a}")), (Exit::Transport, true));
}
