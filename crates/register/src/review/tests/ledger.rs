//! A ledger as files: whatever is changed in it, taken out or signed by somebody else is found.

use super::world::{World, key, name};
use crate::review::*;

/// A review of eight records, sealed.
fn sealed() -> (Vec<(String, Vec<u8>)>, History) {
    let mut world = World::passed();
    world.find("ben", 1).unwrap();
    world.observe("cleo", 1).unwrap();
    world.veto("ben", 1, None).unwrap();
    (seal_all(&world.records), world.history())
}

pub(super) fn seal_all(records: &[Record]) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for record in records {
        let prev = files.last().map(|(_, bytes)| envelope::digest(bytes));
        let record = Record { prev, ..record.clone() };
        files.push((file_name(record.seq), seal(&record, &key(record.by.as_str()))));
    }
    files
}

/// After all of it.
fn late() -> At {
    At::from_secs(super::world::BEGIN + 1_000_000)
}

fn faults(files: Vec<(String, Vec<u8>)>, history: &History) -> Vec<(String, Ground)> {
    judge(files, history, late()).faults.into_iter().map(|fault| (fault.file, fault.ground)).collect()
}

#[test]
fn a_ledger_that_nobody_touched_is_believed() {
    let (files, history) = sealed();
    let judged = judge(files, &history, late());
    assert_eq!(judged.faults, []);
    assert_eq!((judged.records.len(), judged.state.seq()), (8, 8));
    assert!(faults(Vec::new(), &history).is_empty());
}

#[test]
fn a_record_has_these_bytes_for_good() {
    let (files, _) = sealed();
    let (_, bytes) = files.get(1).unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(bytes));
}

#[test]
fn every_single_byte_counts() {
    let (files, history) = sealed();
    let (at, (name, whole)) = (2, files.get(2).unwrap().clone());
    for byte in 0..whole.len() {
        let mut files = files.clone();
        files[at].1[byte] ^= 1;
        let found = faults(files, &history);
        assert!(found.iter().any(|(file, _)| *file == name), "byte {byte}: {found:?}");
    }
}

#[test]
fn what_was_done_to_a_ledger_is_found() {
    type Tamper = fn(&mut Vec<(String, Vec<u8>)>);
    let cases: &[(&str, Tamper, &str, Ground)] = &[
        ("a record in the middle taken out", |files| drop(files.remove(2)), "000004.json", Ground::Files),
        ("the first taken out", |files| drop(files.remove(0)), "000002.json", Ground::Files),
        (
            "what is no record put in",
            |files| files.push(("notes.md".into(), vec![])),
            "notes.md",
            Ground::Files,
        ),
        ("an empty file", |files| files[3].1.clear(), "000004.json", Ground::Form),
        ("a blank more", |files| files[3].1.push(b' '), "000004.json", Ground::Form),
        ("two records swapped", |files| swap(files), "000003.json", Ground::Chain),
        ("the last record of another ledger", |files| foreign(files), "000008.json", Ground::Chain),
        ("somebody else's signature", |files| resign(files, "cleo"), "000008.json", Ground::Signature),
        ("a builder's signature", |files| resign(files, "ana"), "000008.json", Ground::Signature),
        ("a stranger's signature", |files| resign(files, "zoe"), "000008.json", Ground::Signature),
        ("another word, with the old signature", |files| reworded(files), "000008.json", Ground::Signature),
        (
            "a file that is too long",
            |files| files[7].1.resize(RECORD_BYTES_MAX + 1, b' '),
            "000008.json",
            Ground::Form,
        ),
    ];
    let (files, history) = sealed();
    for (what, tamper, file, ground) in cases {
        let mut files = files.clone();
        tamper(&mut files);
        let found = faults(files, &history);
        assert_eq!(found.first(), Some(&((*file).to_owned(), *ground)), "{what}: {found:?}");
    }
}

#[test]
fn a_history_written_anew_by_one_signer_breaks_at_the_next_record_of_another() {
    let (files, history) = sealed();
    let mut record = last(&files[..4]);
    record.at = record.at.plus(1);
    let mut files = files;
    files[3].1 = seal(&record, &key(record.by.as_str()));
    assert_eq!(faults(files, &history), [("000005.json".to_owned(), Ground::Chain)]);
}

#[test]
fn a_commit_that_is_gone_from_the_history_is_told() {
    let (files, _) = sealed();
    let mut other = World::empty();
    other.git.commits[0].facts.id = "e".repeat(40).parse().unwrap();
    let found = faults(files, &other.history());
    assert_eq!(found.first(), Some(&("000001.json".to_owned(), Ground::Commit)));
}

