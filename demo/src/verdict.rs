//! Holds one scenario's answer against its truth, and says in a row of a table what came of it. Knows no player.

use serde_json::Value;

use crate::scenario::{Scenario, Truth};
use crate::script::{Loss, Settings};

/// What Casebook said about one scenario.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    pub incidents: usize,
    /// From the beginning of the fault to the opening, in milliseconds; negative before the fault.
    pub opened_after_ms: Option<i64>,
    pub cause: String,
    pub subject: String,
    pub origin: String,
    /// Failures of the accused version and of the others, where the report compares them.
    pub version_split: Option<(u64, u64)>,
    /// Codes of what the report says that it cannot know.
    pub warnings: Vec<String>,
    /// `ok`, `partial` or `missing`.
    pub completeness: String,
}

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Verdict {
    pub scenario: Scenario,
    pub answer: Answer,
    /// What is wrong, in words; nothing where all is as it should be.
    pub wrong: Vec<String>,
    /// Why nothing opened and nothing could.
    pub unknowable: Option<String>,
}

impl Answer {
    /// Of the report of the incident that opened first.
    pub fn of(incidents: usize, opened_after_ms: Option<i64>, report: &Value) -> Self {
        let text = |pointer| report.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let warnings = report.pointer("/instrumentation_warnings").and_then(Value::as_array);
        let codes = warnings.into_iter().flatten().filter_map(|warning| warning.get("code")?.as_str());
        let failures = |side: &str| {
            report.pointer(&format!("/change/version_split/{side}/failures")).and_then(Value::as_u64)
        };
        Self {
            incidents,
            opened_after_ms,
            version_split: failures("new").zip(failures("others")),
            cause: text("/cause/kind"),
            subject: text("/cause/subject"),
            origin: text("/origin/service"),
            warnings: codes.map(str::to_owned).collect(),
            completeness: text("/completeness/latest/status"),
        }
    }
}

impl Verdict {
    pub fn new(settings: &Settings, answer: Answer) -> Self {
        let verdict = Self::of(settings.scenario, &settings.loss, answer);
        match settings.unknowable() {
            Some(reason) if verdict.answer.incidents == 0 => {
                Self { wrong: Vec::new(), unknowable: Some(reason), ..verdict }
            }
            _ => verdict,
        }
    }

    fn of(scenario: Scenario, loss: &Loss, answer: Answer) -> Self {
        let wrong = match scenario.truth().opens() {
            true => wrong_incident(scenario.truth(), loss, &answer),
            false if answer.incidents > 0 => {
                vec![format!("opened {}, though nothing was wrong", count(answer.incidents))]
            }
            false => Vec::new(),
        };
        Self { scenario, answer, wrong, unknowable: None }
    }

    pub fn right(&self) -> bool {
        self.wrong.is_empty()
    }

    pub const HEAD: [&str; 6] = ["SCENARIO", "OPENED", "CAUSE", "ORIGIN", "AFTER", "VERDICT"];

    /// Expected and found where they differ, else what was found.
    pub fn row(&self) -> [String; 6] {
        let (truth, answer) = (self.scenario.truth(), &self.answer);
        if let Some(reason) = &self.unknowable {
            let name = self.scenario.name().to_owned();
            let verdict = format!("– cannot be known: {reason}");
            return [name, "no".into(), "-".into(), "-".into(), String::new(), verdict];
        }
        let opened = match (answer.incidents, truth.opens()) {
            (0, false) => "no, rightly".to_owned(),
            (0, true) => "no".to_owned(),
            (1, _) => "yes".to_owned(),
            (n, _) => format!("{n} incidents"),
        };
        let after = answer.opened_after_ms.map(|ms| format!("{}.{} s", ms / 1_000, ms.abs() % 1_000 / 100));
        [
            self.scenario.name().to_owned(),
            opened,
            compared(truth.causes, &answer.cause),
            compared(truth.origins, &answer.origin),
            after.unwrap_or_default(),
            if self.right() { "✓ right".to_owned() } else { format!("✗ {}", self.wrong.join("; ")) },
        ]
    }
}

fn wrong_incident(truth: &Truth, loss: &Loss, answer: &Answer) -> Vec<String> {
    if answer.incidents == 0 {
        return vec!["nothing opened".to_owned()];
    }
    let mut wrong = Vec::new();
    let mut hold = |met: bool, text: String| {
        if !met {
            wrong.push(text);
        }
    };
    hold(answer.incidents == 1, format!("{} instead of one", count(answer.incidents)));
    hold(answer.opened_after_ms.is_none_or(|ms| ms >= 0), "opened before there was a fault".to_owned());
    // Of a hundredth of the traces nobody can demand every cause: not to know it is right, another one is not.
    let silent = loss.samples_heads() && answer.cause == "unknown";
    let cause_right = truth.causes.contains(&answer.cause.as_str());
    hold(
        cause_right || silent,
        format!("cause {} instead of {}", shown(&answer.cause), truth.causes.join(" or ")),
    );
    let about = truth.subjects.is_empty() || truth.subjects.contains(&answer.subject.as_str());
    hold(
        about || !cause_right,
        format!("{} instead of {}", shown(&answer.subject), truth.subjects.join(" or ")),
    );
    hold(
        truth.origins.contains(&answer.origin.as_str()),
        format!("origin {} instead of {}", shown(&answer.origin), truth.origins.join(" or ")),
    );
    hold(!truth.decoys.contains(&answer.subject.as_str()), format!("{} is innocent", answer.subject));
    if truth.change.is_some() && answer.cause == "deploy" {
        let told_apart = answer.version_split.is_some_and(|(new, others)| new > others);
        hold(told_apart, "does not tell the versions apart".to_owned());
    }
    if loss.drops_spans() {
        hold(answer.completeness != "ok", "does not say that spans are missing".to_owned());
    }
    if loss.samples_heads() {
        hold(
            answer.warnings.iter().any(|code| code.starts_with("sampled")),
            "does not say that traces are sampled".to_owned(),
        );
    }
    wrong
}

