//! A node is taken out of use, or back into it, by an operator's word. It must never know how a pool carries that out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::oneshot;

use super::{Admin, Seen};
use crate::pool_loop::Event;
use crate::status::DrainOrder;

/// JSON alone is taken, so no page of somebody else's can send this through a visitor's browser unasked.
pub(super) async fn drain(State(admin): State<Arc<Admin>>, Json(order): Json<DrainOrder>) -> Response {
    let board = admin.board.borrow().clone();
    let seen = match find(&board.pools, &order) {
        Ok(seen) => seen.clone(),
        Err((status, detail)) => return problem(status, &detail),
    };
    let (reply, answer) = oneshot::channel();
    let event = Event::Drain { node: Arc::from(order.node.as_str()), draining: order.draining, reply };
    let is_sent = match seen.events.upgrade() {
        Some(events) => events.send(event).await.is_ok(),
        None => false,
    };
    if is_sent && answer.await == Ok(true) {
        tracing::info!(pool = &*seen.name, node = order.node, draining = order.draining, "drained by hand");
        return Json(
            serde_json::json!({ "pool": &*seen.name, "node": order.node, "draining": order.draining }),
        )
        .into_response();
    }
    problem(StatusCode::NOT_FOUND, "the node was removed in the meantime")
}

/// The pool that is meant.
fn find<'a>(pools: &'a [Seen], order: &DrainOrder) -> Result<&'a Seen, (StatusCode, String)> {
    let has = |seen: &&Seen| seen.record.names().contains(&order.node);
    let list = |names: Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    if let Some(name) = &order.pool {
        let Some(seen) = pools.iter().find(|seen| *seen.name == **name) else {
            let names = list(pools.iter().map(|seen| seen.name.to_string()).collect());
            return Err((StatusCode::NOT_FOUND, format!("there is no such pool; there are: {names}")));
        };
        return Some(seen).filter(has).ok_or_else(|| {
            let names = list(seen.record.names());
            (StatusCode::NOT_FOUND, format!("pool {} has no such node; its nodes are: {names}", seen.name))
        });
    }
    let having: Vec<&Seen> = pools.iter().filter(has).collect();
    match having[..] {
        [seen] => Ok(seen),
        [] => {
            let of = |seen: &Seen| {
                let name = Arc::clone(&seen.name);
                seen.record.names().into_iter().map(move |node| format!("{name}/{node}"))
            };
            let names = list(pools.iter().flat_map(of).collect());
            Err((StatusCode::NOT_FOUND, format!("there is no such node; there are: {names}")))
        }
        _ => {
            let names = list(having.iter().map(|seen| seen.name.to_string()).collect());
            let said = format!("several pools have a node of that name; say which of them: {names}");
            Err((StatusCode::CONFLICT, said))
        }
    }
}

/// RFC 9457.
fn problem(status: StatusCode, detail: &str) -> Response {
    let body = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("error"),
        "status": status.as_u16(),
        "detail": detail,
    });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
