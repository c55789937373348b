//! What is dialled anew when, and what a node is asked and told of relayed subscriptions. No node is there.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;

const NODE: NodeId = NodeId(0);
const STREAM: StreamId = StreamId(7);

/// To a node that says nothing by itself.
async fn connection() -> Connection {
    let wire: Box<dyn Wire> = Box::new(tokio::io::duplex(1_024).0);
    Connection {
        socket: WebSocketStream::from_raw_socket(wire, Role::Client, None).await,
        heads: Bytes::new(),
        asked: HashMap::new(),
        relays: HashMap::new(),
        next_id: HEADS_ID,
        own: VecDeque::new(),
        untaken: None,
    }
}

/// What is told to the pool where the node says that.
fn said(connection: &mut Connection, text: String) -> Option<Input> {
    connection.read(NODE, &Bytes::from(text), &Line::new(Gauge::default(), Counter::default()))
}

fn answer(id: u64) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":"0x{id}"}}"#)
}

fn item(id: u64) -> String {
    let params = format!(r#"{{"subscription":"0x{id}","result":"x"}}"#);
    format!(r#"{{"jsonrpc":"2.0","method":"eth_subscription","params":{params}}}"#)
}

/// Those that the node is told to end.
fn ended(connection: &Connection) -> Vec<bool> {
    let ends =
        |id: u64, text: &str| text.contains("eth_unsubscribe") && text.contains(&format!("\"0x{id}\""));
    let own: Vec<String> =
        connection.own.iter().map(|message| message.to_text().unwrap().to_owned()).collect();
    [1, 2].map(|id| own.iter().any(|text| ends(id, text))).to_vec()
}

/// Each item would be told twice: what one feed says twice happened twice.
#[tokio::test]
async fn a_node_that_is_asked_again_before_it_answered_feeds_once() {
    let open = || Order::OpenRelay { stream: STREAM, params: Arc::from(&b"[\"x\"]"[..]) };
    let close = || Order::CloseRelay { stream: STREAM };
    for (answers, is_closed) in [([1, 2], true), ([2, 1], true), ([1, 2], false), ([2, 1], false)] {
        let mut connection = connection().await;
        connection.obey(open());
        if is_closed {
            connection.obey(close());
        }
        connection.obey(open());
        let told: Vec<Option<Input>> = answers.map(|id| said(&mut connection, answer(id))).into();
        let opened = told.iter().filter(|told| matches!(told, Some(Input::RelayOpened { .. }))).count();
        let items = [1, 2].map(|id| said(&mut connection, item(id)).is_some());
        assert_eq!((opened, items), (1, [false, true]), "{answers:?}");
        assert_eq!(ended(&connection), [true, false], "{answers:?}");
    }
}

#[tokio::test]
async fn a_node_that_takes_a_subscription_too_late_is_told_to_end_it() {
    let mut connection = connection().await;
    connection.obey(Order::OpenRelay { stream: STREAM, params: Arc::from(&b"[\"x\"]"[..]) });
    connection.obey(Order::CloseRelay { stream: STREAM });
    assert!(!matches!(said(&mut connection, answer(1)), Some(Input::RelayOpened { .. })));
    assert_eq!((said(&mut connection, item(1)), ended(&connection)), (None, vec![true, false]));
    connection.obey(Order::OpenRelay { stream: STREAM, params: Arc::from(&b"[\"x\"]"[..]) });
    let id = connection.next_id - 1;
    let refused = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"no"}}}}"#);
    assert!(matches!(said(&mut connection, refused), Some(Input::RelayLost { .. })));
}

#[test]
fn who_refuses_at_once_is_not_dialled_as_if_it_had_been_well() {
    let (none, long) = (Duration::ZERO, REDIAL_MAX * 2);
    assert_eq!(pause_after(Fault::Refused, REDIAL_MIN, none), REDIAL_MIN * 2);
    assert_eq!(pause_after(Fault::Refused, REDIAL_MAX, none), REDIAL_MAX);
    assert_eq!(pause_after(Fault::Closed, REDIAL_MAX, long), REDIAL_MIN);
    let limited = |retry_after_ms| Fault::RateLimited { retry_after_ms };
    assert_eq!(pause_after(limited(Some(7_000)), REDIAL_MIN, none), Duration::from_secs(7));
    assert_eq!(pause_after(limited(Some(u64::MAX)), REDIAL_MIN, none), PAUSE_MAX);
    assert_eq!(pause_after(limited(None), REDIAL_MAX, none), REDIAL_MAX * 2);
    assert_eq!(pause_after(limited(None), PAUSE_MAX, none), PAUSE_MAX);
}
