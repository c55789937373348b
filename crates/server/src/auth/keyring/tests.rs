//! What a keys file may hold, and that faults are told without telling keys.

use super::*;
use crate::auth::NewKey;

fn entry(name: &str, more: &str) -> (NewKey, String) {
    let key = NewKey::generate(Scope::Write).unwrap();
    let text = format!("{}{more}\n", key.file_entry(name, None));
    (key, text)
}

#[test]
fn a_key_is_found_by_its_text_and_nothing_else_is() {
    let (key, text) = entry("collector", "");
    let keyring = Keyring::parse(&text).unwrap();
    let found = keyring.by_token(key.reveal()).unwrap();
    assert_eq!((&*found.name, found.scope), ("collector", Scope::Write));
    assert!(keyring.by_token(NewKey::generate(Scope::Write).unwrap().reveal()).is_none());
    assert!(keyring.by_token("").is_none());
}

#[test]
fn several_keys_may_have_one_name_and_one_scope() {
    let ((old, first), (new, second)) = (entry("collector", ""), entry("collector", ""));
    let keyring = Keyring::parse(&(first + &second)).unwrap();
    assert_eq!(keyring.len(), 2);
    for key in [old, new] {
        assert_eq!(&*keyring.by_token(key.reveal()).unwrap().name, "collector");
    }
}

#[test]
fn a_key_with_networks_is_good_from_there_only() {
    let (key, text) = entry("edge", "networks = [\"10.1.0.0/16\", \"fd00::/8\", \"192.0.2.7\"]");
    let keyring = Keyring::parse(&text).unwrap();
    let entry = keyring.by_token(key.reveal()).unwrap();
    for (address, allowed) in [
        ("10.1.255.1", true),
        ("10.2.0.1", false),
        ("fd12::1", true),
        ("fe80::1", false),
        ("192.0.2.7", true),
        ("192.0.2.8", false),
    ] {
        assert_eq!(entry.allows(address.parse().unwrap()), allowed, "{address}");
    }
}

#[test]
fn faults_are_told_at_once_and_never_show_what_may_be_a_key() {
    let (canary, good) = entry("good", "");
    let secret = canary.reveal();
    let one = |name: &str, sha256: &str, more: &str| {
        format!("[[keys]]\nname = \"{name}\"\nscope = \"read\"\nsha256 = \"{sha256}\"\n{more}\n")
    };
    let digest = "0".repeat(64);
    let cases = [
        (String::new(), "it holds 0 keys"),
        (one("a", secret, ""), "key 1: sha256 must be 64 hexadecimal digits"),
        (one("a b", &digest, ""), "key 1: a name has 1 to 64"),
        (one("a", &digest, "expires = \"soon\""), "key 1: a: expires is no time"),
        (one("a", &digest, "networks = [\"10.0.0.0/40\"]"), "is no network such as"),
        (one("a", &digest, &format!("token = \"{secret}\"")), "line 5 is not what a keys file holds"),
        (format!("[[keys]]\nname = {secret}"), "line 2 is not what a keys file holds"),
        (format!("{good}{good}"), "key 2: it is the key of good already"),
        (one("a b", "x", "") + &one("", "y", ""), "key 2: "),
    ];
    for (text, told) in cases {
        let fault = Keyring::parse(&text).unwrap_err();
        assert!(fault.contains(told), "{fault:?} does not say {told:?}");
        assert!(!fault.contains(&secret[20..]), "{fault}");
    }
}

#[test]
fn keys_of_one_name_share_a_meter_also_over_a_change_of_the_file() {
    let ((old, first), (new, second), (other, third)) =
        (entry("collector", ""), entry("collector", ""), entry("other", ""));
    let before = Keyring::parse(&(first.clone() + &second)).unwrap();
    let after = Keyring::parse(&(second + &third)).unwrap().inherit(&before);
    let meter = |keyring: &Keyring, key: &NewKey| Arc::as_ptr(&keyring.by_token(key.reveal()).unwrap().meter);
    assert_eq!(meter(&before, &old), meter(&before, &new));
    assert_eq!(meter(&before, &new), meter(&after, &new));
    assert_ne!(meter(&after, &new), meter(&after, &other));
}
