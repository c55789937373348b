//! What is shown of addresses and of texts with secrets in them.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn shown(text: &str) -> String {
    let url = SecretUrl::new(Url::parse(text).unwrap());
    assert_eq!(format!("{url:?}"), url.to_string());
    url.to_string()
}

fn secrets() -> Secrets {
    let mut secrets = Secrets::default();
    let url = "https://ada:s%20pike@node.example.org/v3/0123456789abcdef?apikey=quiet-words";
    secrets.add_url(&SecretUrl::new(Url::parse(url).unwrap()));
    secrets.add_header(&HeaderValue::from_static("Bearer token-of-mine"));
    secrets.add_text(&SecretText::new("casebook-key"));
    secrets.add_text(&SecretText::new("casebook-key-of-tomorrow"));
    secrets
}

#[test]
fn an_address_shows_scheme_host_and_port() {
    for (url, expected) in [
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("http://[::1]:8545/", "http://[::1]:8545"),
        ("https://node.example.org:443/", "https://node.example.org"),
        ("https://ada:secret@node.example.org", "https://node.example.org"),
        ("https://node.example.org/v3/0123456789abcdef", "https://node.example.org/…"),
        ("wss://node.example.org/?apikey=1", "wss://node.example.org/…"),
        ("wss://node.example.org/#secret", "wss://node.example.org/…"),
    ] {
        assert_eq!(shown(url), expected);
    }
}

#[test]
fn a_secret_text_shows_nothing() {
    assert_eq!(format!("{:?}", SecretText::new("casebook-key")), "SecretText(..)");
    assert_eq!(format!("{:?}", secrets()), "Secrets(9)");
}

#[test]
fn texts_of_others_lose_addresses_and_secrets() {
    for (text, expected) in [
        ("connection refused", "connection refused"),
        (
            "error sending request for url (https://x:y@z.example.org:1/k/abc): refused",
            "error sending request for url (https://z.example.org:1/…): refused",
        ),
        ("dial ws://10.0.0.1:8546: no route", "dial ws://10.0.0.1:8546: no route"),
        ("see \"http://a.example.org/p?q=1\", twice", "see \"http://a.example.org/…\", twice"),
        ("http://a]b)c/secret and more", "http://… and more"),
        ("://", "://…"),
        ("no route for /v3/0123456789abcdef?x", "no route for /v3/…?x"),
        ("401 for token-of-mine", "401 for …"),
        // One secret that begins another leaves nothing of it.
        ("401 for casebook-key-of-tomorrow", "401 for …"),
        ("user ada is not s pike, nor s%20pike", "user ada is not …, nor …"),
        ("é://é://é", "é://…"),
    ] {
        assert_eq!(scrub(text, &secrets()), expected);
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_or_keeps_a_known_secret(text in ".*", before in ".{0,8}", after in ".{0,8}") {
        let known = secrets();
        let _ = scrub(&text, &known);
        for secret in ["0123456789abcdef", "token-of-mine", "casebook-key", "quiet-words"] {
            let scrubbed = scrub(&format!("{before}{secret}{after}"), &known).into_owned();
            prop_assert!(!scrubbed.contains(secret), "{}", scrubbed);
        }
    }

    #[test]
    fn no_address_keeps_anything_behind_its_host(path in "[a-zA-Z0-9/?=&()',.;:@!*+-]{0,40}") {
        let text = format!("cannot reach https://user:hidden-word@host.example.org/{path}/hidden-word: refused");
        let scrubbed = scrub(&text, &Secrets::default()).into_owned();
        prop_assert!(!scrubbed.contains("hidden-word"), "{}", scrubbed);
    }
}
