//! The binary as people run it, and every byte that it printed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use devnet::client::HttpClient;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::stage::PATIENCE;

const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// `casebook-edge serve`, until it is ended.
pub(crate) struct Program {
    child: Child,
    pub(crate) ready: Value,
    out: JoinHandle<Vec<u8>>,
    err: JoinHandle<Vec<u8>>,
}

/// How a program ended, and what it had printed.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: Vec<u8>,
}

fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_casebook-edge"));
    command
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// To its end.
pub(crate) async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    run_within(ENDS_WITHIN, arguments, variables).await
}

pub(crate) async fn run_within(within: Duration, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let output = timeout(within, command(arguments, variables).output()).await;
    let output = output.expect("it ends by itself").unwrap();
    Ended { code: output.status.code(), out: output.stdout, err: output.stderr }
}

impl Program {
    pub(crate) async fn serve(config: &Path, variables: &[(&str, &str)]) -> Self {
        let mut child = command(&["serve", config.to_str().unwrap()], variables).spawn().unwrap();
        let mut err = child.stderr.take().unwrap();
        let err = tokio::spawn(async move {
            let mut bytes = Vec::new();
            err.read_to_end(&mut bytes).await.unwrap();
            bytes
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        timeout(ENDS_WITHIN, lines.read_line(&mut first)).await.expect("it gets ready").unwrap();
        if first.is_empty() {
            panic!("it did not start: {}", String::from_utf8_lossy(&err.await.unwrap()));
        }
        let ready = serde_json::from_str(&first).unwrap();
        let out = tokio::spawn(async move {
            let mut bytes = first.into_bytes();
            lines.read_to_end(&mut bytes).await.unwrap();
            bytes
        });
        Self { child, ready, out, err }
    }

    /// Where it listens: `listen` or `admin_listen`.
    pub(crate) fn address(&self, of: &str) -> &str {
        self.ready[of].as_str().expect("it said where it listens")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    pub(crate) fn admin(&self) -> HttpClient {
        HttpClient::new(&format!("http://{}", self.address("admin_listen"))).with_patience(PATIENCE)
    }

    pub(crate) async fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.id().to_string()]).status().await;
        assert!(sent.unwrap().success());
    }

    /// In order.
    pub(crate) async fn end(self) -> Ended {
        self.signal("TERM").await;
        self.ended().await
    }

    /// By itself.
    pub(crate) async fn ended(mut self) -> Ended {
        let status = timeout(ENDS_WITHIN, self.child.wait()).await.expect("it ends").unwrap();
        Ended { code: status.code(), out: self.out.await.unwrap(), err: self.err.await.unwrap() }
    }
}

impl Ended {
    /// All of it.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&[&*self.out, &*self.err].concat()).into_owned()
    }
}

/// A folder of a test's own, with files in it.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}
