//! Bodies and headers with secrets in them, written in every way that a node can.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::Response;
use url::Url;

use super::*;
use crate::redact::SecretUrl;

const NO: &str = r#"{"code":404,"message":"no such thing"}"#;

fn secrets() -> Secrets {
    let mut secrets = Secrets::default();
    secrets.add_url(&SecretUrl::new(Url::parse("https://a.example/v3/hush-hush?k=quiet/one").unwrap()));
    secrets
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn head(status: u16, headers: &[(&str, &str)]) -> Parts {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap().into_parts().0
}

fn shown_as(encoding: &str, body: &[u8]) -> Shown {
    shown(&mut head(404, &[("content-encoding", encoding)]), body, true, &secrets())
}

#[test]
fn an_error_loses_its_secrets_however_it_is_written() {
    let without = |text: &str| Shown::Without(text.to_owned());
    for (body, expected) in [
        (&b"no hush-hush here"[..], without("no \u{2026} here")),
        (br#"{"code":404,"message":"no quiet\/one"}"#, without(r#"{"code":404,"message":"no …"}"#)),
        (br#"{"hush-hush":"\u0068ush-hush"}"#, without(r#"{"…":"…"}"#)),
        (b"caf\xe9 hush-hush", without("caf\u{fffd} …")),
        (NO.as_bytes(), Shown::AsItCame),
        (b"", Shown::AsItCame),
    ] {
        assert_eq!(shown_as("identity", body), expected, "{}", String::from_utf8_lossy(body));
        if !body.is_empty() {
            assert_eq!(shown_as("GZIP", &gzip(body)), expected, "{}", String::from_utf8_lossy(body));
        }
    }
}

#[test]
fn what_cannot_be_looked_through_is_not_shown() {
    let packed = gzip(NO.as_bytes());
    for (encoding, body) in [
        ("br", &packed[..]),
        ("deflate", &packed[..]),
        ("gzip, gzip", &packed[..]),
        ("gzip", NO.as_bytes()),
        ("gzip", &packed[..packed.len() - 9]),
        ("gzip", &gzip(&vec![b' '; HELD_BYTES_MAX + 1])[..]),
    ] {
        assert_eq!(shown_as(encoding, body), Shown::Nothing, "{encoding}");
    }
    let mut twice = head(404, &[("content-encoding", "gzip"), ("content-encoding", "gzip")]);
    assert_eq!(shown(&mut twice, &gzip(&packed), true, &secrets()), Shown::Nothing);
    assert_eq!(shown(&mut head(404, &[]), NO.as_bytes(), false, &secrets()), Shown::Nothing);
    assert_eq!(
        shown(&mut head(301, &[]), b"moved to hush-hush", true, &secrets()),
        Shown::Without("moved to …".into())
    );
}

#[test]
fn headers_of_errors_tell_nothing_and_fit_the_body() {
    let said = [
        ("content-type", "application/json"),
        ("content-length", "9"),
        ("content-encoding", "gzip"),
        ("www-authenticate", "Basic realm=\"hush-hush\""),
        ("retry-after", "1"),
    ];
    let left = |status, body: &[u8]| {
        let mut head = head(status, &said);
        shown(&mut head, body, true, &secrets());
        let mut names: Vec<String> = head.headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    assert_eq!(left(401, &gzip(b"hush-hush")), ["content-type", "retry-after"]);
    let kept = ["content-encoding", "content-length", "content-type", "retry-after"];
    assert_eq!(left(401, &gzip(NO.as_bytes())), kept);
    assert_eq!(left(200, &gzip(b"hush-hush")), kept);
}

#[test]
fn no_header_of_any_answer_tells_a_secret_in_whatever_letters() {
    for (name, value, is_kept) in [
        ("location", "https://a.example/v3/hush-hush/x?k=quiet/one", false),
        ("location", "https://else.example/?to=%68ush%2Dhush", false),
        ("location", "https://else.example/?to=%2568ush-hush", false),
        ("location", "https://else.example/?to=quiet%2fone", false),
        ("location", "https://else.example/", true),
        ("report-to", r#"{"url":"quiet\/one"}"#, false),
        ("link", "<https://a.example/v3/HUSH-HUSH>", false),
        ("set-cookie", "a=hush-hush", false),
        ("content-type", "text/html; profile=hush-hush", false),
        ("content-type", "text/html; charset=utf-8", true),
        ("etag", "\"100%\"", true),
    ] {
        for status in [200, 204, 206, 302, 304, 404, 500] {
            let mut head = head(status, &[(name, value)]);
            shown(&mut head, b"", true, &secrets());
            let is_left = head.headers.values().any(|left| left == value);
            assert_eq!(is_left, is_kept, "{status} {name}: {value}");
        }
    }
}

#[test]
fn what_is_read_of_a_type_stays() {
    let mut head = head(200, &[("content-type", "text/html; profile=\"hush-hush\"")]);
    shown(&mut head, b"", true, &secrets());
    assert_eq!(head.headers["content-type"], "text/html");
}

#[test]
fn who_has_no_secrets_and_what_went_well_is_passed_on_unseen() {
    let none = Secrets::default();
    assert_eq!(shown(&mut head(500, &[("content-encoding", "br")]), b"x", false, &none), Shown::AsItCame);
    assert_eq!(
        shown(&mut head(200, &[("content-encoding", "br")]), b"x", false, &secrets()),
        Shown::AsItCame
    );
}

#[test]
fn nothing_is_asked_for_that_could_not_be_looked_through() {
    for (said, expected) in [
        (&["gzip, deflate, br"][..], Some("gzip")),
        (&["br", "x-gzip;q=0.5"], Some("gzip")),
        (&["*"], Some("gzip")),
        (&["br"], Some("identity")),
        (&["gzip;q=0, br"], Some("identity")),
        (&["gzip; q=0.0"], Some("identity")),
        (&[""], Some("identity")),
        (&[], None),
    ] {
        let mut headers = HeaderMap::new();
        said.iter().for_each(|value| _ = headers.append(ACCEPT_ENCODING, HeaderValue::from_static(value)));
        ask_readable(&mut headers);
        let asked: Vec<&str> =
            headers.get_all(ACCEPT_ENCODING).iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(asked, Vec::from_iter(expected), "{said:?}");
    }
}
