//! Minimal pairs: a defect of each class, and its mended twin, which is silent.

use super::findings;
use crate::check::{Change, Class, Ends, Verdict};

/// Class, the defective files, the mended ones.
type Pair = (Class, &'static [(&'static str, &'static str)], &'static [(&'static str, &'static str)]);

const A_SERVES: (&str, &str) =
    ("a.service", "[Unit]\nX-Provides=http://localhost:8080/\n[Service]\nExecStart=/a\n");
const AFTER_B: (&str, &str) =
    ("a.service", "[Unit]\nAfter=b.service\nX-Provides=http://localhost:8080/\n[Service]\nExecStart=/a\n");

const PAIRS: &[Pair] = &[
    (
        Class::OrderingCycle,
        &[
            ("a.service", "[Unit]\nAfter=b.service\n[Service]\nExecStart=/a\n"),
            ("b.service", "[Unit]\nAfter=a.service\n[Service]\nExecStart=/b\n"),
        ],
        &[
            ("a.service", "[Unit]\nAfter=b.service\n[Service]\nExecStart=/a\n"),
            ("b.service", "[Unit]\nBefore=a.service\n[Service]\nExecStart=/b\n"),
        ],
    ),
    (
        Class::GateAgainstOrder,
        &[
            AFTER_B,
            (
                "b.service",
                "[Service]\nExecStartPre=/bin/sh -c 'until curl -fs localhost:8080; do sleep 1; done'\nExecStart=/b\n",
            ),
        ],
        &[
            A_SERVES,
            (
                "b.service",
                "[Service]\nExecStartPre=/bin/sh -c 'until curl -fs localhost:8080; do sleep 1; done'\nExecStart=/b\n",
            ),
        ],
    ),
    (
        Class::GateAgainstOrder,
        &[
            AFTER_B,
            (
                "b.service",
                "[Service]\nType=notify\nExecStart=/bin/sh -c 'while ! nc -z localhost 8080; do :; done; exec /b'\n",
            ),
        ],
        // The start of a simple service is not awaited: what it waits for comes in time.
        &[
            AFTER_B,
            (
                "b.service",
                "[Service]\nExecStart=/bin/sh -c 'while ! nc -z localhost 8080; do :; done; exec /b'\n",
            ),
        ],
    ),
    (
        Class::BlockingCall,
        &[AFTER_B, ("b.service", "[Service]\nType=oneshot\nExecStart=/usr/bin/systemctl start a.service\n")],
        &[
            AFTER_B,
            (
                "b.service",
                "[Service]\nType=oneshot\nExecStart=/usr/bin/systemctl --no-block start a.service\n",
            ),
        ],
    ),
    (
        Class::DanglingReference,
        &[("a.service", "[Unit]\nRequires=gone.service\n[Service]\nExecStart=/a\n")],
        &[("a.service", "[Unit]\nWants=gone.service\n[Service]\nExecStart=/a\n")],
    ),
    (
        Class::GateNeverOpens,
        &[A_SERVES, ("b.service", "[Service]\nExecStartPre=wait-for-it localhost:8081\nExecStart=/b\n")],
        &[A_SERVES, ("b.service", "[Service]\nExecStartPre=wait-for-it localhost:8080\nExecStart=/b\n")],
    ),
    (
        Class::GateNeverOpens,
        &[(
            "a.service",
            "[Service]\nX-Provides=tcp:8080\n\
             ExecStartPre=/bin/sh -c 'until nc -z localhost 8080; do sleep 1; done'\nExecStart=/a\n",
        )],
        &[(
            "a.service",
            "[Service]\nX-Provides=tcp:8080\n\
             ExecStart=/a\nExecStartPost=/bin/sh -c 'until nc -z localhost 8080; do sleep 1; done'\n",
        )],
    ),
    (
        Class::BudgetInversion,
        &[
            A_SERVES,
            ("b.service", "[Service]\nExecStartPre=wait-for-it localhost:8080 -t 120\nExecStart=/b\n"),
        ],
        &[
            A_SERVES,
            (
                "b.service",
                "[Service]\nTimeoutStartSec=3min\nExecStartPre=wait-for-it localhost:8080 -t 120\nExecStart=/b\n",
            ),
        ],
    ),
];

#[test]
fn each_defect_is_found_and_its_twin_is_silent() {
    for (class, defect, mended) in PAIRS {
        let found: Vec<Class> = findings(defect).iter().map(|finding| finding.class).collect();
        assert_eq!(found, [*class], "{defect:?}");
        assert_eq!(findings(mended), [], "{mended:?}");
    }
}

/// A socket accepts before its service runs, and answers only after.
#[test]
fn a_socket_is_connected_to_early_and_answers_late() {
    let of = |probe: &str| {
        let gate =
            format!("[Service]\nExecStartPre=/bin/sh -c 'until {probe}; do sleep 1; done'\nExecStart=/b\n");
        let files = [
            ("a.socket", "[Socket]\nListenStream=8080\n"),
            ("a.service", "[Unit]\nAfter=b.service\n[Service]\nExecStart=/a\n"),
            ("b.service", gate.as_str()),
        ];
        findings(&files).iter().map(|finding| finding.class).collect::<Vec<_>>()
    };
    assert_eq!(of("nc -z localhost 8080"), []);
    assert_eq!(of("curl -fs http://localhost:8080/"), [Class::GateAgainstOrder]);
}

/// A restart takes the other down first, so that it hangs also when all is up.
#[test]
fn a_restart_is_no_latent_defect_and_a_start_is() {
    use crate::check::Shows;
    for (verb, shows) in [("start", Shows::FromColdOnly), ("restart", Shows::Always)] {
        let unit = format!("[Service]\nType=oneshot\nExecStart=systemctl {verb} a.service\n");
        let found = findings(&[AFTER_B, ("b.service", &unit)]);
        assert_eq!((found[0].class, found[0].shows), (Class::BlockingCall, shows));
        assert_eq!(found[0].stall.as_ref().unwrap().ends, Ends::NeverEnds);
        assert!(matches!(found[0].cuts[0].changes[..], [Change::NoBlock { .. }]));
    }
}

/// Two circles that share no edge need two cuts, and are offered both.
#[test]
fn where_one_edge_is_not_enough_two_are_offered() {
    let found = findings(&[
        ("a.service", "[Unit]\nAfter=b.service c.service\n[Service]\nExecStart=/a\n"),
        ("b.service", "[Unit]\nAfter=a.service\n[Service]\nExecStart=/b\n"),
        ("c.service", "[Unit]\nAfter=a.service\n[Service]\nExecStart=/c\n"),
    ]);
    assert_eq!(found.len(), 1);
    let accepted: Vec<_> = found[0].cuts.iter().filter(|cut| cut.verdict == Verdict::Accepted).collect();
    assert!(!accepted.is_empty());
    assert!(accepted.iter().all(|cut| cut.changes.len() == 2), "{accepted:#?}");
    let rejected = found[0].cuts.iter().filter(|cut| matches!(cut.verdict, Verdict::PathRemains(_)));
    assert_eq!(rejected.count(), 2);
}
