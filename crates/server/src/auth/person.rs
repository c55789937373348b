//! People and their roles, as the issuer's words give them.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{PersonView, Role};
use engine::render::inert::inert;
use oidc::Identity;

const SHOWN_BYTES_MAX: usize = 64;

/// Which value of the claim gives which role.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roles {
    of: BTreeMap<String, Role>,
}

/// Somebody who may do something here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub subject: String,
    pub issuer: String,
    pub role: Role,
    shown: String,
    /// Whom the audit names.
    pub name: Arc<str>,
}

impl Roles {
    /// An error where the value has another role already.
    pub(crate) fn add(&mut self, value: String, role: Role) -> Result<(), String> {
        match self.of.insert(value.clone(), role) {
            Some(other) if other != role => Err(format!("{value:?} has the role {other} already")),
            _ => Ok(()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// The highest of all.
    pub(crate) fn of(&self, values: &[String]) -> Option<Role> {
        values.iter().filter_map(|value| self.of.get(value)).max().copied()
    }
}

impl Person {
    pub(crate) fn new(issuer: &str, identity: Identity, role: Role) -> Self {
        let Identity { subject, shown, .. } = identity;
        let shown = shown.as_deref().map(presentable).filter(|shown| !shown.is_empty());
        let shown = shown.unwrap_or_else(|| subject.clone());
        let name = name(&shown, &subject, issuer);
        Self { subject, issuer: issuer.to_owned(), role, shown, name }
    }

    /// As the audit names somebody who may do nothing here.
    pub(crate) fn name_of(issuer: &str, identity: &Identity) -> Arc<str> {
        let shown = identity.shown.as_deref().map(presentable).unwrap_or_default();
        name(&shown, &identity.subject, issuer)
    }

    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        (&self.issuer, &self.subject) == (&other.issuer, &other.subject)
    }

    pub(crate) fn view(&self) -> PersonView {
        PersonView {
            shown: self.shown.clone(),
            subject: self.subject.clone(),
            issuer: self.issuer.clone(),
            role: self.role,
        }
    }
}

/// Who it is stands in the last parentheses, which nobody can choose.
fn name(shown: &str, subject: &str, issuer: &str) -> Arc<str> {
    format!("{shown} ({subject} at {issuer})").trim_start().into()
}

/// One short line that cannot look like another person's subject.
fn presentable(text: &str) -> String {
    let mut shown = inert(text).replace(['(', ')'], " ");
    let end = shown.floor_char_boundary(SHOWN_BYTES_MAX);
    shown.truncate(end);
    shown.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(shown: Option<&str>) -> Identity {
        Identity { subject: "s1".to_owned(), shown: shown.map(str::to_owned), values: Vec::new() }
    }

    #[test]
    fn nobody_can_take_the_look_of_somebody_else() {
        let name = |shown| Person::new("https://id", identity(shown), Role::Viewer).name.to_string();
        assert_eq!(name(Some("Ada")), "Ada (s1 at https://id)");
        assert_eq!(name(Some("Eve (s2 at https://id)")), "Eve  s2 at https://id (s1 at https://id)");
        assert_eq!(name(Some("a\u{1b}[2J\nb\u{202e}")), "a\u{fffd}[2J\u{fffd}b\u{fffd} (s1 at https://id)");
        assert_eq!(name(Some("  ")), "s1 (s1 at https://id)");
        assert_eq!(name(None), "s1 (s1 at https://id)");
        assert!(name(Some(&"é".repeat(1000))).len() < 100);
    }

    #[test]
    fn the_highest_role_of_all_groups_counts_and_no_group_is_no_role() {
        let mut roles = Roles::default();
        for (value, role) in [("dev", Role::Viewer), ("sre", Role::Responder), ("root", Role::Admin)] {
            roles.add(value.to_owned(), role).unwrap();
        }
        let of = |values: &[&str]| roles.of(&values.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["sre", "dev", "x"]), Some(Role::Responder));
        assert_eq!(of(&["root", "dev"]), Some(Role::Admin));
        assert_eq!((of(&[]), of(&["Dev", "de"])), (None, None));
        assert!(roles.add("dev".to_owned(), Role::Admin).is_err());
    }
}
