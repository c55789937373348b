//! One sound document, its states, and what breaks it: a case is a rule, a state, a text that stands in the sound
//! document once, and what stands there instead.

use crate::Rule;

pub(super) struct Case {
    pub(super) rule: Rule,
    pub(super) state: State,
    pub(super) mended: &'static str,
    pub(super) broken: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    Draft,
    InReview,
    Published,
    Open,
    Closed,
    Reopened,
    Superseded,
}

impl State {
    pub(super) const ALL: &[Self] = &[
        Self::Draft,
        Self::InReview,
        Self::Published,
        Self::Open,
        Self::Closed,
        Self::Reopened,
        Self::Superseded,
    ];

    /// From the sound document, which is closed.
    pub(super) fn edits(self) -> &'static [(&'static str, &'static str)] {
        const CLOSED: &str = "status = \"closed\"";
        const OPEN: (&str, &str) = ("status = \"declined\"", "status = \"open\"");
        match self {
            Self::Draft => &[(CLOSED, "status = \"draft\"")],
            Self::InReview => &[(CLOSED, "status = \"in_review\"")],
            Self::Published => &[(CLOSED, "status = \"published\"")],
            Self::Open => &[(CLOSED, "status = \"follow_ups_open\""), OPEN],
            Self::Closed => &[],
            Self::Reopened => &[(CLOSED, "status = \"reopened\""), OPEN],
            Self::Superseded => {
                &[(CLOSED, "status = \"superseded\"\nsuperseded_by = \"2026-12-second-outage\"")]
            }
        }
    }
}

const fn case(rule: Rule, state: State, mended: &'static str, broken: &'static str) -> Case {
    Case { rule, state, mended, broken }
}

