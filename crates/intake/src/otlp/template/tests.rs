//! Lines of real programs, and the laws: bounded, its own template, the same for lines of one shape.

use proptest::prelude::*;

use super::{MASK, template};

fn of(line: &str) -> String {
    template(line, 256)
}

#[test]
fn what_changes_is_masked_and_words_stay() {
    for (line, expected) in [
        ("payment 4711 of user 42 failed after 350ms", "payment <*> of user <*> failed after <*>"),
        ("order 3f2b8c1e-9d4a-4b7e-8f6a-1c2d3e4f5a6b not found", "order <*> not found"),
        ("connect to 10.0.3.17:5432 refused", "connect to <*> refused"),
        ("connect to [fe80::1%eth0]:443 refused", "connect to [fe<*>::<*>%eth0]:<*> refused"),
        ("peer fe80::1 is gone", "peer <*> is gone"),
        ("2026-01-31T12:00:00.123Z ERROR shop: it failed", "<*> ERROR shop: it failed"),
        ("2026-01-31 12:00:00,123 WARN [main] c.e.Shop - slow", "<*> <*> WARN [main] c.e.Shop - slow"),
        ("key \"user:17\" has no value 'x'", "key <*> has no value <*>"),
        ("can't open file, won't retry", "can't open file, won't retry"),
        ("ids [1, 2, 3] are gone", "ids [<*>] are gone"),
        ("ids 1, 2, 3 are gone", "ids <*> are gone"),
        ("state {\"a\":{\"b\":[1,2]}} is wrong", "state {<*>} is wrong"),
        ("GET /users/42/orders/ab12cd34 took 5s", "GET /users/<*>/orders/<*> took <*>"),
        (
            "calling https://api.bank/v1/cards/9f3e7a21?x=1&y=2 failed",
            "calling https://api.bank/v1/cards/<*>?<*> failed",
        ),
        ("login at postgres://ada:secret@db:5432/shop.", "login at postgres://<*>@db:<*>/shop."),
        ("pod checkout-7d9f8b6c5-xkzlp restarted", "pod checkout-<*> restarted"),
        ("worker12 uses http2 and s3, v1", "worker<*> uses http2 and s3, v1"),
        ("balance is -5 and +17 of -x", "balance is <*> and <*> of -x"),
        ("   two\tblanks  \u{1b}[31mred ", "two blanks red"),
        ("line one 1\nat frame 2", "line one <*>"),
        (
            "Traceback (most recent call last):\n  File \"a\", line 1\nValueError: bad 7",
            "ValueError: bad <*>",
        ),
        ("", ""),
    ] {
        assert_eq!(of(line), expected, "{line}");
    }
}

#[test]
fn long_lines_are_cut_and_short_bounds_hold() {
    assert!(of(&"word ".repeat(1000)).len() <= 256);
    for max in 0..12 {
        assert!(template("é1 ü2 x", max).len() <= max);
    }
}

/// A search for the end from every bracket would be quadratic: within the bound of searches it is not.
#[test]
fn lines_of_brackets_and_quotes_are_answered() {
    for c in ["[", "(", "{", "\"", "'", "[(", "<", "<*", "[\"", "]["] {
        let line = c.repeat(2000);
        assert_eq!(of(&of(&line)), of(&line));
    }
}

/// A part of a line, and another of the same shape.
fn pair() -> impl Strategy<Value = (String, String)> {
    let both = |kind: &'static str| (kind, kind);
    let two = |regex: (&'static str, &'static str)| {
        (proptest::string::string_regex(regex.0).unwrap(), proptest::string::string_regex(regex.1).unwrap())
    };
    let word = "[a-z]{1,8}".prop_map(|word: String| (word.clone(), word));
    prop_oneof![
        3 => word,
        1 => two(both("[0-9]{1,12}")),
        1 => two(both("-?[0-9]{1,6}\\.[0-9]{1,6}")),
        1 => two(both("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")),
        1 => two(both("0x[0-9a-f]{1,16}")),
        1 => two(both("20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{3})?Z")),
        1 => two(both("[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}(:[0-9]{2,5})?")),
        1 => two(both("\"[a-z 0-9]{0,10}\"")),
        1 => two(both("\\[[0-9]{1,5}(, [0-9]{1,5}){1,8}\\]")),
        1 => two(both("https://host/path/[0-9]{1,9}")),
        1 => two(both("[0-9]{1,4}(ms|s|MB)")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn lines_of_one_shape_have_one_template(parts in proptest::collection::vec(pair(), 1..10)) {
        let line = |pick: fn(&(String, String)) -> &String| parts.iter().map(pick).cloned().collect::<Vec<_>>().join(" ");
        let (one, other) = (line(|pair| &pair.0), line(|pair| &pair.1));
        prop_assert_eq!(of(&one), of(&other), "{} and {}", one, other);
    }

    #[test]
    fn a_template_is_bounded_and_its_own_template(
        line in prop_oneof!["\\PC{0,300}", "[\\[\\](){}\"'`<>*, :/.?#@=0-9a-f+-]{0,120}", any::<String>()],
        max in 0..300usize,
    ) {
        let once = template(&line, max);
        prop_assert!(once.len() <= max);
        prop_assert!(!once.chars().any(char::is_control), "{:?}", once);
        prop_assert_eq!(template(&once, max), once);
    }

    #[test]
    fn no_number_of_a_line_of_words_and_numbers_is_left(words in proptest::collection::vec("([a-z]{1,5}|[0-9]{1,9})", 0..20)) {
        let masked = of(&words.join(" "));
        prop_assert!(!masked.bytes().any(|byte| byte.is_ascii_digit()), "{}", masked);
        prop_assert!(words.iter().all(|word| word.as_bytes().first().is_none_or(u8::is_ascii_digit)) || !masked.is_empty());
        prop_assert_eq!(masked.contains(MASK), words.iter().any(|word| word.as_bytes()[0].is_ascii_digit()) && masked.len() > 2);
    }
}