fn count(incidents: usize) -> String {
    if incidents == 1 { "1 incident".to_owned() } else { format!("{incidents} incidents") }
}

fn shown(found: &str) -> &str {
    if found.is_empty() { "none" } else { found }
}

fn compared(expected: &[&str], found: &str) -> String {
    match (expected, found) {
        ([], "") => "-".to_owned(),
        ([], found) => found.to_owned(),
        (expected, "") => format!("{}: none", expected.join(" or ")),
        (expected, found) if expected.contains(&found) => found.to_owned(),
        (expected, found) => format!("{}: {found}", expected.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn canary() -> Value {
        json!({
            "cause": { "kind": "deploy", "subject": "payment 3.2.0" },
            "origin": { "service": "payment" },
            "completeness": { "latest": { "status": "ok" } },
            "instrumentation_warnings": [],
            "change": { "version_split": { "new": { "failures": 40 }, "others": { "failures": 0 } } },
        })
    }

    fn wrong(scenario: Scenario, loss: &Loss, answer: Answer) -> Vec<String> {
        Verdict::of(scenario, loss, answer).wrong
    }

    #[test]
    fn a_true_answer_is_right() {
        let answer = Answer::of(1, Some(3_200), &canary());
        assert_eq!(wrong(Scenario::Canary, &Loss::NONE, answer.clone()), Vec::<String>::new());
        let row = Verdict::of(Scenario::Canary, &Loss::NONE, answer).row();
        assert_eq!(row, ["canary", "yes", "deploy", "payment", "3.2 s", "✓ right"]);
    }

    #[test]
    fn every_wrong_claim_is_said() {
        let mut report = canary();
        report["change"] = Value::Null;
        report["cause"]["subject"] = "store 1.13.0".into();
        report["origin"]["service"] = "gateway".into();
        let found = wrong(Scenario::Canary, &Loss::NONE, Answer::of(2, Some(-500), &report));
        assert_eq!(
            found,
            [
                "2 incidents instead of one",
                "opened before there was a fault",
                "store 1.13.0 instead of payment 3.2.0",
                "origin gateway instead of payment",
                "store 1.13.0 is innocent",
                "does not tell the versions apart",
            ]
        );
        assert_eq!(wrong(Scenario::Canary, &Loss::NONE, Answer::default()), ["nothing opened"]);
        let quiet = wrong(Scenario::Quiet, &Loss::NONE, Answer::of(1, Some(1), &canary()));
        assert_eq!(quiet, ["opened 1 incident, though nothing was wrong"]);
    }

    #[test]
    fn what_is_lost_has_to_be_said() {
        let answer = Answer::of(1, Some(3_200), &canary());
        assert_eq!(
            wrong(Scenario::Canary, &Loss::drop_spans(500), answer.clone()),
            ["does not say that spans are missing"]
        );
        let sampled = Loss::head_sampling(10);
        assert_eq!(
            wrong(Scenario::Canary, &sampled, answer.clone()),
            ["does not say that traces are sampled"]
        );
        let modest = Answer { cause: "unknown".into(), warnings: vec!["sampled".into()], ..answer };
        assert_eq!(wrong(Scenario::Canary, &sampled, modest.clone()), Vec::<String>::new());
        assert_eq!(wrong(Scenario::Canary, &Loss::NONE, modest).len(), 1);
    }

    #[test]
    fn what_nobody_can_know_is_said_and_is_not_wrong() {
        let settings = |per_mille| Settings {
            scenario: Scenario::LostMessages,
            env: "demo".into(),
            seed: 1,
            start: model::Nanos(0),
            healthy_s: 75,
            faulty_s: 30,
            rate: 500,
            loss: Loss::head_sampling(per_mille),
            innocent_deployments: false,
        };
        let verdict = Verdict::new(&settings(1), Answer::default());
        assert!(verdict.right() && verdict.row()[5].starts_with("– cannot be known: 15 sampled"));
        assert_eq!(Verdict::new(&settings(100), Answer::default()).wrong, ["nothing opened"]);
        let wrong =
            Verdict::new(&settings(1), Answer { origin: "store".into(), ..Answer::of(1, None, &canary()) });
        assert!(!wrong.right(), "who claims something anyway has to be right");
    }
}
