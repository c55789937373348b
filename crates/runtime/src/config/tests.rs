//! What was said and what it means: precedence, and every error at once.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;

static REGISTER: &[Setting] = &[
    Setting { name: "data", shape: "DIR", default: None, help: "Where the data is." },
    Setting { name: "otlp-grpc", shape: "ADDRESS", default: Some("127.0.0.1:4317"), help: "OTLP over gRPC." },
    Setting { name: "tick", shape: "DURATION", default: Some("1s"), help: "Heartbeat." },
];

type Values = (std::path::PathBuf, std::net::SocketAddr, Duration);

fn read(
    flags: &[(&'static str, &str)],
    variables: &[(&str, &str)],
    file: Option<&str>,
) -> Result<Values, ConfigErrors> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("casebook.toml");
    if let Some(text) = file {
        std::fs::write(&path, text).unwrap();
    }
    let flags: BTreeMap<_, _> = flags.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
    let mut said = Said::gather(REGISTER, &flags, variable, file.map(|_| path.as_path()));
    said.check_variables(REGISTER, variables.iter().map(|(name, _)| (*name).to_owned()), &["CASEBOOK_KEY"]);
    let mut meaning = Meaning::new(REGISTER, said);
    let data = meaning.require("data", value::path);
    let address = meaning.get("otlp-grpc", value::address);
    let tick = meaning.get("tick", value::duration);
    let all = data.zip(address).zip(tick).map(|((data, address), tick)| (data, address, tick));
    meaning.finish(all)
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let file = "data = \"file\"\notlp_grpc = \"127.0.0.1:1\"\ntick = \"3s\"";
    let (data, address, tick) = read(
        &[("data", "flag")],
        &[("CASEBOOK_DATA", "variable"), ("CASEBOOK_OTLP_GRPC", "127.0.0.1:2")],
        Some(file),
    )
    .unwrap();
    assert_eq!(data.to_str(), Some("flag"));
    assert_eq!(address.port(), 2);
    assert_eq!(tick, Duration::from_secs(3));
}

#[test]
fn everything_wrong_is_said_at_once() {
    let file = "listn = \"127.0.0.1:1\"\ntick = [1]";
    let errors = read(&[("otlp-grpc", "nowhere")], &[("CASEBOOK_TICK", "soon")], Some(file)).unwrap_err();
    let text = errors.to_string();
    for part in ["listn in ", "tick in ", "--otlp-grpc: \"nowhere\"", "CASEBOOK_TICK: \"soon\"", "--data"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(errors.0.len(), 5, "{text}");
}

#[test]
fn a_file_that_is_no_toml_is_named() {
    let errors = read(&[("data", "d")], &[], Some("a = = 1")).unwrap_err();
    assert!(errors.to_string().contains("is not TOML"), "{errors}");
}

#[test]
fn variables_of_others_are_left_alone() {
    for name in
        ["CASEBOOK_PORT", "CASEBOOK_PORT_7420_TCP_ADDR", "CASEBOOK_SERVICE_HOST", "CASEBOOK_KEY", "PATH"]
    {
        assert!(read(&[("data", "d")], &[(name, "tcp://10.0.0.1:7420")], None).is_ok(), "{name}");
    }
}

#[test]
fn a_name_that_nobody_reads_is_told_with_the_one_that_was_meant() {
    let variables = [("CASEBOOK_TICKS", "1s"), ("CASEBOOK_PORTAL", "1"), ("CASEBOOK_OTLP_GRCP", "x")];
    let errors = read(&[("data", "d")], &variables, Some("tik = \"1s\"")).unwrap_err();
    let told: Vec<_> = errors.0.iter().map(|error| (error.place.as_str(), error.problem.as_str())).collect();
    assert_eq!(told[0].1, "no setting has this name; did you mean tick?");
    assert_eq!(
        told[1..],
        [
            ("CASEBOOK_TICKS", "no setting has this variable; did you mean CASEBOOK_TICK?"),
            ("CASEBOOK_PORTAL", "no setting has this variable"),
            ("CASEBOOK_OTLP_GRCP", "no setting has this variable; did you mean CASEBOOK_OTLP_GRPC?"),
        ]
    );
}

#[test]
fn values_are_read_or_refused() {
    assert_eq!(value::duration("250ms"), Ok(Duration::from_millis(250)));
    assert_eq!(value::duration("7d"), Ok(Duration::from_secs(7 * 86_400)));
    for text in ["", "1", "s", "-1s", "1.5s", "1 s", "99999999999999999999s", "18446744073709551615d"] {
        assert!(value::duration(text).is_err(), "{text:?}");
    }
    assert_eq!(value::bytes("16MiB"), Ok(16 << 20));
    assert_eq!(value::bytes("7"), Ok(7));
    for text in ["", "MiB", "1MB", "1mib", "-1", "18446744073709551615KiB"] {
        assert!(value::bytes(text).is_err(), "{text:?}");
    }
    assert!(value::address("localhost:0").is_ok());
    assert!(value::address("[::1]:7420").is_ok());
    for text in ["", "7420", "127.0.0.1", "127.0.0.1:70000", "host.invalid:1"] {
        assert!(value::address(text).is_err(), "{text:?}");
    }
}

#[test]
fn sizes_are_told_in_the_largest_whole_unit() {
    for (bytes, text) in [
        (0, "0 bytes"),
        (1_000, "1000 bytes"),
        (64 << 10, "64 KiB"),
        (16 << 20, "16 MiB"),
        (1_025 << 10, "1025 KiB"),
        (20 << 30, "20 GiB"),
    ] {
        assert_eq!(value::size_text(bytes), text);
    }
}

#[test]
fn the_reference_names_every_setting() {
    let page = reference_markdown("casebook serve", REGISTER);
    for setting in REGISTER {
        for name in [setting.flag(), setting.variable(), setting.key()] {
            assert!(page.contains(&format!("`{name}")), "{name} is not on the page");
        }
    }
}