#[test]
fn a_record_of_a_time_to_come_is_not_believed() {
    let (files, history) = sealed();
    let last = last(&files).at;
    for (secs, expected) in
        [(0, vec![]), (300, vec![]), (301, vec![("000008.json".to_owned(), Ground::Clock)])]
    {
        let judged = judge(files.clone(), &history, At::from_secs(last.secs() - secs));
        let found: Vec<_> = judged.faults.into_iter().map(|fault| (fault.file, fault.ground)).collect();
        assert_eq!(found, expected, "{secs} s before");
    }
}

#[test]
fn what_a_merge_left_out_is_told() {
    let (files, history) = sealed();
    let left_out = |kept: &[(String, Vec<u8>)], gone: &[(String, Vec<u8>)]| {
        let judged = judge(kept.to_vec(), &history, late());
        assert_eq!(judged.faults, []);
        let seen = "commit 0f3c9ab0f3c9".to_owned();
        let gone = gone.iter().map(|(file, bytes)| Dropped {
            file: file.clone(),
            bytes: bytes.clone(),
            seen: seen.clone(),
        });
        dropped(&judged, &gone.collect::<Vec<_>>()).into_iter().map(|fault| fault.file).collect::<Vec<_>>()
    };
    // The veto is the last, the observation before it.
    assert_eq!(left_out(&files[..7], &files[7..]), ["000008.json"]);
    assert_eq!(left_out(&files[..6], &files[6..]), ["000007.json", "000008.json"]);
    assert_eq!(left_out(&files[..6], &files[6..7]), ["000007.json"]);
    assert_eq!(left_out(&[], &files[..1]), ["000001.json"]);
    // Another branch has taken the numbers.
    let mut world = World::passed();
    world.find("ben", 1).unwrap();
    world.fix("ana", 1).unwrap_err();
    world.claim("ana", "api").unwrap_err();
    world.find("cleo", 2).unwrap();
    world.now += 600;
    let other = seal_all(&world.records);
    assert_eq!(left_out(&other, &files[6..7]), [""; 0], "an observation that collided");
    assert_eq!(left_out(&other, &files[7..]), ["000008.json"], "a veto that collided");
    world.veto("cleo", 1, None).unwrap();
    assert_eq!(left_out(&seal_all(&world.records), &files[7..]), ["000008.json"], "by somebody else");
    world.veto("ben", 2, None).unwrap();
    assert_eq!(left_out(&seal_all(&world.records), &files[7..]), [""; 0], "signed anew");
    let junk = ("000009.json".to_owned(), b"{}".to_vec());
    let mut strange = last(&files);
    strange.seq = 9;
    let stranger = ("000009.json".to_owned(), seal(&strange, &key("zoe")));
    assert_eq!(left_out(&files, &[junk, stranger]), [""; 0], "what nobody of the review signed");
    let many = vec![files[7].clone(); DROPPED_MAX + 1];
    assert_eq!(left_out(&files[..7], &many).len(), DROPPED_MAX + 1);
}

#[test]
fn what_no_reader_takes_is_not_written() {
    let world = World::planned();
    let sealed_of = |step: Step| {
        let record = world.next("ben", world.head(), step);
        sealed_with(&record).map(|bytes| envelope::open(&bytes).map(|opened| opened.record) == Ok(record))
    };
    assert_eq!(sealed_of(Step::Plan(super::world::planned())), Ok(true));
    let mut large = super::world::planned();
    let scope = |index: usize| format!("{}/{index}", "a".repeat(490)).parse().unwrap();
    large.gates = (0..200).map(|gate| super::world::gate(&format!("g{gate}"), "x")).collect();
    large.gates.iter_mut().for_each(|gate| gate.scope = (0..LIST_MAX).map(scope).collect());
    assert_eq!(sealed_of(Step::Plan(large)).unwrap_err().ground, Ground::Form);
    let fix_options = vec![super::world::text("a"); LIST_MAX + 1];
    assert_eq!(
        sealed_of(Step::Find(Find { fix_options, ..World::finding(1) })).unwrap_err().ground,
        Ground::Form
    );
}

#[test]
fn a_first_plan_with_a_forged_signature_or_who_retired_is_not_believed() {
    let (files, history) = sealed();
    let mut first = last(&files[..1]);
    let forged = |record: &Record, by: &str| vec![(file_name(1), seal(record, &key(by)))];
    assert_eq!(faults(forged(&first, "cleo"), &history), [(file_name(1), Ground::Signature)]);
    assert_eq!(faults(forged(&first, "zoe"), &history), [(file_name(1), Ground::Signature)]);
    let Step::Plan(plan) = &mut first.step else { panic!("{first:?}") };
    plan.signers[1].retired = true;
    assert_eq!(faults(forged(&first, "ben"), &history), [(file_name(1), Ground::Signer)]);
    // Ben is retired, and signs with his key.
    let mut world = World::planned();
    let mut plan = super::world::planned();
    plan.signers[1].retired = true;
    world.step("cleo", Step::Plan(plan)).unwrap();
    world.now += 60;
    let veto = Step::Veto(Veto { id: VetoId(1), gate: None, why: super::world::text("No") });
    world.records.push(world.next("ben", world.head(), veto));
    assert_eq!(faults(seal_all(&world.records), &world.history()), [(file_name(3), Ground::Signer)]);
}

