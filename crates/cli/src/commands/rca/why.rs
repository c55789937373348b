//! `casebook rca why`: the story behind a rule that a check enforces. It only shows.

use clap::Args;
use register::guard::Guarding;
use register::rca::{Entry, Story};
use serde_json::json;

use super::document;
use super::folder::Folder;
use crate::exit::{Exit, Failure};
use crate::guards::Keepers;
use crate::table::Fields;
use crate::{escape, output};

/// Tells the story behind a permanent rule: what broke, and why the rule is there
///
/// A check that is red names the guard, and the rule that it enforces. This shows the rule, the document that made it with
/// its summary and root cause, the guards that keep it, and documents of the same failure.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook rca why deadline-on-providers
  casebook rca why deadline-on-providers --json | jq -r .document.path")]
pub(super) struct Why {
    /// The id of a rule, as it stands in permanent_rules of a document and in guards.toml, or of a guard
    #[arg(value_name = "RULE")]
    rule: String,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    keepers: Keepers,
}

impl Why {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let (entries, guards) = (self.folder.read()?.entries(), self.keepers.read()?);
        let of_guard = guards.iter().find(|guard| guard.guard == self.rule).map(|guard| guard.rule.as_str());
        let story = register::rca::why(&entries, &self.rule)
            .or_else(|offered| {
                of_guard.and_then(|rule| register::rca::why(&entries, rule).ok()).ok_or(offered)
            })
            .map_err(|offered| self.unknown(&offered))?;
        let by: Vec<&Guarding> = guards.iter().filter(|guard| guard.rule == story.rule.id).collect();
        if self.json {
            output::json(&format!("{:#}", self.page(&story, &by)))
        } else {
            output::text(&self.text(&story, &by))
        }
    }

    fn unknown(&self, offered: &[&str]) -> Failure {
        let there = match offered {
            [] => "no document has a permanent rule".to_owned(),
            some => format!("there are {}", some.join(", ")),
        };
        document::failed(self.folder.dir(), &format!("there is no permanent rule {}; {there}", self.rule))
    }

    fn text(&self, story: &Story<'_>, by: &[&Guarding]) -> String {
        let (rule, entry) = (story.rule, story.document);
        let kind = rule.kind.map_or("", |kind| kind.as_str());
        let mut fields = Fields::default();
        fields.field("Rule", &format!("{}: {}", rule.id, rule.rule));
        fields.field("Kind", kind);
        for guard in by {
            fields.field("Kept by", &format!("{} ({})", guard.guard, guard.mode.as_str()));
        }
        if by.is_empty() {
            fields.field("Kept by", "nobody: it is unenforced");
        }
        if story.is_lapsed {
            let by = entry.superseded_by.as_deref().unwrap_or("another document");
            fields.field("Lapsed", &format!("its document is superseded by {by}, which has no such rule"));
        }
        fields.field("Made by", &entry.title);
        fields.field("Document", &self.path(entry));
        fields.field("Severity", entry.severity);
        fields.field("Status", entry.status);
        fields.field("Owner layer", &entry.owner_layer);
        if let Some(started) = entry.times.started {
            fields.field("Started", &started.to_rfc3339());
        }
        for fix in &entry.fixes {
            fields.field("Fix", fix);
        }
        for other in &story.related {
            fields.field("See also", &format!("{}: {}", self.path(other), other.title));
        }
        let part = |name: &str, text: &str| format!("\n{name}\n\n{}\n", escape::lines(text));
        format!(
            "{}{}{}",
            fields.render(),
            part("Summary", &entry.summary),
            part("Root cause", &entry.root_cause)
        )
    }

    fn page(&self, story: &Story<'_>, by: &[&Guarding]) -> serde_json::Value {
        let entry = story.document;
        let guards: Vec<_> =
            by.iter().map(|guard| json!({ "guard": guard.guard, "mode": guard.mode.as_str() })).collect();
        let related: Vec<String> = story.related.iter().map(|other| self.path(other)).collect();
        json!({
            "schema": "casebook.rca-why/v1",
            "rule": {
                "id": story.rule.id,
                "kind": story.rule.kind.map(|kind| kind.as_str()),
                "rule": story.rule.rule,
                "lapsed": story.is_lapsed,
                "guards": guards,
            },
            "document": {
                "path": self.path(entry),
                "title": entry.title,
                "status": entry.status,
                "severity": entry.severity,
                "owner_layer": entry.owner_layer,
                "fixes": entry.fixes,
                "summary": entry.summary,
                "root_cause": entry.root_cause,
            },
            "related": related,
        })
    }

    fn path(&self, entry: &Entry) -> String {
        self.folder.path(&format!("{}.md", entry.id))
    }
}
