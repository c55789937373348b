//! Lines as they should be, and lines that are refused with their number.

use std::fs;

use super::*;

fn read(text: &str) -> Result<Vec<InputLine>, CaseError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("inputs.ndjson");
    fs::write(&path, text).unwrap();
    Inputs::open(&path)?.collect()
}

#[test]
fn lines_are_written_as_they_are_read() {
    let text = concat!(
        "{\"at\":\"2026-01-01T00:00:00Z\",\"kind\":\"tick\"}\n",
        "{\"at\":\"2026-01-01T00:00:01.500Z\",\"kind\":\"otlp_traces\",\"body\":{\"resourceSpans\":[ ]}}\n",
        "{\"at\":\"2026-01-01T00:00:02Z\",\"kind\":\"alert\",\"provider\":\"grafana\",\"body\":{\"x\":1.50}}\n",
    );
    let mut written = Vec::new();
    read(text).unwrap().iter().for_each(|line| line.write(&mut written).unwrap());
    assert_eq!(String::from_utf8(written).unwrap(), text);
}

#[test]
fn what_is_wrong_is_said_with_the_line() {
    let good = "{\"at\":\"2026-01-01T00:00:01Z\",\"kind\":\"signal\",\"body\":{}}\n";
    for (line, said) in [
        ("{\"at\":\"2026-01-01T00:00:00Z\",\"kind\":\"signal\",\"body\":{}}", "is before"),
        ("{\"at\":\"2026-01-01T00:00:02Z\",\"kind\":\"spans\",\"body\":{}}", "unknown variant"),
        ("{\"at\":\"2026-01-01T00:00:02Z\",\"kind\":\"signal\"}", "body is missing"),
        ("{\"at\":\"2026-01-01T00:00:02Z\",\"kind\":\"tick\",\"body\":{}}", "a tick has no body"),
        (
            "{\"at\":\"2026-01-01T00:00:02Z\",\"kind\":\"signal\",\"provider\":\"native\",\"body\":{}}",
            "provider",
        ),
        ("{\"at\":\"2026-01-01T00:00:02Z\",\"kind\":\"signal\",\"body\":{},\"boby\":1}", "unknown field"),
        ("{\"at\":\"today\",\"kind\":\"signal\",\"body\":{}}", "RFC 3339"),
        ("", "the line is empty"),
        ("{\"at\":", "EOF"),
    ] {
        let error = read(&format!("{good}{line}\n{good}")).unwrap_err().to_string();
        assert!(error.contains(said) && error.contains("inputs.ndjson:2: "), "{line}: {error}");
    }
}

#[test]
fn a_line_without_end_is_the_last() {
    let line = "{\"at\":\"2026-01-01T00:00:01Z\",\"kind\":\"signal\",\"body\":{}}";
    assert_eq!(read(line).unwrap().len(), 1);
    assert!(read("").unwrap().is_empty());
}

#[test]
fn a_bomb_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("inputs.ndjson.zst");
    let line = vec![b' '; LINE_BYTES_MAX + 1];
    fs::write(&path, zstd::encode_all(line.as_slice(), 1).unwrap()).unwrap();
    let error = Inputs::open(&path).unwrap().next().unwrap().unwrap_err().to_string();
    assert!(error.contains("longer than"), "{error}");
}
