//! Names that say nothing: a folder or file called after its lack of a subject.

use super::Finding;
use crate::tree::Source;

const EMPTY: &[&str] = &[
    "util",
    "utils",
    "utility",
    "utilities",
    "common",
    "commons",
    "helper",
    "helpers",
    "misc",
    "manager",
    "managers",
    "stuff",
];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let bad = source.path.split('/').find(|part| {
        let stem = part.split('.').next().unwrap_or(part).to_lowercase();
        stem.split(['_', '-']).any(|word| EMPTY.contains(&word))
    });
    bad.map(|part| {
        Finding::new(&source.path, 1, "name", format!("`{part}` says nothing: name it after what it knows"))
    })
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_are_found_wherever_they_stand() {
        for path in [
            "crates/a/src/util.rs",
            "crates/common/src/x.rs",
            "web/string_helpers.ts",
            "a/MISC.md",
            "b/task-manager.rs",
        ] {
            assert_eq!(check(&Source::new(path, "")).len(), 1, "{path}");
        }
        for path in ["crates/a/src/utilisation.rs", "crates/a/src/commonality.rs", "a/management.rs"] {
            assert_eq!(check(&Source::new(path, "")), [], "{path}");
        }
    }
}
