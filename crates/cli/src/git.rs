//! Asking Git, in bounded answers. It judges nothing, and changes nothing in a repository.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use register::review::Commit;

use crate::escape;
use crate::exit::{Exit, Failure};

/// More than a history of a hundred thousand commits takes; what is longer is refused.
const OUTPUT_BYTES_MAX: u64 = 256 << 20;
const COMPLAINT_BYTES_MAX: u64 = 2000;
/// By these Git looks at another repository, index or reading of paths than that of the folder: hooks set them for whatever
/// they start. Where objects are found is left as it is: a hook that receives commits keeps them apart.
const ELSEWHERE: [&str; 10] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
];

/// A repository.
pub(crate) struct Git {
    /// Git is started here: at the top of the repository, or in a folder of it.
    pub(crate) root: PathBuf,
}

impl Git {
    /// The repository that holds `dir`, at its top.
    pub(crate) fn around(dir: &Path) -> Result<Self, Failure> {
        let root = Self::at(dir).text(&["rev-parse", "--show-toplevel"])?;
        Ok(Self { root: PathBuf::from(root) })
    }

    pub(crate) fn at(dir: &Path) -> Self {
        Self { root: dir.to_owned() }
    }

    /// A commit by any name that Git knows it by.
    pub(crate) fn commit(&self, name: &str) -> Result<Commit, Failure> {
        let wrong =
            |why: &str| Failure::new(Exit::Usage, escape::line(&format!("{name}: {why}")).into_owned());
        if name.starts_with('-') {
            return Err(wrong("it is no commit"));
        }
        let found = self.text(&["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]);
        // Where there is no repository, that is what is wrong.
        let unknown = || self.text(&["rev-parse", "--git-dir"]).err();
        let found = found.map_err(|_| unknown().unwrap_or_else(|| wrong("Git knows no such commit")))?;
        found.parse().map_err(|why: String| wrong(&why))
    }

    pub(crate) fn text(&self, arguments: &[&str]) -> Result<String, Failure> {
        Ok(String::from_utf8_lossy(&self.bytes(arguments)?).trim_end().to_owned())
    }

    pub(crate) fn bytes(&self, arguments: &[&str]) -> Result<Vec<u8>, Failure> {
        self.run(None, None, arguments)
    }

    /// With an index of its own, where it needs one: that of the repository is not touched.
    pub(crate) fn bytes_beside(&self, index: Option<&Path>, arguments: &[&str]) -> Result<Vec<u8>, Failure> {
        self.run(index, None, arguments)
    }

    /// With lines for it to read.
    pub(crate) fn bytes_fed(&self, lines: String, arguments: &[&str]) -> Result<Vec<u8>, Failure> {
        self.run(None, Some(lines), arguments)
    }

    fn run(
        &self,
        index: Option<&Path>,
        lines: Option<String>,
        arguments: &[&str],
    ) -> Result<Vec<u8>, Failure> {
        let what = arguments.first().copied().unwrap_or_default();
        let failed = |why: String| {
            Failure::new(Exit::Usage, escape::line(&format!("git {what}: {}", why.trim())).into_owned())
        };
        let mut git = Command::new("git");
        for name in ELSEWHERE {
            git.env_remove(name);
        }
        let mut child = git
            .envs(index.map(|index| ("GIT_INDEX_FILE", index)))
            .args(["--no-replace-objects", "-c", "log.showSignature=false", "-C"])
            .arg(&self.root)
            .args(arguments)
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("LC_ALL", "C")
            .stdin(if lines.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        // Beside reading, for neither waits for the other. Where Git reads no further, its end says why.
        let feed =
            child.stdin.take().zip(lines).map(|(mut stdin, lines)| {
                std::thread::spawn(move || drop(stdin.write_all(lines.as_bytes())))
            });
        let complaint = child.stderr.take().map(|stderr| std::thread::spawn(move || complaint(stderr)));
        let mut said = Vec::new();
        let read = child.stdout.take().map(|out| out.take(OUTPUT_BYTES_MAX + 1).read_to_end(&mut said));
        let is_long = said.len() as u64 > OUTPUT_BYTES_MAX;
        if is_long {
            // It would wait for a reader.
            let _ = child.kill();
        }
        if let Some(feed) = feed {
            let _ = feed.join();
        }
        let status = child.wait().map_err(|error| failed(error.to_string()))?;
        let complaint = complaint.and_then(|thread| thread.join().ok()).unwrap_or_default();
        match read {
            Some(Err(error)) => Err(failed(error.to_string())),
            _ if is_long => Err(failed("it says more than is read".to_owned())),
            _ if !status.success() => Err(failed(complaint)),
            _ => Ok(said),
        }
    }
}

fn complaint(stderr: impl Read) -> String {
    let mut said = Vec::new();
    // What cannot be read is missing in a message and nowhere else.
    let _ = stderr.take(COMPLAINT_BYTES_MAX).read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}
