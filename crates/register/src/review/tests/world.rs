//! A small review to take steps in: two gates, three signers, and a history that is straight unless somebody branches.

use super::repository::{Repository, Tree};
use crate::review::*;

pub(super) const BEGIN: u64 = 1_795_000_000;
const STEP_S: u64 = 60;

#[derive(Clone)]
pub(super) struct World {
    pub(super) state: State,
    pub(super) records: Vec<Record>,
    /// By the one clock that is right: when each record was taken.
    pub(super) taken_at: Vec<u64>,
    pub(super) git: Repository,
    /// The commit that is checked out.
    pub(super) checked_out: usize,
    /// The commit with which the review begins.
    pub(super) begin: usize,
    /// Another branch, with a ledger of its own.
    pub(super) aside: Option<Branch>,
    pub(super) now: u64,
}

#[derive(Clone)]
pub(super) struct Branch {
    state: State,
    records: Vec<Record>,
    taken_at: Vec<u64>,
    pub(super) checked_out: usize,
}

pub(super) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(super) fn text(text: &str) -> Text {
    text.parse().unwrap()
}

pub(super) fn key(name: &str) -> SecretKey {
    let mut seed = [7; 32];
    seed.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
    SecretKey::from_seed(&seed)
}

pub(super) fn signer(who: &str, role: Role) -> Signer {
    Signer { name: name(who), role, key: key(who).public(), retired: false }
}

pub(super) fn gate(id: &str, scope: &str) -> PlannedGate {
    PlannedGate { id: name(id), title: text("What it is"), scope: vec![scope.parse().unwrap()] }
}

/// Ana builds; Ben and Cleo verify, and may build.
pub(super) fn planned() -> Plan {
    Plan {
        title: text("A review"),
        gates: vec![gate("api", "api"), gate("docs", "docs")],
        signers: vec![
            signer("ana", Role::Builder),
            signer("ben", Role::Verifier),
            signer("cleo", Role::Verifier),
        ],
    }
}

impl World {
    fn without_commits() -> Self {
        Self {
            state: State::default(),
            records: Vec::new(),
            taken_at: Vec::new(),
            git: Repository::default(),
            checked_out: 0,
            begin: 0,
            aside: None,
            now: BEGIN,
        }
    }

    /// One commit and no record.
    pub(super) fn empty() -> Self {
        let mut world = Self::without_commits();
        world.commit(&["api/a", "docs/a"]);
        world
    }

    /// The review begins with the second commit; beside it stands another, made of the first, which is given back.
    pub(super) fn planned_beside_an_old_branch() -> (Self, usize) {
        let mut world = Self::empty();
        world.commit(&["api/old", "docs/old"]);
        let (old, first) = (world.checked_out, 0);
        world.checked_out = first;
        world.commit(&["elsewhere"]);
        world.begin = world.checked_out;
        world.step("ben", Step::Plan(planned())).unwrap();
        (world, old)
    }

    pub(super) fn planned() -> Self {
        let mut world = Self::empty();
        world.step("ben", Step::Plan(planned())).unwrap();
        world
    }

    /// Both gates claimed by Ana and passed by Ben.
    pub(super) fn passed() -> Self {
        let mut world = Self::planned();
        for gate in ["api", "docs"] {
            world.claim("ana", gate).unwrap();
            world.verdict("ben", gate, Outcome::Pass).unwrap();
        }
        world
    }

    /// F1 on gate `api`, found by Ben and observed as predicted.
    pub(super) fn found() -> Self {
        let mut world = Self::planned();
        world.find("ben", 1).unwrap();
        world.observe("ben", 1).unwrap();
        world
    }

    /// F1 and Ana's fix of it.
    pub(super) fn fixed() -> Self {
        let mut world = Self::found();
        world.commit(&["api/a"]);
        world.fix("ana", 1).unwrap();
        world
    }

    /// F1 and Ben's fix of it.
    pub(super) fn fixed_by_ben() -> Self {
        let mut world = Self::found();
        world.commit(&["api/a"]);
        world.fix("ben", 1).unwrap();
        world
    }

    /// Something new at these paths.
    pub(super) fn commit(&mut self, paths: &[&str]) -> Commit {
        let what = self.git.commits.len() as u64 + 1;
        let mut tree = self.tree();
        tree.extend(paths.iter().map(|path| ((*path).to_owned(), what)));
        let parents = if self.git.commits.is_empty() { vec![] } else { vec![self.checked_out] };
        self.commit_tree(&parents, tree)
    }

    pub(super) fn commit_tree(&mut self, parents: &[usize], tree: Tree) -> Commit {
        self.now += STEP_S;
        self.checked_out = self.git.commit(self.at(), parents, tree);
        self.head()
    }

    pub(super) fn tree(&self) -> Tree {
        self.git.commits.get(self.checked_out).map(|made| made.tree.clone()).unwrap_or_default()
    }

    pub(super) fn head(&self) -> Commit {
        self.git.commits[self.checked_out].facts.id.clone()
    }

    pub(super) fn first(&self) -> Commit {
        self.git.commits[0].facts.id.clone()
    }

    pub(super) fn history(&self) -> History {
        History::new(self.head(), self.git.told(self.checked_out, self.begin))
    }

    /// From here on there are two branches.
    pub(super) fn fork(&mut self) {
        self.aside = Some(Branch {
            state: self.state.clone(),
            records: self.records.clone(),
            taken_at: self.taken_at.clone(),
            checked_out: self.checked_out,
        });
    }

    /// Checks the other branch out.
    pub(super) fn switch(&mut self) {
        let Some(aside) = &mut self.aside else { return };
        std::mem::swap(&mut self.state, &mut aside.state);
        std::mem::swap(&mut self.records, &mut aside.records);
        std::mem::swap(&mut self.taken_at, &mut aside.taken_at);
        std::mem::swap(&mut self.checked_out, &mut aside.checked_out);
    }

