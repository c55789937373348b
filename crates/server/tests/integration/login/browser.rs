//! A browser that keeps cookies, follows no redirect by itself, and says where its requests come from.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};

use super::issuer::{CLIENT_ID, CLIENT_SECRET, Issuer};
use crate::running::{Running, url};

/// What the tests' server is known by; nothing listens there.
pub(crate) const PUBLIC: &str = "http://localhost:7420";

/// A server that knows the issuer; `sre` responds, `dev` looks on, `root` may all.
pub(crate) async fn server_with(issuer: &Issuer, dir: &Path, more: &[(&'static str, &str)]) -> Running {
    let secret = dir.join("secret");
    std::fs::write(&secret, format!("{CLIENT_SECRET}\n")).unwrap();
    let address = issuer.address();
    let flags = [
        ("oidc-issuer", &*address),
        ("oidc-client-id", CLIENT_ID),
        ("oidc-client-secret-file", secret.to_str().unwrap()),
        ("public-url", PUBLIC),
        ("oidc-viewers", "dev,ops"),
        ("oidc-responders", "sre"),
        ("oidc-admins", "root"),
        ("rate-denied-requests", "100000"),
    ];
    // What is said twice counts as said last.
    Running::start_with(&dir.join("data"), &[&flags, more].concat()).await
}

pub(crate) struct Browser {
    listen: std::net::SocketAddr,
    client: Client,
    jar: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new(server: &Running) -> Self {
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { listen: server.ready.listen, client, jar: BTreeMap::new() }
    }

    pub(crate) async fn send(&mut self, request: RequestBuilder) -> Response {
        let cookies: Vec<_> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header("cookie", cookies.join("; ")).send().await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let text = cookie.to_str().unwrap();
            let (pair, attributes) = text.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            assert!(attributes.contains("HttpOnly") && attributes.contains("SameSite=Lax"), "{text}");
            match attributes.contains("Max-Age=0") {
                true => self.jar.remove(name),
                false => self.jar.insert(name.to_owned(), value.to_owned()),
            };
        }
        response
    }

    /// As a link on one of our own pages.
    pub(crate) async fn get(&mut self, path: &str) -> Response {
        let request = self.client.get(url(self.listen, path)).header("sec-fetch-site", "same-origin");
        self.send(request).await
    }

    /// As a person who looks for a page.
    pub(crate) async fn visit(&mut self, path: &str) -> Response {
        let request = self.client.get(url(self.listen, path)).header("accept", "text/html,*/*;q=0.8");
        self.send(request).await
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(url(self.listen, path))
    }

    /// To the issuer and back, up to the address with the code.
    pub(crate) async fn way_back(&mut self, to: Option<&str>) -> String {
        let path = to.map_or("/login".to_owned(), |to| format!("/login?to={to}"));
        let sent = self.visit(&path).await;
        assert_eq!(sent.status(), 303, "{:?}", sent.text().await);
        let issuer = sent.headers()["location"].to_str().unwrap().to_owned();
        let back = self.client.get(issuer).send().await.unwrap();
        let back = back.headers()["location"].to_str().unwrap().to_owned();
        back.strip_prefix(PUBLIC).unwrap().to_owned()
    }

    pub(crate) async fn log_in(&mut self) -> Response {
        let back = self.way_back(None).await;
        self.get(&back).await
    }

    pub(crate) fn session(&self) -> Option<&str> {
        self.jar.get("casebook-session").map(String::as_str)
    }

    pub(crate) fn take_session(&mut self, session: &str) {
        self.jar.insert("casebook-session".to_owned(), session.to_owned());
    }

    /// The cookie of a login under way.
    pub(crate) fn jar_of_login(&self) -> String {
        self.jar["casebook-login"].clone()
    }

    pub(crate) fn take_login(&mut self, cookie: &str) {
        self.jar.insert("casebook-login".to_owned(), cookie.to_owned());
    }
}
