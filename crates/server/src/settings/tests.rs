//! All errors at once, and settings that do not go together.

use super::*;

fn settings(flags: &[(&'static str, &str)]) -> Result<Settings, ConfigErrors> {
    let flags = flags.iter().fold(SettingFlags::default(), |flags, (name, text)| flags.with(name, *text));
    flags.settings_with(|_| None, [])
}

#[test]
fn the_defaults_are_right_once_the_data_directory_is_given() {
    let settings = settings(&[("data", "/tmp")]).unwrap();
    assert_eq!(settings.listen.port(), 7420);
    assert_eq!(settings.otlp_grpc.port(), 4317);
}

#[test]
fn every_error_is_reported_not_only_the_first() {
    let errors = settings(&[
        ("listen", "0.0.0.0:7420"),
        ("otlp-http", "nonsense"),
        ("tick", "0s"),
        ("durability", "maybe"),
        ("shards", "0"),
        ("log", "server=loud"),
    ])
    .unwrap_err();
    let text = errors.to_string();
    for flag in ["--data", "--listen", "--otlp-http", "--tick", "--durability", "--shards", "--log"] {
        assert!(text.contains(flag), "{flag} is not in {text}");
    }
    assert_eq!(errors.0.len(), 7, "{text}");
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    let errors = settings(&[
        ("data", "/tmp"),
        ("admin", "127.0.0.1:7420"),
        ("in-flight-bytes-max", "1MiB"),
        ("retention-bytes", "64MiB"),
    ])
    .unwrap_err();
    assert_eq!(errors.0.len(), 3, "{errors}");
}

#[test]
fn what_can_be_seen_together_is_checked_beside_what_cannot_be_read() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("file");
    std::fs::write(&file, "").unwrap();
    let errors = settings(&[
        ("data", file.to_str().unwrap()),
        ("listen", "127.0.0.1:7420"),
        ("admin", "127.0.0.1:7420"),
        ("tick", "abc"),
        ("retention-bytes", "64MiB"),
    ])
    .unwrap_err();
    let text = errors.to_string();
    for part in
        ["--tick: \"abc\"", "--admin: 127.0.0.1:7420 is", "--retention-bytes: has", "is not a directory"]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(errors.0.len(), 4, "{text}");
}

#[test]
fn a_data_directory_that_cannot_be_made_is_an_error_of_the_configuration() {
    let text = settings(&[("data", "/proc/casebook/data"), ("tick", "abc")]).unwrap_err().to_string();
    assert!(text.contains("--data: /proc/casebook/data cannot be created: "), "{text}");
    assert!(text.contains("--tick"), "{text}");
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("a/b");
    assert!(settings(&[("data", data.to_str().unwrap())]).is_ok());
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0, "judging leaves nothing behind");
}

#[test]
fn misspelt_variables_are_errors_and_those_of_other_commands_are_not() {
    let names = ["CASEBOOK_KEY", "CASEBOOK_SERVER", "CASEBOOK_CONFIG", "CASEBOOK_TICK", "CASEBOOK_LISTN"];
    let flags = SettingFlags::default().with("data", "/tmp");
    let errors = flags.settings_with(|_| None, names.map(str::to_owned)).unwrap_err();
    assert_eq!(errors.0.len(), 1, "{errors}");
    assert!(
        errors
            .to_string()
            .contains("CASEBOOK_LISTN: no setting has this variable; did you mean CASEBOOK_LISTEN?")
    );
}

#[test]
fn the_same_port_zero_twice_is_two_ports() {
    let flags = [("data", "/tmp"), ("listen", "127.0.0.1:0"), ("admin", "127.0.0.1:0")];
    assert!(settings(&flags).is_ok());
}

#[test]
fn every_name_in_the_register_is_a_flag_once() {
    use clap::Args;
    SettingFlags::augment_args(clap::Command::new("serve")).debug_assert();
}

/// Found by the fuzz target `server_settings`.
#[test]
fn settings_that_are_written_out_for_a_developer_tell_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let secrets = file("secrets", "never-told-never-told-never-told\n");
    let notify = file(
        "notify.toml",
        "[[target]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://example.org/never-told\"\nsecret = \"never-told\"\n",
    );
    let data = folder.path().join("data").display().to_string();
    let settings =
        settings(&[("data", &data), ("pagerduty-secrets", &secrets), ("notify", &notify)]).unwrap();
    let text = format!("{settings:?}");
    assert!(text.contains("PagerdutySecrets(1)") && !text.contains("never-told"), "{text}");
}
