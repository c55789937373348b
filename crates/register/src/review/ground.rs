//! Why a step is refused, or a ledger is not believed: one table, from which messages and the page of the reference
//! are made. It judges nothing.

use crate::held_to::held_to;

held_to! {
    /// What a ledger and each of its steps are held to.
    Ground:
    Form "form":
        "A record is one canonical in-toto statement in one DSSE envelope.",
        "take the file back from Git; records are written by casebook review and by nothing else";
    Files "files":
        "The records are files 000001.json, 000002.json and so on, without a gap, and nothing else.",
        "take the missing file back from Git, or take away what is no record";
    Chain "chain":
        "Each record names the digest of the file before it, and has the next number.",
        "take the records back from Git: one of them was changed, taken out or put in";
    Clock "clock":
        "A record is no older than the one before it and its commits, and no newer than now by more than five minutes.",
        "set the clock right; a record with a wrong time that nobody else has is removed and made again";
    Signature "signature":
        "A record is signed with the key of the signer it names.",
        "take the file back from Git; if it stands there like this, ask who committed it";
    Rewritten "rewritten":
        "What Git once held of the records, and what the base branch holds of them, is there unchanged.",
        "take the record back from Git; what was wrong is put right with a new record";
    Dropped "dropped":
        "What a commit added to the records is there, or was signed anew where two branches took one number.",
        "take the record back from Git; where another has its number, let its signer record the same again";
    SignersFile "signers-file":
        "plan.toml and signers.toml say what the last plan of the ledger says.",
        "let a verifier record the change with casebook review plan, or take the files back from Git";
    Commit "commit":
        "The commits that a record names are in the history of what is checked out, since the review began.",
        "fetch the whole history; if a branch was rewritten, bring the recorded commits back by a merge";
    NoPlan "no-plan":
        "A ledger begins with a plan.",
        "write plan.toml and signers.toml, and record them with casebook review plan";
    PlanForm "plan-form":
        "A plan has gates with a scope and a verifier; no name and no key stands in it twice.",
        "mend plan.toml or signers.toml";
    PlanShrinks "plan-shrinks":
        "A new plan keeps every gate, and every signer with role and key; who retired stays so.",
        "put it back; a signer who leaves is marked retired = true";
    Signer "signer":
        "Who signs stands in the last plan and is not retired.",
        "let a verifier add the signer to signers.toml and record it with casebook review plan";
    VerifierOnly "verifier-only":
        "Only a verifier judges, closes, defers, withdraws, excuses, vetoes and plans.",
        "let a verifier do it";
    Unknown "unknown":
        "A step names a gate, finding, veto or claim that is there.",
        "see casebook review status for what is there";
    Numbering "numbering":
        "Findings and vetoes are numbered from 1, without a gap.",
        "take the next number";
    GateState "gate-state":
        "A gate is claimed when it is open or stale, judged when it is claimed, and reopened when it failed.",
        "see casebook review status for where the gate stands";
    FindingState "finding-state":
        "A finding goes from open to fix claimed, retested, and closed or reopened.",
        "see casebook review status for where the finding stands";
    TreeNotClean "tree-not-clean":
        "A claim is about a commit: nothing else is in the tree.",
        "commit or remove what is in the tree";
    NotPushed "not-pushed":
        "A claim is about a commit that others have.",
        "push the commit";
    SelfReview "self-review":
        "Nobody judges, corrects, defers or withdraws what they claimed or fixed themselves.",
        "let another verifier judge it";
    NoEvidence "no-evidence":
        "A verdict and a re-test cite evidence.",
        "run the check and cite what it said";
    NoControl "no-control":
        "A verdict cites a negative control: the check seen to fail when the thing is broken.",
        "break the thing, run the check, see it fail, and cite that";
    EvidenceCommit "evidence-commit":
        "Evidence is for the exact commit that is judged.",
        "check out that commit and run the check there";
    EvidenceOld "evidence-old":
        "Evidence is newer than the change it is about, and no newer than the record that cites it.",
        "run the check again and cite what it says now";
    TouchedSince "touched-since":
        "A pass is about the gate's scope as it is.",
        "judge it as failed, and let it be claimed for the newer commit";
    HiddenYet "hidden-yet":
        "A claimant's reasoning stays hidden until the verdict.",
        "wait for the verdict";
    RevealOwed "reveal-owed":
        "After a verdict the reasoning that was promised is revealed, before the gate is claimed again.",
        "reveal it with casebook review reveal; where nobody can, let a verifier say so with casebook review excuse";
    OtherReasoning "other-reasoning":
        "What is revealed is what the claim had the digest of, by the one who claimed.",
        "reveal the very file that was given with the claim, with the same key";
    FixOld "fix-old":
        "A fix is a commit that came after the one with the finding.",
        "commit the fix, and name that commit";
    RetestOld "retest-old":
        "A re-test is of a commit that has the fix.",
        "check out a commit with the fix and test there";
    RetestFailed "retest-failed":
        "A finding is closed after a re-test that passed.",
        "reopen the finding";
    NotObserved "not-observed":
        "A finding is closed once what it predicted was compared with what was observed.",
        "record what was seen with casebook review observe";
    OthersVeto "others-veto":
        "A veto is lifted by the one who made it; once that one is retired, by a verifier who did not record it.",
        "let the one who made it lift it, or a verifier who did not retire that one";
}

/// A step that may not be taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub ground: Ground,
    /// What stands in the way. It may hold text from the ledger: whoever shows it escapes it.
    pub reason: String,
}

/// Why a ledger is not believed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The file, below the ledger's folder.
    pub file: String,
    pub ground: Ground,
    /// As with a refusal.
    pub reason: String,
}

impl Ground {
    pub(super) fn refuse<T>(self, reason: impl Into<String>) -> Result<T, Refusal> {
        Err(Refusal { ground: self, reason: reason.into() })
    }

    pub(super) fn fault(self, file: impl Into<String>, reason: impl Into<String>) -> Fault {
        Fault { file: file.into(), ground: self, reason: reason.into() }
    }
}
