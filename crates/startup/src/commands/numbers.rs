//! How often and how long, as commands write it.

use std::time::Duration;

/// More tries than this are as good as endless.
const COUNT_MAX: u64 = 1_000_000;

/// `5`, `0.5`, `2m`: as `sleep` and `timeout` read it. None for what is no length of time.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text.get(number.len()..)? {
        "" | "s" => 1000,
        "ms" => 1,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) {
        return None;
    }
    let thousandths = format!("{part:0<3}").get(..3).and_then(|part| part.parse::<u64>().ok())?;
    let millis = whole.parse::<u64>().ok()?.checked_mul(factor)?.checked_add(thousandths * factor / 1000)?;
    Some(Duration::from_millis(millis))
}

/// How many values a `for` goes over: `1 2 3`, `{1..30}`, `$(seq 30)`, `$(seq 1 30)`.
pub(super) fn counted(words: &[&str]) -> Option<u64> {
    let count = match words {
        [one] => match one.strip_prefix("$(seq ").and_then(|rest| rest.strip_suffix(')')) {
            Some(bounds) => sequence(bounds)?,
            None => match one.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(range) => between(range.split_once("..")?)?,
                None if one.contains('$') || one.contains('`') => return None,
                None => 1,
            },
        },
        many if many.iter().any(|word| word.contains('$')) => return None,
        many => u64::try_from(many.len()).ok()?,
    };
    Some(count.min(COUNT_MAX))
}

fn sequence(bounds: &str) -> Option<u64> {
    let bounds: Vec<&str> = bounds.split_whitespace().collect();
    match bounds.as_slice() {
        [last] => between(("1", last)),
        [first, last] => between((first, last)),
        [first, step, last] => {
            let step: u64 = step.parse().ok().filter(|step| *step > 0)?;
            Some(between((first, last))?.div_ceil(step))
        }
        _ => None,
    }
}

fn between((first, last): (&str, &str)) -> Option<u64> {
    let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
    Some((last.checked_add(1)?).saturating_sub(first))
}
