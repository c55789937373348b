//! What alerts are read by: the labels that say what they are about, and the secrets that webhooks are signed with.

use engine::AlertLabels;
use runtime::config::Meaning;

const NAMES_MAX: usize = 16;
const NAME_BYTES_MAX: usize = 256;
const SECRETS_MAX: usize = 16;
const FILE_BYTES_MAX: u64 = 64 * 1024;

pub(super) fn labels(meaning: &mut Meaning) -> Option<AlertLabels> {
    let service = meaning.get("alert-service-labels", names);
    let env = meaning.get("alert-env-labels", names);
    let operation = meaning.get("alert-operation-labels", names);
    let code = meaning.get("alert-code-labels", names);
    Some(AlertLabels { service: service?, env: env?, operation: operation?, code: code? })
}

/// Names between commas; an empty text is no name at all.
fn names(text: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> =
        text.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    let fits = names.len() <= NAMES_MAX && names.iter().all(|name| name.len() <= NAME_BYTES_MAX);
    if fits {
        Ok(names)
    } else {
        Err(format!("must be at most {NAMES_MAX} names of at most {NAME_BYTES_MAX} bytes, between commas"))
    }
}

/// The lines of a file that are not empty. What is wrong is said without a word of what the file holds.
pub(super) fn secrets(path: &str) -> Result<Vec<String>, String> {
    let unreadable = |error: std::io::Error| format!("{path} cannot be read: {error}");
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > FILE_BYTES_MAX {
        return Err(format!("{path} has {length} bytes; at most {FILE_BYTES_MAX} are read"));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let secrets: Vec<String> = lines.map(str::to_owned).collect();
    match secrets.len() {
        1..=SECRETS_MAX => Ok(secrets),
        found => {
            Err(format!("{path} holds {found} secrets; it must hold 1 to {SECRETS_MAX}, one on each line"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SettingFlags;

    #[test]
    fn the_defaults_are_the_engines() {
        let data = tempfile::tempdir().unwrap();
        let settings =
            SettingFlags::default().with("data", data.path().display().to_string()).settings().unwrap();
        assert_eq!(settings.alert_labels, AlertLabels::default());
        assert_eq!(format!("{:?}", settings.pagerduty_secrets), "PagerdutySecrets(0)");
    }

    #[test]
    fn names_stand_between_commas() {
        assert_eq!(names(" team , job,,"), Ok(vec!["team".to_owned(), "job".to_owned()]));
        assert_eq!(names(""), Ok(Vec::new()));
        assert!(names(&["a"; 17].join(",")).is_err());
        assert!(names(&"x".repeat(257)).is_err());
    }

    #[test]
    fn secrets_are_lines_and_a_file_without_one_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = |text: &str| {
            let path = dir.path().join("secrets");
            std::fs::write(&path, text).unwrap();
            secrets(path.to_str().unwrap())
        };
        assert_eq!(file("older\n\n newer \n"), Ok(vec!["older".to_owned(), "newer".to_owned()]));
        assert!(file("\n").unwrap_err().ends_with("holds 0 secrets; it must hold 1 to 16, one on each line"));
        assert!(secrets("/nonexistent/secrets").unwrap_err().contains("cannot be read"));
    }
}
