//! How much may come in a second.

use runtime::config::{Meaning, value};

use crate::limits::{Rate, RateSettings, Rates};

const REQUESTS_MAX: u64 = 1_000_000_000;
const KIB: u64 = 1 << 10;
const TIB: u64 = 1 << 40;

pub(super) fn read(meaning: &mut Meaning) -> Option<RateSettings> {
    let mut requests = |name| meaning.get(name, value::count(1, REQUESTS_MAX)).map(Rate::per_second);
    let of_requests = [
        requests("rate-key-requests"),
        requests("rate-address-requests"),
        requests("rate-all-requests"),
        requests("rate-denied-requests"),
    ];
    let within = |text: &str| value::within(value::bytes, KIB, TIB, "1KiB to 1TiB")(text);
    let mut bytes = |name| meaning.get(name, within).map(Rate::per_second);
    let of_bytes = [bytes("rate-key-bytes"), bytes("rate-address-bytes"), bytes("rate-all-bytes")];
    let [key, address, all, denied] = of_requests;
    let [key_bytes, address_bytes, all_bytes] = of_bytes;
    Some(RateSettings {
        key: Rates { requests: key?, bytes: key_bytes? },
        address: Rates { requests: address?, bytes: address_bytes? },
        all: Rates { requests: all?, bytes: all_bytes? },
        denied: denied?,
    })
}
