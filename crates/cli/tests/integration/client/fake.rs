//! A server that gives one answer to every request and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use tokio::runtime::Runtime;

pub(super) struct Fake {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Ends with the value, and the server with it.
    _runtime: Runtime,
}

#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Method, path and query.
    pub(super) line: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Fake {
    pub(super) fn new(status: u16, headers: &[(&'static str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let runtime = Runtime::new().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut answer_headers = HeaderMap::new();
        for (name, value) in headers {
            answer_headers.insert(*name, value.parse().unwrap());
        }
        let answer = (StatusCode::from_u16(status).unwrap(), answer_headers, body.into());
        let remembered = Arc::clone(&asked);
        let router = Router::new().fallback(move |request: Request| {
            let (remembered, answer) = (Arc::clone(&remembered), answer.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec();
                let line = format!("{} {}", parts.method, parts.uri);
                remembered.lock().unwrap().push(Asked { line, headers: parts.headers, body });
                answer
            }
        });
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, asked, _runtime: runtime }
    }

    pub(super) fn json(answer: &impl serde::Serialize) -> Self {
        Self::new(200, &[("content-type", "application/json")], serde_json::to_vec(answer).unwrap())
    }

    pub(super) fn problem(problem: &api::Problem) -> Self {
        let headers = [("content-type", api::Problem::MEDIA_TYPE)];
        Self::new(problem.status, &headers, serde_json::to_vec(problem).unwrap())
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The only request so far.
    pub(super) fn asked(&self) -> Asked {
        let asked = self.asked.lock().unwrap();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked[0].clone()
    }
}
