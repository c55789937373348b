//! A process of the shop as the demo holds it: started, commanded over its standard input, ended with it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command as Process};

use crate::protocol::{Command, Message, ServiceConfig};

const ANSWER_WITHIN: Duration = Duration::from_secs(15);
const END_WITHIN: Duration = Duration::from_secs(5);

/// Killed when dropped; asked to end when `end` is called.
#[derive(Debug)]
pub(crate) struct ServiceProcess {
    name: String,
    process: Child,
    commands: ChildStdin,
    messages: Lines<BufReader<ChildStdout>>,
    pub(crate) port: u16,
}

/// A command line of this same program, out of reach of the terminal's Ctrl-C and of stray settings.
pub(crate) fn same_program(log: &Path) -> anyhow::Result<Process> {
    let program = std::env::current_exe().context("this program has no path")?;
    let log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut process = Process::new(program);
    process.kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    #[cfg(unix)]
    process.process_group(0);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("OTEL_") || text.starts_with("CASEBOOK_") {
            process.env_remove(&name);
        }
    }
    Ok(process)
}

impl ServiceProcess {
    pub(crate) async fn start(config: &ServiceConfig, logs: &Path) -> anyhow::Result<Self> {
        let log: PathBuf = logs.join(format!("{}.log", config.instance));
        let mut process = same_program(&log)?
            .args(["demo-service", config.role.as_str()])
            .arg(serde_json::to_string(config)?)
            .spawn()
            .with_context(|| format!("{} does not start", config.instance))?;
        let commands = process.stdin.take().context("a child without an input")?;
        let output = process.stdout.take().context("a child without an output")?;
        let messages = BufReader::new(output).lines();
        let mut child = Self { name: config.instance.clone(), process, commands, messages, port: 0 };
        child.port = match child.message().await {
            Ok(Message::Ready { port }) => port,
            Ok(other) => bail!("{} said {other:?} instead of its port", child.name),
            Err(error) => bail!("{error:#}; {}", tail(&log)),
        };
        Ok(child)
    }

    /// Gives a command and waits until it is carried out.
    pub(crate) async fn command(&mut self, command: &Command) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(command)?;
        line.push(b'\n');
        self.commands.write_all(&line).await.with_context(|| format!("{} is gone", self.name))?;
        match self.message().await? {
            Message::Done => Ok(()),
            other => bail!("{} answered {command:?} with {other:?}", self.name),
        }
    }

    /// Ends it in good order: it exports its last spans first.
    pub(crate) async fn end(mut self) {
        drop(self.commands);
        if tokio::time::timeout(END_WITHIN, self.process.wait()).await.is_err() {
            let _ = self.process.kill().await;
        }
    }

    /// Ends it as a power failure would.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.process.kill().await.with_context(|| format!("{} cannot be killed", self.name))
    }

    async fn message(&mut self) -> anyhow::Result<Message> {
        let line = tokio::time::timeout(ANSWER_WITHIN, self.messages.next_line()).await;
        let line = line.with_context(|| format!("{} does not answer", self.name))??;
        let line = line.with_context(|| format!("{} ended", self.name))?;
        serde_json::from_str(&line).with_context(|| format!("{} said {line:?}", self.name))
    }
}

/// The end of a log, to say why a process is gone.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().rev().take(10).collect();
    match lines.is_empty() {
        true => "it wrote nothing on standard error".to_owned(),
        false => format!("its last words:\n{}", lines.into_iter().rev().collect::<Vec<_>>().join("\n")),
    }
}
