//! What became of the keys when their file changed, in words for the audit: by name, never by hash.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, Keyring};

/// So many names are told; of the others how many they are.
const NAMED_MAX: usize = 32;

/// What a name has: its keys by their hashes, which are compared and not told.
type Keys<'a> = BTreeMap<[u8; 32], &'a Entry>;

impl Keyring {
    /// How this differs from what was in force before.
    pub(crate) fn changes_since(&self, before: &Self) -> String {
        let (was, is) = (before.by_name(), self.by_name());
        let names: BTreeSet<&str> = was.keys().chain(is.keys()).copied().collect();
        let told: Vec<String> = names
            .into_iter()
            .filter_map(|name| match (was.get(name), is.get(name)) {
                (None, Some(now)) => Some(format!("{name} came ({})", scopes(now))),
                (Some(then), None) => Some(format!("{name} went ({})", scopes(then))),
                (Some(then), Some(now)) => change(then, now).map(|change| format!("{name} {change}")),
                (None, None) => None,
            })
            .collect();
        if told.is_empty() {
            return "no key changed".to_owned();
        }
        let more = told.len().saturating_sub(NAMED_MAX);
        let told = told.into_iter().take(NAMED_MAX).collect::<Vec<_>>().join(", ");
        if more == 0 { told } else { format!("{told} and {more} more") }
    }

    fn by_name(&self) -> BTreeMap<&str, Keys<'_>> {
        let mut names: BTreeMap<&str, Keys<'_>> = BTreeMap::new();
        for (digest, entry) in &self.by_digest {
            names.entry(&entry.name).or_default().insert(*digest, entry);
        }
        names
    }
}

fn scopes(keys: &Keys<'_>) -> String {
    let scopes: BTreeSet<&str> = keys.values().map(|entry| entry.scope.as_str()).collect();
    scopes.into_iter().collect::<Vec<_>>().join(" and ")
}

/// Of a name that is there before and after.
fn change(then: &Keys<'_>, now: &Keys<'_>) -> Option<String> {
    let mut told = Vec::new();
    let (had, has) = (scopes(then), scopes(now));
    if had != has {
        told.push(format!("has {has} instead of {had}"));
    }
    let added = now.keys().filter(|digest| !then.contains_key(*digest)).count();
    let removed = then.keys().filter(|digest| !now.contains_key(*digest)).count();
    match (added, removed) {
        (0, 0) => {}
        (1, 1) => told.push("has another key".to_owned()),
        (added, 0) => told.push(format!("has further keys ({added})")),
        (0, removed) => told.push(format!("has lost keys ({removed})")),
        (added, removed) => told.push(format!("has other keys ({added} came, {removed} went)")),
    }
    let differs = |differ: fn(&Entry, &Entry) -> bool| {
        now.iter().any(|(digest, entry)| then.get(digest).is_some_and(|before| differ(before, entry)))
    };
    // Where several keys of a name swap their scopes, the name has the same ones as before.
    if had == has && differs(|before, entry| before.scope != entry.scope) {
        told.push("has the same scopes with other keys".to_owned());
    }
    if differs(|before, entry| before.expires != entry.expires) {
        told.push("expires at another time".to_owned());
    }
    if differs(|before, entry| before.networks != entry.networks) {
        told.push("may come from other networks".to_owned());
    }
    (!told.is_empty()).then(|| told.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys as name, scope, the digit that its hash is made of, and further lines.
    fn keyring(keys: &[(&str, &str, char, &str)]) -> Keyring {
        let text: String = keys
            .iter()
            .map(|(name, scope, digit, more)| {
                let hash = digit.to_string().repeat(64);
                format!("[[keys]]\nname = \"{name}\"\nscope = \"{scope}\"\nsha256 = \"{hash}\"\n{more}\n")
            })
            .collect();
        Keyring::parse(&text).unwrap()
    }

    #[test]
    fn what_changed_is_told_by_name() {
        let until = "expires = \"2030-01-01T00:00:00Z\"";
        let near = "networks = [\"10.0.0.0/8\"]";
        let before = [("a", "read", '1', ""), ("b", "agent", '2', "")];
        for (after, told) in [
            (&[before[1], before[0]][..], "no key changed"),
            (&[before[0], before[1], ("c", "admin", '3', "")], "c came (admin)"),
            (&[before[0]], "b went (agent)"),
            (&[before[0], ("b", "admin", '2', "")], "b has admin instead of agent"),
            (&[before[0], ("b", "agent", '9', "")], "b has another key"),
            (&[before[0], ("b", "admin", '9', "")], "b has admin instead of agent and has another key"),
            (&[before[0], before[1], ("b", "agent", '3', "")], "b has further keys (1)"),
            (&[before[0], ("b", "agent", '2', until)], "b expires at another time"),
            (&[before[0], ("b", "agent", '2', near)], "b may come from other networks"),
            (&[("a", "read", '2', ""), ("b", "agent", '1', "")], "a has another key, b has another key"),
            (&[("c", "read", '1', "")], "a went (read), b went (agent), c came (read)"),
        ] {
            let found = keyring(after).changes_since(&keyring(&before));
            assert_eq!(found, told, "{after:?}");
            assert!(!found.contains("1111") && !found.contains("9999"), "{found}");
        }
        let one = [("a", "read", '1', ""), ("a", "admin", '2', "")];
        let other = [("a", "admin", '1', ""), ("a", "read", '2', "")];
        assert_eq!(keyring(&other).changes_since(&keyring(&one)), "a has the same scopes with other keys");
    }

    #[test]
    fn a_crowd_of_changes_is_told_in_bounds() {
        let text: String = (0..500)
            .map(|at| format!("[[keys]]\nname = \"n{at:03}\"\nscope = \"read\"\nsha256 = \"{at:064x}\"\n"))
            .collect();
        let told = Keyring::parse(&text).unwrap().changes_since(&Keyring::default());
        assert!(told.starts_with("n000 came (read), n001 came (read)"), "{told}");
        assert!(told.ends_with("n031 came (read) and 468 more"), "{told}");
    }
}
