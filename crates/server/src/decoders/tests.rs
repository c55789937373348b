//! Turns go round, nobody takes all the room, and no decoder is lost with who waited for it.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::*;

fn client(name: &str, class: Class) -> Client {
    Client { name: Some(name.into()), network: None, class }
}

/// Waits for its turn, and is looked at by hand.
type Waiting<'a> = Pin<Box<dyn Future<Output = Option<Turn>> + 'a>>;

fn look(waiting: &mut Waiting<'_>) -> Poll<Option<Turn>> {
    waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Somebody who waits already.
fn waiting<'a>(decoders: &'a Decoders, client: &'a Client) -> Waiting<'a> {
    let mut waiting: Waiting<'_> = Box::pin(decoders.turn(client));
    assert!(look(&mut waiting).is_pending(), "{client:?}");
    waiting
}

fn taken(waiting: &mut Waiting<'_>) -> Option<Turn> {
    match look(waiting) {
        Poll::Ready(turn) => Some(turn.expect("a turn")),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn who_sends_many_waits_for_itself_and_the_next_client_for_one_turn() {
    let decoders = Decoders::default();
    let (many, other) = (client("many", Class::Traces), client("other", Class::Traces));
    let alert = client("many", Class::Vital);
    let mut turn = decoders.turn(&many).await;
    let mut crowd: Vec<_> = (0..16).map(|_| ("many", waiting(&decoders, &many))).collect();
    crowd.extend(["one", "another"].map(|name| (name, waiting(&decoders, &other))));
    crowd.push(("alert", waiting(&decoders, &alert)));
    let order = [(); 5].map(|()| {
        drop(turn.take());
        let mut looks = crowd.iter_mut().enumerate();
        let next = looks.find_map(|(at, (_, waiting))| taken(waiting).map(|turn| (at, turn)));
        let (at, next) = next.expect("somebody whose turn it is");
        turn = Some(next);
        crowd.remove(at).0
    });
    assert_eq!(order, ["many", "one", "alert", "many", "another"]);
}

#[tokio::test]
async fn one_client_never_takes_all_the_room() {
    let decoders = Decoders::default();
    let (many, other) = (client("many", Class::Traces), client("other", Class::Vital));
    let _turn = decoders.turn(&many).await;
    let mut crowd = Vec::new();
    while decoders.has_room(&many) {
        crowd.push(waiting(&decoders, &many));
    }
    assert_eq!(crowd.len(), 105, "70 % of what is left beside them");
    assert!(decoders.turn(&many).await.is_none(), "it is told at once");
    let mut others = Vec::new();
    while decoders.has_room(&other) {
        others.push(waiting(&decoders, &other));
    }
    assert_eq!(others.len(), 76, "half of what was left");
    assert!(decoders.has_room(&client("third", Class::Logs)));
    assert_eq!(decoders.shared.waiting.get(), 105 + 76);
    drop((crowd, others));
    assert_eq!(decoders.shared.waiting.get(), 0);
}

#[tokio::test]
async fn telemetry_of_all_clients_together_leaves_room_for_alerts() {
    let decoders = Decoders::default();
    let names: Vec<String> = (0..30).map(|number| format!("client-{number}")).collect();
    let clients: Vec<Client> = names.iter().map(|name| client(name, Class::Traces)).collect();
    let alerts = client("alerts", Class::Vital);
    let _turn = decoders.turn(&clients[0]).await;
    let mut crowd = Vec::new();
    for client in &clients {
        while decoders.has_room(client) {
            crowd.push(waiting(&decoders, client));
        }
    }
    assert_eq!(crowd.len() as u64, Class::Traces.share(WAITING_MAX));
    assert!(decoders.has_room(&client("logs", Class::Logs)));
    crowd.push(waiting(&decoders, &alerts));
    assert!(decoders.has_room(&alerts));
}

#[tokio::test]
async fn no_decoder_is_lost_with_who_waited_for_it() {
    let decoders = Decoders::default();
    let some = client("some", Class::Logs);
    let turn = decoders.turn(&some).await;
    let (gone, given, mut last) =
        (waiting(&decoders, &some), waiting(&decoders, &some), waiting(&decoders, &some));
    drop(gone);
    drop(turn);
    assert!(taken(&mut last).is_none(), "it is the second one's, who has not looked yet");
    drop(given);
    let turn = taken(&mut last).expect("what the second one left");
    drop((turn, last));
    let queue = decoders.shared.lock();
    assert!(queue.free == 1 && queue.lines.is_empty(), "{queue:?}");
}
