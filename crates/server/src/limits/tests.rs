//! Who is held back by whom.

use std::net::Ipv4Addr;

use super::*;

const SECOND_NS: u64 = 1_000_000_000;

fn rates(requests: u64, bytes: u64) -> Rates {
    Rates { requests: Rate::per_second(requests), bytes: Rate::per_second(bytes) }
}

fn limits(key: u64, address: u64, all: u64) -> Limits {
    Limits::new(RateSettings {
        key: rates(key, key * 1_000),
        address: rates(address, address * 1_000),
        all: rates(all, all * 1_000),
        denied: Rate::per_second(20),
    })
}

fn client(last: u8, meter: Option<&Arc<Meter>>) -> Charged {
    Charged { meter: meter.cloned(), address: Ipv4Addr::new(192, 0, 2, last).into() }
}

fn passed(limits: &Limits, charged: &Charged, now_ns: u64) -> usize {
    (0..1_000).take_while(|_| limits.admit_at(charged, 0, now_ns).is_ok()).count()
}

#[test]
fn each_limit_holds_by_itself_and_says_which_it_is() {
    let meter = Arc::new(Meter::default());
    let key = limits(10, 100, 1_000);
    assert_eq!(passed(&key, &client(1, Some(&meter)), 1), 20);
    // All addresses of one key share its bucket, and other keys have their own.
    assert_eq!(key.admit_at(&client(2, Some(&meter)), 0, 1).unwrap_err().by, By::Key);
    assert_eq!(passed(&key, &client(2, Some(&Arc::default())), 1), 20);
    let address = limits(100, 10, 1_000);
    assert_eq!(passed(&address, &client(1, None), 1), 20);
    assert_eq!(address.admit_at(&client(1, Some(&Arc::default())), 0, 1).unwrap_err().by, By::Address);
    assert_eq!(passed(&address, &client(2, None), 1), 20);
    let all = limits(100, 100, 10);
    assert_eq!(passed(&all, &client(1, None), 1), 20);
    assert_eq!(all.admit_at(&client(2, None), 0, 1).unwrap_err().by, By::All);
    let again = all.admit_at(&client(2, None), 0, 1).unwrap_err().wait;
    assert_eq!(again, Duration::from_millis(100));
    assert!(all.admit_at(&client(2, None), 0, 1 + SECOND_NS / 10).is_ok());
}

#[test]
fn a_body_that_is_too_large_is_owed_by_the_next_request() {
    let limits = limits(1_000, 1_000, 1_000);
    let charged = client(1, None);
    assert!(limits.admit(&charged, |all| all).is_ok());
    limits.take_bytes(&charged, 100 * 1_000 * 1_000);
    let limited = limits.admit(&charged, |all| all).unwrap_err();
    assert_eq!(limited.by, By::Address);
    assert!(limited.wait > Duration::from_secs(30) && limited.wait <= Duration::from_secs(61));
}

#[test]
fn a_million_refused_requests_hold_back_their_own_address_only() {
    let limits = limits(10, 10, 1_000);
    let attacker = client(66, None).address;
    let refused = (0..1_000_000_u64).filter(|at| limits.deny_at(attacker, at * 1_000).is_ok()).count();
    // Two seconds' worth at once, and one second passes.
    assert!((40..=61).contains(&refused), "{refused}");
    let now_ns = SECOND_NS;
    while limits.deny_at(attacker, now_ns).is_ok() {}
    assert!(limits.deny_at(attacker, now_ns).is_err());
    for last in 1..=65 {
        assert!(limits.deny_at(client(last, None).address, now_ns).is_ok(), "{last}");
    }
    // A good key is let through from anywhere, also from the attacker's own address.
    let meter = Arc::new(Meter::default());
    assert_eq!(passed(&limits, &client(1, Some(&meter)), now_ns), 20);
    assert_eq!(passed(&limits, &client(66, Some(&Arc::default())), now_ns), 20);
}

#[test]
fn who_may_use_a_part_of_a_burst_leaves_the_rest_to_others_at_every_limit() {
    let kept_ns = BURST_NS / 10 * 3;
    for limits in [limits(10, 100, 1_000), limits(100, 10, 1_000), limits(100, 100, 10)] {
        let charged = client(1, Some(&Arc::default()));
        let of_a_part = (0..1_000).take_while(|_| limits.admit_at(&charged, kept_ns, 1).is_ok()).count();
        assert_eq!(of_a_part, 14);
        assert_eq!(passed(&limits, &charged, 1), 6, "what is left is for the others");
        assert!(limits.admit_at(&charged, kept_ns, 1 + SECOND_NS / 2).is_err());
        assert!(limits.admit_at(&charged, kept_ns, 1 + SECOND_NS).is_ok());
    }
}