pub(super) const CASES: &[Case] = &[
    case(Rule::FrontMatter, State::Closed, FRONT_LAST, "A call has a deadline.\" }]\n++\n\n## Summary"),
    case(Rule::FrontMatter, State::Closed, "+++\nid = ", "id = "),
    case(Rule::Toml, State::Closed, "domain = \"checkout\"", "domain = checkout"),
    case(Rule::Toml, State::Closed, "domain = \"checkout\"", "domain = \"checkout\"\ndomain = \"shop\""),
    case(Rule::Toml, State::Closed, "class = \"test\"", "class = \"test"),
    case(
        Rule::KeyUnknown,
        State::Closed,
        "domain = \"checkout\"",
        "domain = \"checkout\"\ndomains = \"shop\"",
    ),
    case(Rule::KeyUnknown, State::Closed, "layer = \"edge\"", "layer = \"edge\", team = \"a\""),
    case(Rule::KeyUnknown, State::Closed, "class = \"test\"", "class = \"test\"\nteam = \"a\""),
    case(
        Rule::KeyMissing,
        State::Draft,
        "title = \"Checkout failed while the card provider was down\"\n",
        "",
    ),
    case(Rule::KeyMissing, State::Draft, "authors = [\"Ana\"]", "authors = []"),
    case(Rule::KeyMissing, State::Closed, "severity = \"SEV-2\"", "severity = \" \""),
    case(Rule::KeyMissing, State::Closed, "verify = \"cargo test -p payments gives_up\"\n", ""),
    case(Rule::KeyMissing, State::Closed, "what = \"CI run 4711\", ", ""),
    case(Rule::KeyMissingLater, State::Draft, "domain = \"checkout\"\n", ""),
    case(Rule::KeyMissingLater, State::InReview, "detected = 2026-11-21T18:04:00Z\n", ""),
    case(Rule::KeyType, State::Closed, "authors = [\"Ana\"]", "authors = \"Ana\""),
    case(Rule::KeyType, State::Closed, "authors = [\"Ana\"]", "authors = [\"Ana\", 7]"),
    case(
        Rule::KeyType,
        State::Closed,
        "detected = 2026-11-21T18:04:00Z",
        "detected = \"2026-11-21T18:04:00Z\"",
    ),
    case(Rule::KeyType, State::Published, "fixes = [{ commit", "fixes = [true, { commit"),
    case(Rule::Word, State::Closed, "severity = \"SEV-2\"", "severity = \"SEV-5\""),
    case(Rule::Word, State::Closed, "class = \"test\"", "class = \"tests\""),
    case(Rule::Word, State::Closed, "intent = \"prevent\"", "intent = \"hope\""),
    case(Rule::Time, State::Closed, "detected = 2026-11-21T18:04:00Z", "detected = 2026-11-21T18:04:00"),
    case(Rule::Time, State::Closed, "due = 2026-12-05", "due = 2026-12-05T00:00:00Z"),
    case(
        Rule::IdFile,
        State::Closed,
        "id = \"2026-11-card-provider-outage\"",
        "id = \"2026-11-card-outage\"",
    ),
    case(Rule::StartMonth, State::Closed, "started = 2026-11-21T18:00:00Z", "started = 2026-10-21T18:00:00Z"),
    case(
        Rule::TimesOrder,
        State::Closed,
        "mitigated = 2026-11-21T18:31:00Z",
        "mitigated = 2026-11-21T18:19:59Z",
    ),
    case(
        Rule::TimesOrder,
        State::Draft,
        "detected = 2026-11-21T18:04:00Z",
        "detected = 2026-11-21T19:04:00+02:00",
    ),
    case(Rule::FixEarly, State::Published, "at = 2026-11-22T09:00:00Z", "at = 2026-11-21T09:00:00Z"),
    case(Rule::CommitForm, State::Closed, "\"0f3c9ab0f3c9ab0f3c9ab0f3c9ab0f3c9ab0f3c9\"", "\"0f3c9ab\""),
    case(Rule::IncidentForm, State::Closed, "\"inc_4f0c2a9d1b7e6358\"", "\"4f0c2a9d1b7e6358\""),
    case(Rule::IncidentForm, State::Closed, "report_hash = \"abab", "report_hash = \"ABab"),
    case(
        Rule::LayerPerson,
        State::Draft,
        "layers_crossed = [\"payments\", ",
        "layers_crossed = [\"Ana Novak\", ",
    ),
    case(Rule::LayerPerson, State::Closed, "layers_crossed = [\"payments\", ", "layers_crossed = [\"ana\", "),
    case(Rule::LayerPerson, State::Closed, "layer = \"edge\"", "layer = \"ben@example.com\""),
    case(Rule::LayerPerson, State::Draft, "owner_layer = \"payments\"", "owner_layer = \"Payments\""),
    case(Rule::LayerPerson, State::Closed, "authors = [\"Ana\"]", "authors = [\"Payments\"]"),
    case(Rule::ReviewIndependent, State::Closed, "name = \"Ben\"", "name = \"Ana\""),
    case(Rule::ReviewIndependent, State::Closed, "layer = \"edge\"", "layer = \"payments\""),
    case(Rule::KeyType, State::Closed, "permanent_rules = [{", "permanent_rules = [\"Deadlines.\", {"),
    case(Rule::KeyMissing, State::Draft, "kind = \"coding-standard\", ", ""),
    case(Rule::Word, State::Closed, "kind = \"coding-standard\"", "kind = \"habit\""),
    case(Rule::Placeholder, State::Closed, "rule = \"A call", "rule = \"??? A call"),
    case(Rule::PermanentRuleId, State::Closed, "\"deadline-on-providers\"", "\"Deadline-on-providers\""),
    case(Rule::PermanentRuleId, State::Closed, "\"deadline-on-providers\"", "\"deadline--on\""),
    case(Rule::PermanentRuleSentence, State::Draft, "has a deadline.\"", "has a deadline\""),
    case(Rule::PermanentRuleSentence, State::Closed, "has a deadline.\"", "has one. It is short.\""),
    case(Rule::PermanentRuleTwice, State::Closed, "permanent_rules = [", TWICE),
    case(Rule::SectionUnknown, State::Closed, "### Orders", "## Orders"),
    case(Rule::SectionUnknown, State::Closed, "### Orders", "# Orders"),
    case(Rule::SectionMissing, State::Closed, "## Recovery\n", ""),
    case(Rule::SectionOrder, State::Closed, WEAK_THEN_RECOVERY, RECOVERY_THEN_WEAK),
    case(Rule::SectionTwice, State::Closed, "## Recovery", "## Impact\n\nMore.\n\n## Recovery"),
    case(Rule::SectionEmpty, State::Closed, "The provider's traffic was sent to the second one by hand.", ""),
    case(
        Rule::SectionEmpty,
        State::Draft,
        "The provider's traffic was sent to the second one by hand.",
        "<!--x-->",
    ),
    case(Rule::TextOutside, State::Closed, "\n## Summary", "\nOf one evening.\n\n## Summary"),
    case(Rule::SummaryLong, State::Closed, "without a deadline.", LONG),
    case(Rule::PermanentRuleSentence, State::Closed, "has a deadline.\" }]\n+++", LONG_RULE),
    case(Rule::SummaryLong, State::Closed, "without a deadline.", "without\na\ndeadline."),
    case(Rule::Placeholder, State::Closed, "Calls waited", "TBD: Calls waited"),
    case(Rule::Placeholder, State::Draft, "Calls waited", "Calls <of which service> waited"),
    case(Rule::Placeholder, State::InReview, "[\"Retries had no limit.\"]", "[\"TBD\"]"),
    case(Rule::Placeholder, State::Closed, "what = \"CI run 4711\"", "what = \"???\""),
    case(
        Rule::SymptomsLiteral,
        State::Closed,
        "```text\nPOST /pay 504 upstream <no answer>\n```",
        "Payments failed.",
    ),
    case(Rule::RootCauseOwner, State::Closed, "In payments no call", "In the shop's prepayments no call"),
    case(
        Rule::FollowUpsBlock,
        State::Closed,
        "\n[[follow_up]]\nid = \"F2\"",
        "```\n\n```toml\n[[follow_up]]\nid = \"F2\"",
    ),
    case(Rule::FollowUpsBlock, State::Closed, "```toml\n[[follow_up]]\nid = \"F1\"", OUTSIDE),
    case(
        Rule::FollowUpsBlock,
        State::Draft,
        "```toml\n[[follow_up]]\nid = \"F1\"",
        "[[follow_up]]\nid = \"F1\"",
    ),
    case(Rule::FollowUpsBlock, State::Draft, "```toml", "```toml\nfollow_up = []\n```\n```text"),
    case(Rule::FollowUpsNone, State::Draft, BOTH, "follow_up = []\n"),
    case(Rule::FollowUpTwice, State::Closed, "id = \"F2\"", "id = \"F1\""),
    case(Rule::FollowUpDue, State::Closed, "due = 2026-12-05", "due = 2025-12-05"),
    case(
        Rule::DoneUnproved,
        State::Draft,
        "evidence = { what = \"CI run 4711\", at = 2026-11-24T10:00:00Z }\n",
        "",
    ),
    case(Rule::EvidenceOld, State::Closed, "fixes = [", LATER_FIX),
    case(Rule::EvidenceOld, State::Closed, "at = 2026-11-24T10:00:00Z", "at = 2026-11-22T09:00:00Z"),
    case(Rule::Declined, State::Closed, "reason = \"The provider is replaced in December.\"\n", ""),
    case(Rule::Declined, State::Closed, "approver = \"Cleo\"\n", ""),
    case(Rule::Declined, State::Published, "approver = \"Cleo\"\n", "approver = \"ben\"\n"),
    case(Rule::ReviewIndependent, State::Published, "[{ name = \"Ben\", layer = \"edge\" }]", "[]"),
    case(
        Rule::ReviewIndependent,
        State::Open,
        "name = \"Ben\", layer = \"edge\"",
        "name = \"ana\", layer = \"edge\"",
    ),
    case(Rule::ReviewIndependent, State::Reopened, "layer = \"edge\"", "layer = \"payments\""),
    case(Rule::ClosedOpen, State::Closed, "status = \"declined\"", "status = \"open\""),
    case(Rule::ClosedUnfixed, State::Closed, FIXES, ""),
    case(Rule::NothingOpen, State::Open, "status = \"open\"", "status = \"declined\""),
    case(Rule::NothingOpen, State::Reopened, "status = \"open\"", "status = \"declined\""),
    case(Rule::Superseded, State::Superseded, "superseded_by = \"2026-12-second-outage\"\n", ""),
    case(Rule::Superseded, State::Superseded, "\"superseded\"", "\"closed\""),
    case(Rule::Superseded, State::Closed, "domain", "supersedes = \"2026-11-card-provider-outage\"\ndomain"),
    case(Rule::Secret, State::Draft, "Calls waited", "Calls with password=hunter2hunter waited"),
];

