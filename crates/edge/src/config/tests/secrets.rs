//! Whatever is right or wrong with a file, nothing shows a secret that stands in it, or in what it refers to.

use super::*;
use crate::check::notes;
use crate::status::Status;

/// Every place where somebody may put a secret, by right or by mistake: one of the spellings of each line, or none.
const LINES: &[&[&str]] = &[
    &["[edge]"],
    &["listen = \"0.0.0.0:8545\"", "listen = \"{S}\""],
    &["log = \"{S}=x\""],
    &["drain_lead = \"{S}\""],
    &["drain_grace = \"{S}\""],
    &["allow_public_without_keys = true", "allow_public_without_keys = \"{S}\""],
    &["[casebook]"],
    &[
        "url = \"https://user:{S}@casebook.example.org/{S}?key={S}\"",
        "url = \"{S}\"",
        "url = \"ftp://a/{S}\"",
    ],
    &["otlp_url = \"https://casebook.example.org/${SECRET}\"", "otlp_url = \"${SECRET}\""],
    &["key = \"{S}\"", "key = \"${SECRET}\"", "key = \"${file:secret}\"", "key = \"{S} {S}\""],
    &["service = \"{S} x\""],
    &["[[keys]]"],
    &["name = \"ops\"", "name = \"{S} \""],
    &["sha256 = \"{H}\"", "sha256 = \"{S}\"", "sha256 = [\"{S}\"]"],
    &["[pools.mainnet]"],
    &["kind = \"execution\"", "kind = \"execution\"", "kind = \"{S}\""],
    &["chain_id = 1", "chain_id = \"{S}\""],
    &["deadline = \"{S}\""],
    &["frame_bytes_max = \"{S}\""],
    &["broadcast_transactions = \"{S}\""],
    &["[[pools.mainnet.nodes]]"],
    &["name = \"a\"", "name = \"{S} \""],
    &[
        "http_url = \"https://{S}:{S}@a.example.org:8545/v3/{S}?apikey={S}\"",
        "http_url = \"https://a.example.org/${file:secret}/#{S}\"",
        "http_url = \"{S}\"",
        "http_url = \"https://a.example.org/${SECRET} {S}\"",
    ],
    &["ws_url = \"wss://a.example.org/${SECRET}\"", "ws_url = \"http://a.example.org/{S}\""],
    &[
        "headers = { authorization = \"Bearer {S}\" }",
        "headers = { x-api-key = \"${SECRET}\", \"x y\" = \"{S}\" }",
        "headers = \"{S}\"",
    ],
    &["tier = \"{S}\""],
    &["weight = \"{S}\""],
    &["[[pools.mainnet.nodes]]"],
    &["name = \"b\""],
    &["http_url = \"http://b.example.org:8545/{S}\""],
];

/// Everything that is ever made of a configuration for people or machines to read.
fn everything_shown(outcome: &Result<Config, ConfigErrors>, before: &Config) -> String {
    match outcome {
        Ok(config) => {
            let changes = config.changes(before);
            let live: Vec<_> = changes.live.iter().map(ToString::to_string).collect();
            let status = serde_json::to_string(&Status::of(config)).unwrap();
            format!(
                "{config:?}{config:#?}{:?}{changes:?}{live:?}{:?}{status}",
                config.secrets(),
                notes(config)
            )
        }
        Err(errors) => format!("{errors:?}{errors:#?}{errors}"),
    }
}

fn check(secret: &str, text: &str) -> Result<bool, TestCaseError> {
    let variable = |name: &str| (name == "SECRET").then(|| secret.to_owned());
    let file = |path: &Path| match path.ends_with("secret") {
        true => Ok(format!("{secret}\n")),
        false => Err("cannot be read".to_owned()),
    };
    let outcome = parse_with(text, &variable, &file);
    let shown = everything_shown(&outcome, &parse(MINIMAL).unwrap());
    // Hosts are written in small letters.
    let (shown, secret) = (shown.to_lowercase(), secret.to_lowercase());
    prop_assert!(!shown.contains(&secret), "{secret} is in {shown}\n{text}");
    Ok(outcome.is_ok())
}

/// Two spellings that are right in every place, so that good files are tried as well.
fn good(secret: &str) -> String {
    format!(
        "[casebook]\nurl = \"https://user:{secret}@casebook.example.org/v1/{secret}\"\nkey = \"{secret}\"\n{MINIMAL}\
         headers = {{ x-api-key = \"{secret}\" }}\n[[pools.mainnet.nodes]]\nname = \"b\"\n\
         http_url = \"https://{secret}:{secret}@b.example.org/v3/{secret}?k={secret}\"\nws_url = \"ws://b.example.org/v3/${{SECRET}}\""
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_secret_is_shown_whatever_lines_are_there(
        secret in "[a-zA-Z0-9]{16,24}",
        choices in prop::collection::vec(0_usize..12, LINES.len()),
    ) {
        let chosen = LINES.iter().zip(choices).filter_map(|(lines, choice)| match lines {
            [heading] if heading.starts_with('[') => Some(*heading),
            _ => lines.get(choice / 3).copied(),
        });
        let text = chosen.collect::<Vec<_>>().join("\n").replace("{S}", &secret).replace("{H}", HASH);
        check(&secret, &text)?;
    }

    #[test]
    fn no_secret_of_a_good_file_is_shown_nor_one_of_a_damaged_one(
        secret in "[a-zA-Z0-9]{16,24}",
        at in any::<prop::sample::Index>(),
    ) {
        let text = good(&secret);
        prop_assert!(check(&secret, &text)?);
        let mut damaged = text.into_bytes();
        damaged.remove(at.index(damaged.len()));
        check(&secret, &String::from_utf8(damaged).unwrap())?;
    }
}
