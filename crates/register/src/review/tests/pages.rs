//! The pages: what they say of a whole review, and that nothing in them acts.

use pulldown_cmark::{Event, Options, Parser, Tag};

use super::world::{World, text};
use crate::review::*;

/// What the program hands in leaves more out.
fn inert(text: &str) -> String {
    let acts = |c: char| c.is_control() || matches!(c, '\u{202e}' | '\u{3164}');
    text.chars().map(|c| if acts(c) { '\u{fffd}' } else { c }).collect()
}

fn rendered(world: &World) -> Pages {
    let judged = Judged { state: world.state.clone(), records: world.records.clone(), ..Judged::default() };
    pages(&judged, &world.history(), inert)
}

#[test]
fn the_pages_of_a_review() {
    let mut world = World::passed();
    world.find("ben", 1).unwrap();
    world.observe("ben", 1).unwrap();
    world.commit(&["api/a"]);
    world.fix("ana", 1).unwrap();
    world.retest("ben", 1, Outcome::Pass).unwrap();
    world.find("cleo", 2).unwrap();
    let defer = Defer { finding: FindingId(2), trigger: text("a second client"), until: None };
    world.step("cleo", Step::Defer(defer)).unwrap();
    world.veto("cleo", 1, Some("docs")).unwrap();
    let pages = rendered(&world).map(|(name, text)| format!("=== {name}\n{text}")).join("\n");
    insta::assert_snapshot!(pages);
    // The pages of a ledger change with it, and not with time or commits.
    world.now += 1_000_000;
    world.commit(&["api/a"]);
    assert_eq!(rendered(&world).map(|(name, text)| format!("=== {name}\n{text}")).join("\n"), pages);
}

#[test]
fn text_of_a_record_stays_text() {
    let hostile = "</td><script>x</script> | `a` *b* [c](http://d) ![e](f) <http://g> www.h.example\n# i\n\u{202e}\u{3164}\u{1b}[2J";
    let mut world = World::planned();
    let find = Find { description: text(hostile), root_cause: text(hostile), ..World::finding(1) };
    world.step("ben", Step::Find(find)).unwrap();
    let veto = Veto { id: VetoId(1), gate: None, why: text(hostile) };
    world.step("ben", Step::Veto(veto)).unwrap();
    for (name, page) in rendered(&world) {
        assert!(!page.contains(['\u{202e}', '\u{3164}', '\u{1b}']), "{name}");
        let headings = page.lines().filter(|line| line.starts_with('#')).count();
        let mut seen = 0;
        for event in Parser::new_ext(&page, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Heading { .. }) => seen += 1,
                Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::Emphasis | Tag::Strong)
                | Event::Html(_)
                | Event::InlineHtml(_) => panic!("{name}: {event:?} in {page}"),
                _ => {}
            }
        }
        assert_eq!(seen, headings, "{name}");
    }
}
