//! A repository with a remote, a plan and three signers, and the binary run in it.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use register::review::{At, Record, Step};

pub(super) const FIND: &[&str] = &[
    "find",
    "--gate",
    "api",
    "--severity",
    "high",
    "--description",
    "An empty name is taken",
    "--reproduction",
    "curl -d name=",
    "--symptom",
    "200",
    "--duration-s",
    "1",
    "--root-cause",
    "Nothing looks at the length",
    "--fix-option",
    "Look at the length",
];

const PLAN: &str =
    "title = \"Names\"\n\n[[gate]]\nid = \"api\"\ntitle = \"Names are checked\"\nscope = [\"src\"]\n";

pub(super) struct Desk {
    dir: tempfile::TempDir,
    /// When the next commit was made: in the past, and later than the one before.
    clock: Cell<u64>,
}

impl Desk {
    /// Ana builds, Ben and Cleo verify; two commits, of which none is pushed.
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let desk = Self { dir: tempfile::tempdir().unwrap(), clock: Cell::new(now - 3600) };
        fs::create_dir_all(desk.path("")).unwrap();
        desk.git(&["init", "-q", "-b", "main", "."]);
        desk.git(&["init", "-q", "--bare", "../remote.git"]);
        desk.git(&["remote", "add", "origin", "../remote.git"]);
        for (name, role) in [("ana", "builder"), ("ben", "verifier"), ("cleo", "verifier")] {
            let out = format!("../keys/{name}.key");
            let key = ["key", "new", "--name", name, "--role", role, "--out", &out];
            let (code, said, errors) =
                desk.review(&[key.as_slice(), &["--add-to", "doc/review/signers.toml"]].concat());
            assert_eq!((code, said.as_str(), errors.as_str()), (Some(0), "", ""));
        }
        desk.write("../why.md", "Because the length is looked at.\n");
        desk.commit("first", &[("README.md", "Names")]);
        desk.commit("second", &[("doc/review/plan.toml", PLAN), ("src/api.rs", "1")]);
        desk
    }

    pub(super) fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join("repo").join(inside)
    }

    pub(super) fn key(&self, name: &str) -> PathBuf {
        self.dir.path().join("keys").join(format!("{name}.key"))
    }

    pub(super) fn write(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn commit(&self, message: &str, files: &[(&str, &str)]) {
        files.iter().for_each(|(path, text)| self.write(path, text));
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    /// What it said.
    pub(super) fn git(&self, arguments: &[&str]) -> Vec<u8> {
        let at = self.clock.get() + 10;
        self.clock.set(at);
        let output = Command::new("git")
            .args(["-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "commit.gpgSign=false"])
            .args(arguments)
            .env("GIT_COMMITTER_DATE", format!("@{at} +0000"))
            .current_dir(self.path(""))
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    pub(super) fn review(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_casebook"));
        command.arg("review").args(arguments).current_dir(self.path("")).env_remove("CASEBOOK_REVIEW_KEY");
        let Output { status, stdout, stderr } = command.output().unwrap();
        (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    pub(super) fn signed(&self, arguments: &[&str], by: &str) -> (Option<i32>, String, String) {
        let key = self.key(by);
        self.review(&[arguments, &["--key", key.to_str().unwrap()]].concat())
    }

    pub(super) fn takes(&self, arguments: &[&str], by: &str) {
        let (code, said, errors) = self.signed(arguments, by);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(
            said.starts_with("doc/review/records/") && said.ends_with(&format!(" by {by}; commit it\n")),
            "{said}"
        );
    }

    pub(super) fn refuses(&self, arguments: &[&str], by: &str, why: &str) {
        let before = fs::read_dir(self.path("doc/review/records")).map_or(0, Iterator::count);
        let (code, said, errors) = self.signed(arguments, by);
        assert!(code == Some(4) && said.is_empty(), "{arguments:?}: {code:?} {said} {errors}");
        assert!(errors.starts_with("casebook: refused: ") && errors.contains(why), "{arguments:?}: {errors}");
        assert!(errors.contains("\n    mend: "), "{errors}");
        let after = fs::read_dir(self.path("doc/review/records")).map_or(0, Iterator::count);
        assert_eq!(before, after, "{arguments:?} left a record");
    }

    fn envelope(&self, seq: u64) -> serde_json::Value {
        let path = self.path(&format!("doc/review/records/{seq:06}.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    /// What a record says.
    pub(super) fn payload(&self, seq: u64) -> String {
        let payload = STANDARD.decode(self.envelope(seq)["payload"].as_str().unwrap()).unwrap();
        String::from_utf8(payload).unwrap()
    }

    /// The file of a record with another word in it, and its old signature.
    pub(super) fn reworded(&self, seq: u64, from: &str, to: &str) -> String {
        let payload = self.payload(seq);
        assert!(payload.contains(from), "{payload}");
        let mut envelope = self.envelope(seq);
        envelope["payload"] = STANDARD.encode(payload.replace(from, to)).into();
        format!("{envelope}\n")
    }

    pub(super) fn read(&self, seq: u64) -> Record {
        let statement: serde_json::Value = serde_json::from_str(&self.payload(seq)).unwrap();
        let said = &statement["predicate"];
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        Record {
            seq,
            prev: said["prev"].as_str().map(|prev| prev.parse().unwrap()),
            at: text(&said["at"]).parse::<At>().unwrap(),
            by: text(&said["by"]).parse().unwrap(),
            commit: text(&statement["subject"][0]["digest"]["gitCommit"]).parse().unwrap(),
            head: text(&said["head"]).parse().unwrap(),
            step: serde_json::from_value::<Step>(said["step"].clone()).unwrap(),
        }
    }
}
