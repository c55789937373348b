//! Starts the command of a guard and reads what it says, within its time and its bound. It reads no meaning into it.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use register::guard::command::{Command, Ended, OUTPUT_BYTES_MAX};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::time::{Instant, timeout, timeout_at};

const STDERR_BYTES_MAX: u64 = 64 * 1024;
/// A child that was killed is waited for as long.
const AFTER_KILL: Duration = Duration::from_secs(2);

/// How a command ended and what it said.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) ended: Ended,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// Runs the command in `tree`; a program of the project is that of `root`, whatever tree it looks at.
pub(super) fn run(command: &Command, root: &Path, tree: &Path) -> Finished {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(finished(command, root, tree)),
        Err(error) => Finished::not_started(error.to_string()),
    }
}

async fn finished(command: &Command, root: &Path, tree: &Path) -> Finished {
    let Some((program, arguments)) = command.words.split_first() else {
        return Finished::not_started("it has no program".to_owned());
    };
    let program = if program.contains('/') { root.join(program) } else { program.into() };
    let started = tokio::process::Command::new(program)
        .args(arguments)
        .current_dir(tree)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    match started {
        Ok(child) => watched(child, Duration::from_secs(command.seconds_max)).await,
        Err(error) => Finished::not_started(error.to_string()),
    }
}

async fn watched(mut child: Child, time_max: Duration) -> Finished {
    let deadline = Instant::now() + time_max;
    let group = child.id();
    let stdout = child.stdout.take();
    let stderr = tokio::spawn(last_words(child.stderr.take()));
    let said = timeout_at(deadline, said(stdout)).await;
    let (ended, stdout) = match said {
        Err(_) => (Ended::Late, Vec::new()),
        Ok(stdout) if stdout.len() > OUTPUT_BYTES_MAX => (Ended::Loud, Vec::new()),
        Ok(stdout) => match timeout_at(deadline, child.wait()).await {
            Err(_) => (Ended::Late, Vec::new()),
            Ok(Ok(status)) => (ended(status), stdout),
            Ok(Err(error)) => (Ended::NotStarted(error.to_string()), Vec::new()),
        },
    };
    if matches!(ended, Ended::Late | Ended::Loud) {
        // The whole group: what a script started would go on without it.
        let group = group.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let _ = group.map(|group| kill_process_group(group, Signal::KILL));
        let _ = timeout(AFTER_KILL, child.wait()).await;
    }
    let stderr = timeout(AFTER_KILL, stderr).await.ok().and_then(Result::ok).unwrap_or_default();
    Finished { ended, stdout, stderr }
}

fn ended(status: ExitStatus) -> Ended {
    status.code().map_or(Ended::Signal, Ended::Exit)
}

/// All of it, or a byte more than is taken.
async fn said(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // What was said before an error counts; how it ended says the rest.
        let _ = from.take(OUTPUT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).await;
    }
    bytes
}

/// The beginning; the rest is read and forgotten, so that nobody waits for a reader.
async fn last_words(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        let _ = (&mut from).take(STDERR_BYTES_MAX).read_to_end(&mut bytes).await;
        let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    }
    bytes
}

impl Finished {
    fn not_started(why: String) -> Self {
        Self { ended: Ended::NotStarted(why), stdout: Vec::new(), stderr: Vec::new() }
    }
}