fn sealed_with(record: &Record) -> Result<Vec<u8>, Refusal> {
    crate::review::sealed(record, &key(record.by.as_str()))
}

#[test]
fn records_are_added_and_nothing_else() {
    let change = |status: &str| {
        let file = "000001.json".to_owned();
        RecordChange { file, status: status.to_owned(), seen: "commit 0f3c9ab0f3c9".to_owned() }
    };
    for (status, is_fault) in
        [("A", false), ("AA", false), ("M", true), ("D", true), ("MM", true), ("AM", true), ("T", true)]
    {
        let found = rewritten(&[change(status)]);
        assert_eq!(!found.is_empty(), is_fault, "{status}");
    }
}

#[test]
fn the_files_that_people_write_are_what_was_recorded() {
    let recorded = super::world::planned();
    let signers: String = recorded.signers.iter().map(signer_entry).collect();
    let gate = |id: &str| format!("[[gate]]\nid = \"{id}\"\ntitle = \"What it is\"\nscope = [\"{id}\"]\n");
    let gates = ["api", "docs"].map(gate).concat();
    let text = format!("title = \"A review\"\n{gates}");
    let files = plan(&text, &signers).unwrap();
    assert_eq!((&files, signers_differ(&files, &recorded)), (&recorded, vec![]));
    let more = format!("{signers}{}", signer_entry(&super::world::signer("zoe", Role::Verifier)));
    let differs: Vec<_> =
        signers_differ(&plan(&text, &more).unwrap(), &recorded).into_iter().map(|fault| fault.file).collect();
    assert_eq!(differs, ["signers.toml"]);
    for (text, signers, said) in [
        ("", "", "plan.toml:1: missing field `title`"),
        ("title = \"A\"\ngates = 1", "", "plan.toml:2: unknown field `gates`"),
        ("title = \"A\"\n[[gate]]\nid = \"A\"", "", "plan.toml:3: a name has"),
        (
            "title = \"A\"",
            "[[signer]]\nname = \"a\"\nrole = \"boss\"",
            "signers.toml:3: unknown variant `boss`",
        ),
        ("title = \"A\"", "[[signer]]\nkey = \"AAAA\"", "signers.toml:2: a public key is"),
    ] {
        let refused = plan(text, signers).unwrap_err();
        assert!(refused.starts_with(said), "{refused}");
    }
}

#[test]
fn a_key_survives_its_file_and_is_not_shown() {
    let secret = key("ana");
    let back = SecretKey::from_text(&secret.reveal()).unwrap();
    assert_eq!(back.public(), secret.public());
    assert_eq!(format!("{secret:?}"), "SecretKey(..)");
    for text in ["", "AAAA", "no base64", &"A".repeat(400)] {
        assert!(SecretKey::from_text(text).is_err(), "{text}");
    }
    // The neutral point: everything is signed with it.
    let weak = format!("AQ{}=", "A".repeat(41));
    assert!(PublicKey::try_from(weak).is_err());
}

fn last(files: &[(String, Vec<u8>)]) -> Record {
    envelope::open(&files.last().unwrap().1).map(|opened| opened.record).unwrap_or_else(|why| panic!("{why}"))
}

fn swap(files: &mut [(String, Vec<u8>)]) {
    let (one, other) = (files[2].1.clone(), files[3].1.clone());
    files[2].1 = other;
    files[3].1 = one;
}

fn foreign(files: &mut [(String, Vec<u8>)]) {
    let record = Record { prev: None, ..last(files) };
    files[7].1 = seal(&record, &key(record.by.as_str()));
}

fn resign(files: &mut [(String, Vec<u8>)], by: &str) {
    let record = last(files);
    assert_eq!(record.by, name("ben"));
    files[7].1 = seal(&record, &key(by));
}

/// The signature of one record under the words of another.
fn reworded(files: &mut [(String, Vec<u8>)]) {
    let mut record = last(files);
    record.at = record.at.plus(1);
    let other: serde_json::Value = serde_json::from_slice(&seal(&record, &key("ben"))).unwrap();
    let mut file: serde_json::Value = serde_json::from_slice(&files[7].1).unwrap();
    file["payload"] = other["payload"].clone();
    files[7].1 = format!("{file}\n").into_bytes();
}
