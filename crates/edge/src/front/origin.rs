//! Pages of other sites. A browser says from which site a page's request comes; those of sites that the pool's configuration
//! names may call, and their browser is told so. It must never know what is called.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, RETRY_AFTER, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};

use super::answer::{Answer, empty, problem};
use crate::config::Origins;

/// For so many seconds a browser need not ask again.
const PREFLIGHT_COUNTS_S: u64 = 600;

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    /// No page of a browser: nothing need be said.
    Program,
    Site(HeaderValue),
}

impl Caller {
    /// `None` is a page that may not call.
    pub(super) fn of(headers: &HeaderMap, origins: &Origins) -> Option<Self> {
        let Some(origin) = headers.get(ORIGIN) else { return Some(Self::Program) };
        origin.to_str().is_ok_and(|origin| origins.has(origin)).then(|| Self::Site(origin.clone()))
    }

    /// What such a page's browser is told.
    pub(super) fn refusal() -> Answer {
        problem(
            StatusCode::FORBIDDEN,
            "pages of this site may not call; the pool's configuration names those that may, in origins",
        )
    }

    /// What a browser asks before a page's request, without its key.
    pub(super) fn preflight<B>(&self, request: &Request<B>) -> Option<Answer> {
        let asked = request.headers();
        let method = asked.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        if request.method() != Method::OPTIONS || *self == Self::Program {
            return None;
        }
        let mut answer = empty(StatusCode::NO_CONTENT);
        let told = answer.headers_mut();
        told.insert(ACCESS_CONTROL_ALLOW_METHODS, method.clone());
        if let Some(headers) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            told.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
        }
        told.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(PREFLIGHT_COUNTS_S));
        Some(answer)
    }

    /// So that the browser shows the answer to the page.
    pub(super) fn told(&self, mut answer: Answer) -> Answer {
        if let Self::Site(origin) = self {
            let headers = answer.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_name(RETRY_AFTER));
            headers.insert(VARY, HeaderValue::from_name(ORIGIN));
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(http::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_page_calls_where_its_site_is_named_and_programs_do_everywhere() {
        let one = Origins::These(vec!["https://app.example".to_owned()]);
        let of = |origin| Caller::of(&headers(&[(ORIGIN, origin)]), &one);
        assert!(matches!(of("https://app.example"), Some(Caller::Site(_))));
        for other in ["https://app.example.org", "http://app.example", "https://app.example:444", "null", ""]
        {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(Caller::of(&HeaderMap::new(), &Origins::default()), Some(Caller::Program));
        let any = Caller::of(&headers(&[(ORIGIN, "https://else.example")]), &Origins::All);
        let told = any.unwrap().told(empty(StatusCode::OK));
        assert_eq!(told.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "https://else.example");
        assert_eq!(told.headers()[VARY], "origin");
    }

    #[test]
    fn a_browser_is_told_before_that_a_page_may_call() {
        let site = Caller::Site(HeaderValue::from_static("https://app.example"));
        let mut request = Request::new(());
        *request.method_mut() = Method::OPTIONS;
        assert!(site.preflight(&request).is_none(), "it asks for nothing");
        *request.headers_mut() = headers(&[
            (ACCESS_CONTROL_REQUEST_METHOD, "POST"),
            (ACCESS_CONTROL_REQUEST_HEADERS, "content-type,x-api-key"),
        ]);
        let answer = site.preflight(&request).unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_METHODS], "POST");
        assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_HEADERS], "content-type,x-api-key");
        assert!(Caller::Program.preflight(&request).is_none());
    }
}
