//! What holds for all units, whatever they are.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::texts;
use crate::check::{Class, Finding, Verdict, check};
use crate::{Text, read};

const UNITS: usize = 7;

/// Which units each one is ordered after, and which ports each waits for.
#[derive(Debug, Clone)]
struct Made {
    after: Vec<(usize, usize)>,
    polls: Vec<(usize, usize)>,
}

fn made() -> impl Strategy<Value = Made> {
    let pairs = || proptest::collection::vec((0..UNITS, 0..UNITS), 0..9);
    (pairs(), pairs()).prop_map(|(after, polls)| Made { after, polls })
}

fn files(made: &Made) -> Vec<Text> {
    let mut units: BTreeMap<usize, String> = BTreeMap::new();
    for unit in 0..UNITS {
        units.insert(
            unit,
            format!("[Service]\nType=notify\nX-Provides=tcp:{}\nExecStart=/u\n[Unit]\n", 8000 + unit),
        );
    }
    for (then, first) in made.after.iter().filter(|(then, first)| then != first) {
        units.entry(*then).or_default().push_str(&format!("After=u{first}.service\n"));
    }
    for (unit, port) in &made.polls {
        let gate = format!(
            "[Service]\nExecStartPre=sh -c 'until nc -z localhost {}; do sleep 1; done'\n",
            8000 + port
        );
        units.entry(*unit).or_default().push_str(&gate);
    }
    units.into_iter().map(|(unit, text)| Text::new(&format!("u{unit}.service"), text)).collect()
}

fn found(files: &[Text]) -> Vec<Finding> {
    let system = read(files);
    assert_eq!(system.faults, []);
    check(&system).findings
}

/// Whether some unit comes back to itself, by following all ways of so many steps.
fn has_circle(after: &[(usize, usize)]) -> bool {
    let mut reach = vec![vec![false; UNITS]; UNITS];
    for (then, first) in after.iter().filter(|(then, first)| then != first) {
        reach[*then][*first] = true;
    }
    for middle in 0..UNITS {
        for from in 0..UNITS {
            for to in 0..UNITS {
                reach[from][to] |= reach[from][middle] && reach[middle][to];
            }
        }
    }
    (0..UNITS).any(|unit| reach[unit][unit])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn without_waits_only_an_ordering_circle_is_found(made in made()) {
        let made = Made { polls: Vec::new(), ..made };
        let classes: Vec<Class> = found(&files(&made)).iter().map(|finding| finding.class).collect();
        prop_assert_eq!(!classes.is_empty(), has_circle(&made.after));
        prop_assert!(classes.iter().all(|class| *class == Class::OrderingCycle));
    }

    #[test]
    fn a_unit_beside_the_others_changes_nothing(made in made()) {
        let files = files(&made);
        let mut more = files.clone();
        more.extend(texts(&[("beside.service", "[Service]\nX-Provides=tcp:9\nExecStart=/b\n")]));
        prop_assert_eq!(found(&files), found(&more));
    }

    #[test]
    fn the_order_of_files_changes_nothing(made in made(), turn in 0..UNITS) {
        let files = files(&made);
        let mut turned = files.clone();
        turned.rotate_left(turn);
        turned.reverse();
        prop_assert_eq!(found(&files), found(&turned));
    }

    /// What waits for units that come before it, in any one order of all, can start.
    #[test]
    fn what_follows_one_order_of_all_is_silent(made in made()) {
        let down = |pairs: &[(usize, usize)]| pairs.iter().copied().filter(|(then, first)| then > first).collect();
        let made = Made { after: down(&made.after), polls: down(&made.polls) };
        prop_assert_eq!(found(&files(&made)), []);
    }

    /// A cut of ordering edges that is offered for all there is, made in the files, leaves nothing of it.
    #[test]
    fn accepted_drops_hold_in_the_files(made in made()) {
        let texts = files(&made);
        for finding in found(&texts) {
            for cut in finding.cuts.iter().filter(|cut| cut.verdict == Verdict::Accepted) {
                let Some(mended) = dropped(&made, &cut.changes) else { continue };
                let same = |left: &Finding| left.at == finding.at && left.class == finding.class && !left.steps.is_empty();
                let is_gate = finding.class != Class::OrderingCycle;
                let left = found(&files(&mended));
                let gone = if is_gate { !left.iter().any(same_unit_and_poll(&finding)) } else { !left.iter().any(same) };
                prop_assert!(gone, "{:#?} of {:#?} left {:#?}", cut, finding, left);
            }
        }
    }
}

fn same_unit_and_poll(finding: &Finding) -> impl Fn(&Finding) -> bool {
    let polled = finding.steps[0].text.clone();
    move |left: &Finding| left.steps.first().is_some_and(|step| step.text == polled)
}

fn dropped(made: &Made, changes: &[crate::check::Change]) -> Option<Made> {
    let number = |name: &crate::facts::Name| name.as_str()[1..2].parse::<usize>().ok();
    let mut made = made.clone();
    for change in changes {
        let crate::check::Change::Drop { first, then, at: _ } = change else { return None };
        let edge = (number(then)?, number(first)?);
        // Said twice, it is dropped once.
        let at = made.after.iter().position(|pair| *pair == edge)?;
        made.after.remove(at);
    }
    Some(made)
}