const TWICE: &str = "permanent_rules = [{ id = \"deadline-on-providers\", kind = \"runbook\", rule = \"It is written down.\" }, ";
const FRONT_LAST: &str = "A call to a provider has a deadline.\" }]\n+++\n\n## Summary";
const WEAK_THEN_RECOVERY: &str =
    "## Why Detection Was Weak\n\nThe alert looked at errors; a call that waits is none.\n\n## Recovery";
const RECOVERY_THEN_WEAK: &str =
    "## Recovery\n\nThe alert looked at errors; a call that waits is none.\n\n## Why Detection Was Weak";
const BOTH: &str = r#"[[follow_up]]
id = "F1"
what = "A test in which a payment gives up after two seconds"
class = "test"
intent = "prevent"
owner = "Ana"
due = 2026-12-05
verify = "cargo test -p payments gives_up"
status = "done"
evidence = { what = "CI run 4711", at = 2026-11-24T10:00:00Z }

[[follow_up]]
id = "F2"
what = "A runbook for a provider that is down"
class = "runbook"
intent = "mitigate"
owner = "Ben"
due = 2026-12-12
verify = "scripts/links.sh runbooks/provider.md"
status = "declined"
reason = "The provider is replaced in December."
approver = "Cleo"
"#;
/// Only the second stands in the block.
const OUTSIDE: &str = "[[follow_up]]\nid = \"F0\"\n\n```toml\n[[follow_up]]\nid = \"F1\"";
const LATER_FIX: &str =
    "fixes = [{ commit = \"1f3c9ab0f3c9ab0f3c9ab0f3c9ab0f3c9ab0f3c9\", at = 2026-11-25T09:00:00Z }, ";
