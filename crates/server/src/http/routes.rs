//! What a listener answers: by a router; and what comes in crowds without one, because to find its way costs a small request
//! more than to see who sends it. Either way leads through the shell. It must never know what a request is for.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::Method;
use tower::ServiceExt;

use super::Shell;

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;
type Taking = Arc<dyn Fn(Request) -> Answering + Send + Sync>;

/// What is behind the shell.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    pub(super) router: Router,
    pub(super) straight: Vec<Way>,
}

/// `POST` to a path as the table of endpoints has it.
pub(super) struct Way {
    path: &'static str,
    take: Taking,
}

/// All that a listener answers, the shell around it.
#[derive(Debug)]
pub(crate) struct Answers {
    shell: Arc<Shell>,
    router: Router,
    straight: Vec<Way>,
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Way").field("path", &self.path).finish_non_exhaustive()
    }
}

impl From<Router> for Routes {
    fn from(router: Router) -> Self {
        Self { router, straight: Vec::new() }
    }
}

impl Routes {
    /// `POST` to a path goes straight to `take`. The router has the path too: it knows what to say of other methods.
    pub(crate) fn straight<R: IntoResponse, F: Future<Output = R> + Send + 'static>(
        mut self,
        path: &'static str,
        take: impl Fn(Request) -> F + Send + Sync + 'static,
    ) -> Self {
        let take: Taking = Arc::new(move |request| {
            let answer = take(request);
            Box::pin(async move { answer.await.into_response() })
        });
        let same = Arc::clone(&take);
        self.router = self.router.route(path, post(move |request: Request| same(request)));
        self.straight.push(Way { path, take });
        self
    }
}

impl Answers {
    /// `router` has the shell around it already.
    pub(super) fn new(shell: Arc<Shell>, router: Router, straight: Vec<Way>) -> Arc<Self> {
        Arc::new(Self { shell, router, straight })
    }

    pub(crate) async fn answer(&self, request: Request) -> Response {
        let fits = |way: &&Way| way.path == request.uri().path() && *request.method() == Method::POST;
        if let Some(way) = self.straight.iter().find(fits) {
            return self.shell.pass(request, Some(way.path), |request| (way.take)(request)).await;
        }
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
