//! The rules of the register, in one table: lint, messages and the page of the reference are made from it. It knows no
//! document.

use crate::held_to::held_to;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Warning,
    Error,
}

/// How much a rule weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Error,
    /// What is still being written may lack it: a warning in a draft, an error in every other state.
    ErrorAfterDraft,
}

impl Level {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Severity {
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::ErrorAfterDraft => "warning in a draft, else error",
        }
    }

    pub(crate) const fn level(self, is_draft: bool) -> Level {
        match self {
            Self::ErrorAfterDraft if is_draft => Level::Warning,
            _ => Level::Error,
        }
    }
}

held_to! {
    /// What a document is held to.
    Rule by Severity:
    TooLarge Error "too-large":
        "A document has at most 256 KiB.",
        "move logs and captures into files of their own and name them here";
    NotText Error "not-text":
        "A document is UTF-8 text.",
        "write it as UTF-8";
    FileName Error "file-name":
        "A document's file is called `<YYYY-MM>-<slug>.md`: small letters, digits and single hyphens.",
        "rename it, as in 2026-11-card-provider-outage.md";
    FrontMatter Error "front-matter":
        "A document begins with front matter in TOML between two lines `+++`.",
        "put +++ alone on the first line and after the last key";
    Toml Error "toml":
        "Front matter and follow-ups are TOML.",
        "write it as TOML: texts in quotes, times without them";
    KeyUnknown Error "key-unknown":
        "No key stands where nothing reads it.",
        "take it out, or write it as the guide does";
    KeyMissing Error "key-missing":
        "id, title, status, severity, started and authors are there from the first draft on; of a follow-up all but its \
         proof.",
        "add it";
    KeyMissingLater ErrorAfterDraft "key-missing-later":
        "The other times, the owner layer, the layers crossed, domain, failure signature and contributing factors are there \
         before anybody reviews the document.",
        "add it before the document is reviewed";
    KeyType Error "key-type":
        "A value is of the kind that its key asks for.",
        "write a text in quotes, a list in brackets, a time or date without quotes";
    Word Error "word":
        "status, severity, class, intent and a follow-up's status are one of their words.",
        "write one of these words";
    Time Error "time":
        "A time is a date and a time of day with an offset, after 1970; a due date is a date alone.",
        "write it as 2026-11-21T18:00:00Z, a due date as 2026-12-05";
    IdFile Error "id-file":
        "The id is the name of the file without `.md`: links go by it.",
        "make both the same";
    StartMonth Error "start-month":
        "The month in the file's name is the one in which the incident started, in UTC.",
        "rename the file, or mend `started`";
    TimesOrder Error "times-order":
        "Times come in this order: started, detected, owner_identified, mitigated, resolved; some may be equal.",
        "look into the incident's timeline and mend the time that is wrong";
    FixEarly Error "fix-early":
        "A fix comes after the incident started.",
        "give the time at which the fix was in production";
    CommitForm Error "commit-form":
        "A commit is named by its whole hash, 40 or 64 hexadecimal digits: short ones become ambiguous.",
        "write what `git rev-parse` prints";
    IncidentForm Error "incident-form":
        "An incident is named by its id, `inc_` and 16 hexadecimal digits, with the hash of the report that was read.",
        "copy both from `casebook incident`";
    LayerPerson Error "layer-person":
        "A layer is a part of the system, never a person: small letters, digits, and - _ / . between them.",
        "name the part of the system that owns the defect, such as payments or edge/proxy";
    PermanentRuleId Error "permanent-rule-id":
        "A permanent rule's id is small letters, digits and single hyphens: guards point to it.",
        "write it as in deadline-on-providers";
    PermanentRuleSentence Error "permanent-rule-sentence":
        "A permanent rule is one sentence that can be tested, of 200 characters at most, with a full stop at its end.",
        "make two rules of it, or say it shorter";
    PermanentRuleTwice Error "permanent-rule-twice":
        "A permanent rule's id is there once in the register; only a document whose place another one took may have it too.",
        "give one of them another id, or take out the one that says the same";
    SectionUnknown Error "section-unknown":
        "The sections are the seven, and Timeline; headings within them are of the third level.",
        "make it a ### heading within a section, or spell it as the guide does";
    SectionMissing Error "section-missing":
        "All seven sections are there.",
        "add it, with ## before its name";
    SectionOrder Error "section-order":
        "Sections come in this order: Summary, Impact, Symptoms, Root Cause, Why Detection Was Weak, Recovery, Follow-ups, \
         and Timeline where there is one.",
        "move it to its place";
    SectionTwice Error "section-twice":
        "A section is there once.",
        "put the two together";
    SectionEmpty ErrorAfterDraft "section-empty":
        "A section says something; what nobody sees, such as a comment, does not count.",
        "write it, or say why there is nothing to say";
    TextOutside Error "text-outside":
        "Everything stands in a section; the title stands in the front matter.",
        "move it into a section";
    SummaryLong Error "summary-long":
        "The summary is impact and root cause in one or two lines, 400 characters at most: the index shows it.",
        "move the rest to Impact or Root Cause";
    Placeholder ErrorAfterDraft "placeholder":
        "Nothing is left over of a template: the usual words in capitals for what is still to be done, TBD, ???, or a hint \
         in angle brackets. Code is not looked at.",
        "write what belongs there";
    SymptomsLiteral ErrorAfterDraft "symptoms-literal":
        "Symptoms shows word for word what operators saw: a quote, a code span or a code block.",
        "quote the alert, log line or answer that was seen";
    RootCauseOwner ErrorAfterDraft "root-cause-owner":
        "Root Cause names the owner layer.",
        "say in it which defect of that layer broke";
    FollowUpsBlock Error "follow-ups-block":
        "Follow-ups stand in one code block marked toml in their section, as [[follow_up]] tables.",
        "put them into one block that begins with ```toml";
    FollowUpsNone ErrorAfterDraft "follow-ups-none":
        "An RCA has at least one follow-up: else nothing was learnt.",
        "add a [[follow_up]]";
    FollowUpTwice Error "follow-up-twice":
        "A follow-up's id is there once in a document.",
        "give one of them another id";
    FollowUpDue Error "follow-up-due":
        "A follow-up is due on the day the incident started or later.",
        "mend the year, or the date";
    DoneUnproved Error "done-unproved":
        "A follow-up that is done has evidence: what shows it, and when that was seen.",
        "add evidence = { what = \"...\", at = ... }, or set its status to open";
    EvidenceOld Error "evidence-old":
        "Evidence of a follow-up is newer than the last fix: what was seen before shows nothing of it.",
        "run the verification again and cite that run";
    NotYet Error "not-yet":
        "Evidence and fixes are of times that have been.",
        "run the verification and cite that run; mend the time";
    Declined Error "declined":
        "A follow-up that is declined names the reason and an approver who is not its owner.",
        "add reason and approver";
    ReviewIndependent Error "review-independent":
        "From published on, a reviewer is named who is neither an author nor of the owner layer.",
        "have it reviewed by somebody of another layer, and add them to reviewers";
    ClosedOpen Error "closed-open":
        "A closed document has no open follow-up.",
        "finish or decline the follow-up, or set the status to follow_ups_open";
    ClosedUnfixed Error "closed-unfixed":
        "A closed document names a fix.",
        "add fixes = [{ commit = \"...\", at = ... }]";
    NothingOpen Error "nothing-open":
        "A document in follow_ups_open or reopened has an open follow-up.",
        "set the status to closed, or add the follow-up that is missing";
    Superseded Error "superseded":
        "superseded_by is there exactly when the status is superseded, and no document supersedes itself.",
        "name the document that takes its place, or mend the status";
    LinkBroken Error "link-broken":
        "What a document names as another one is there: supersedes, superseded_by, and links to files of the folder.",
        "mend the name";
    SupersededOneSided Error "superseded-one-sided":
        "Of two documents of which one supersedes the other, each names the other.",
        "add supersedes or superseded_by to the other document, or take it out here";
    SupersededCircle Error "superseded-circle":
        "Supersession leads to a document that stands.",
        "take superseded_by out of the one that counts, and supersedes out of the one that it names";
    Recurrence Error "recurrence":
        "A document whose failure came again, by its signature, is not closed.",
        "set the earlier one to reopened, or let this one supersede it";
    IndexStale Error "index-stale":
        "The index and the page are those that are made from the documents and the guards.",
        "run `casebook rca register` and commit the result";
    RuleUnkept Error "rule-unkept":
        "A rule that holds is kept by a guard, or guards.toml says under [[unenforced]] why none does.",
        "write the guard, put back the one that is gone, or say why the rule is unenforced";
    Secret Error "secret":
        "No key, password or token stands in a document, wherever it is.",
        "take it out, revoke it, and write [redacted] in its place";
    GuardKey Error "guard-key":
        "A guard has its id, rule, kind, mode, message and mend, and what its kind asks for; a waiver its guard, path, \
         owner, reason and expiry; a demotion its guard, what it is lowered to, and the decision.",
        "add it";
    GuardId Error "guard-id":
        "The id of a guard or rule is small letters, digits and single hyphens, and no two guards have the same.",
        "write it as in deadline-on-providers";
    GuardPath Error "guard-path":
        "Paths are relative to the folder of guards.toml and stay within it; in globs * stops at a /, and ** does not.",
        "write it as in crates/*/src/**/*.rs";
    GuardPattern Error "guard-pattern":
        "A pattern can be read, and does not match the empty text.",
        "mend the pattern";
    GuardCommand Error "guard-command":
        "A command is a program and its arguments, and ends within its time, 600 seconds at most.",
        "write it as in command = [\"scripts/check-names.sh\"]";
    GuardFixture Error "guard-fixture":
        "A fixture is a path with its text, a path with a file that holds its text, or a folder that stands for the tree.",
        "write it as in { path = \"src/a.rs\", text = \"...\" }";
    GuardWaiver Error "guard-waiver":
        "A waiver is for a guard that there is.",
        "name a guard of this file, or take the waiver out";
    TooMany Error "too-many":
        "A document is judged until 200 findings.",
        "mend those above; the others show afterwards";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_words_with_hyphens_and_no_two_are_alike() {
        for (index, rule) in Rule::ALL.iter().enumerate() {
            assert!(rule.id().chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{rule:?}");
            assert!(Rule::ALL[..index].iter().all(|other| other.id() != rule.id()), "{rule:?}");
            assert!(
                rule.what().ends_with('.') && !rule.mend().ends_with('.'),
                "{rule:?}: a sentence, and a request"
            );
        }
    }
}