    /// The other branch ends in a merge that has this tree. Its records have numbers that are taken: they are given back.
    pub(super) fn merge(&mut self, tree: Tree) -> Vec<Record> {
        let Some(aside) = self.aside.take() else { return Vec::new() };
        self.commit_tree(&[self.checked_out, aside.checked_out], tree);
        let both = self.records.iter().zip(&aside.records).take_while(|(one, other)| one == other).count();
        aside.records.into_iter().skip(both).collect()
    }

    pub(super) fn at(&self) -> At {
        At::from_secs(self.now)
    }

    pub(super) fn next(&self, by: &str, commit: Commit, step: Step) -> Record {
        Record {
            seq: self.state.seq() + 1,
            prev: None,
            at: self.at(),
            by: name(by),
            commit,
            head: self.head(),
            step,
        }
    }

    pub(super) fn take(&mut self, record: Record) -> Result<(), Refusal> {
        let before = self.state.clone();
        let taken = self.state.apply(&record, &self.history());
        match &taken {
            Ok(()) => {
                self.records.push(record);
                self.taken_at.push(self.now);
            }
            Err(_) => assert_eq!(self.state, before, "a refused step changed the state"),
        }
        taken
    }

    /// About what is checked out.
    pub(super) fn step(&mut self, by: &str, step: Step) -> Result<(), Refusal> {
        self.step_on(by, self.head(), step)
    }

    pub(super) fn step_on(&mut self, by: &str, commit: Commit, step: Step) -> Result<(), Refusal> {
        self.now += STEP_S;
        self.take(self.next(by, commit, step))
    }

    pub(super) fn claimed(gate: &str) -> Claim {
        Claim {
            gate: name(gate),
            says: text("It holds"),
            check: text("make check"),
            expected: text("0 failed"),
            reasoning: None,
            clean: true,
            pushed: vec![text("origin/main")],
        }
    }

    pub(super) fn claim(&mut self, by: &str, gate: &str) -> Result<(), Refusal> {
        self.step(by, Step::Claim(Self::claimed(gate)))
    }

    /// As it would be given now: on the claim's commit, with evidence of this moment.
    pub(super) fn verdict_on(&self, gate: &str, outcome: Outcome) -> Verdict {
        let claim = self.state.gate(&name(gate)).and_then(|phase| phase.claim());
        let commit = claim.map_or_else(|| self.head(), |claim| claim.commit.clone());
        let seen = |what: &str| vec![Evidence { what: text(what), at: self.at(), commit: commit.clone() }];
        Verdict {
            gate: name(gate),
            claim: claim.map_or(1, |claim| claim.seq),
            outcome,
            evidence: seen("0 failed"),
            controls: seen("With the check for empty names taken out: 1 failed"),
        }
    }

    pub(super) fn verdict(&mut self, by: &str, gate: &str, outcome: Outcome) -> Result<(), Refusal> {
        let verdict = self.verdict_on(gate, outcome);
        self.give(by, verdict)
    }

    pub(super) fn give(&mut self, by: &str, verdict: Verdict) -> Result<(), Refusal> {
        let commit = self.state.gate(&verdict.gate).and_then(|phase| phase.claim());
        let commit = commit.map_or_else(|| self.head(), |claim| claim.commit.clone());
        self.step_on(by, commit, Step::Verdict(verdict))
    }

    pub(super) fn finding(id: u32) -> Find {
        Find {
            id: FindingId(id),
            gate: Some(name("api")),
            severity: Severity::High,
            description: text("An empty name is taken"),
            reproduction: text("curl -d name= /v1/names"),
            predicted: Predicted { symptom: text("200 where 400 is right"), duration_s: 1 },
            root_cause: text("Nothing looks at the length"),
            fix_options: vec![text("Look at the length")],
            corrects: None,
        }
    }

    pub(super) fn find(&mut self, by: &str, id: u32) -> Result<(), Refusal> {
        self.step(by, Step::Find(Self::finding(id)))
    }

    pub(super) fn observe(&mut self, by: &str, id: u32) -> Result<(), Refusal> {
        let symptom = text("200 where 400 is right");
        let finding = FindingId(id);
        self.step(by, Step::Observe(Observe { finding, symptom, duration_s: 1, as_predicted: Likeness::Yes }))
    }

    pub(super) fn fix(&mut self, by: &str, id: u32) -> Result<(), Refusal> {
        self.step(by, Step::Fix(Fix { finding: FindingId(id), what: text("The length is looked at") }))
    }

    pub(super) fn retest(&mut self, by: &str, id: u32, outcome: Outcome) -> Result<(), Refusal> {
        let at = self.at().plus(1);
        let evidence = vec![Evidence { what: text("400"), at, commit: self.head() }];
        self.step(by, Step::Retest(Retest { finding: FindingId(id), outcome, evidence }))
    }

    pub(super) fn close(&mut self, by: &str, id: u32) -> Result<(), Refusal> {
        self.step(by, Step::Close(Close { finding: FindingId(id) }))
    }

    pub(super) fn veto(&mut self, by: &str, id: u32, gate: Option<&str>) -> Result<(), Refusal> {
        let veto = Veto { id: VetoId(id), gate: gate.map(name), why: text("The release waits for the keys") };
        self.step(by, Step::Veto(veto))
    }

    pub(super) fn lift(&mut self, by: &str, id: u32) -> Result<(), Refusal> {
        self.step(by, Step::Lift(Lift { veto: VetoId(id), why: text("They are there") }))
    }
}