const LONG: &str = "and waited and waited and waited and waited and waited and waited and waited and waited \
    and waited and waited and waited and waited and waited and waited and waited and waited \
    and waited and waited and waited and waited and waited and waited and waited and waited \
    and waited and waited and waited and waited and waited and waited and waited and waited \
    \
    without a deadline.";
const LONG_RULE: &str = "and again and again and again and again and again and again and again and again and again \
    and again and again and again and again and again and again and again and again and again \
    has a deadline.\" }]\n+++";
const FIXES: &str =
    "fixes = [{ commit = \"0f3c9ab0f3c9ab0f3c9ab0f3c9ab0f3c9ab0f3c9\", at = 2026-11-22T09:00:00Z }]\n";

pub(in crate::rca) const SOUND: &str = r#"+++
id = "2026-11-card-provider-outage"
title = "Checkout failed while the card provider was down"
status = "closed"
severity = "SEV-2"
started = 2026-11-21T18:00:00Z
detected = 2026-11-21T18:04:00Z
owner_identified = 2026-11-21T18:20:00Z
mitigated = 2026-11-21T18:31:00Z
resolved = 2026-11-21T19:10:00Z
owner_layer = "payments"
layers_crossed = ["payments", "shop"]
domain = "checkout"
failure_signature = "shop/payment/POST /pay/timeout"
contributing_factors = ["Retries had no limit."]
authors = ["Ana"]
reviewers = [{ name = "Ben", layer = "edge" }]
incidents = [{ id = "inc_4f0c2a9d1b7e6358", report_hash = "abababababababababababababababababababababababababababababababab" }]
fixes = [{ commit = "0f3c9ab0f3c9ab0f3c9ab0f3c9ab0f3c9ab0f3c9", at = 2026-11-22T09:00:00Z }]
permanent_rules = [{ id = "deadline-on-providers", kind = "coding-standard", rule = "A call to a provider has a deadline." }]
+++

## Summary

Nobody could pay for 31 minutes: calls to the card provider waited without a deadline.

## Impact

Every payment by card failed, for 31 minutes.

### Orders

4 200 orders were not finished; 1 < 2 and `TBD <of what>` in code is no hint.

## Symptoms

```text
POST /pay 504 upstream <no answer>
```

## Root Cause

In payments no call had a deadline. Calls waited until all workers were taken.

## Why Detection Was Weak

The alert looked at errors; a call that waits is none.

## Recovery

The provider's traffic was sent to the second one by hand.

## Follow-ups

```toml
[[follow_up]]
id = "F1"
what = "A test in which a payment gives up after two seconds"
class = "test"
intent = "prevent"
owner = "Ana"
due = 2026-12-05
verify = "cargo test -p payments gives_up"
status = "done"
evidence = { what = "CI run 4711", at = 2026-11-24T10:00:00Z }

[[follow_up]]
id = "F2"
what = "A runbook for a provider that is down"
class = "runbook"
intent = "mitigate"
owner = "Ben"
due = 2026-12-12
verify = "scripts/links.sh runbooks/provider.md"
status = "declined"
reason = "The provider is replaced in December."
approver = "Cleo"
```

## Timeline

- 18:00 the first payment waits
"#;
