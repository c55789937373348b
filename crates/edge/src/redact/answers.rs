//! What a node says of a call that failed, fit for a client: providers repeat keys and addresses in such texts. It must
//! never touch a result, nor bytes of a contract.

use serde_json::Value;

use super::Secrets;

/// Instead of words that nobody could look through.
const UNREADABLE: &str = r#"{"code":-32603,"message":"the node failed with an error that cannot be shown"}"#;

/// The error object of an answer without the secrets; `None` where there is none in it.
pub(crate) fn scrub_error(error: &[u8], secrets: &Secrets) -> Option<String> {
    match serde_json::from_slice::<Value>(error) {
        Ok(mut error) => scrub_value(&mut error, secrets).then(|| error.to_string()),
        // Nested too deep; as it stands is as good as it can be searched.
        Err(_) => secrets.leave_out(&String::from_utf8_lossy(error)).map(|_| UNREADABLE.to_owned()),
    }
}

/// Whether anything was left out. The depth is that of a document that was read.
fn scrub_value(value: &mut Value, secrets: &Secrets) -> bool {
    match value {
        Value::String(text) if is_bytes(text) => false,
        Value::String(text) => match secrets.leave_out(text) {
            Some(scrubbed) => {
                *text = scrubbed;
                true
            }
            None => false,
        },
        Value::Array(items) => scrub_all(items.iter_mut(), secrets),
        Value::Object(members) => scrub_all(members.values_mut(), secrets),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn scrub_all<'a>(values: impl Iterator<Item = &'a mut Value>, secrets: &Secrets) -> bool {
    let mut found = false;
    for value in values {
        found |= scrub_value(value, secrets);
    }
    found
}

/// What a contract reverted with: its digits are nobody's key, and a changed one would be a wrong answer.
fn is_bytes(text: &str) -> bool {
    text.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::redact::SecretUrl;

    fn scrubbed(error: &str) -> Option<String> {
        let mut secrets = Secrets::default();
        secrets.add_url(&SecretUrl::new(
            Url::parse("https://a.example.org/v3/08c379a0/code?k=quiet/one").unwrap(),
        ));
        scrub_error(error.as_bytes(), &secrets)
    }

    #[test]
    fn words_lose_their_secrets_and_everything_else_stays() {
        for (error, expected) in [
            (r#"{"code":3,"message":"no 08c379a0"}"#, r#"{"code":3,"message":"no …"}"#),
            (r#"{"code":3,"message":"no quiet\/one"}"#, r#"{"code":3,"message":"no …"}"#),
            (
                r#"{"code":3,"message":"","data":[{"url":"/08c379a0/x"},7]}"#,
                r#"{"code":3,"data":[{"url":"/…/x"},7],"message":""}"#,
            ),
        ] {
            assert_eq!(scrubbed(error).as_deref(), Some(expected), "{error}");
        }
    }

    #[test]
    fn bytes_of_contracts_and_names_of_members_are_no_secrets() {
        for error in [
            r#"{"code":3,"message":"execution reverted","data":"0x08c379a0"}"#,
            r#"{"code":-32000,"message":"nonce too low"}"#,
            "null",
        ] {
            assert_eq!(scrubbed(error), None, "{error}");
        }
    }

    #[test]
    fn what_is_too_deep_to_be_looked_through_is_not_shown() {
        let deep = |text: &str| format!("{{\"data\":{}\"{text}\"{}}}", "[".repeat(500), "]".repeat(500));
        assert_eq!(scrubbed(&deep("08c379a0")).as_deref(), Some(UNREADABLE));
        assert_eq!(scrubbed(&deep("nothing")), None);
    }
}
