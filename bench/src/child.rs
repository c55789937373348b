//! A program that is measured: a child process on a scratch directory of its own, and an orderly end for both. It
//! must never know what the program does.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child as Process, ChildStdout, Command};
use tokio::time::{sleep, timeout};

const READY_WITHIN: Duration = Duration::from_secs(60);
const END_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Killed when dropped; its directory goes with it.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    pub(crate) pid: u32,
    directory: TempDir,
    name: String,
}

impl Child {
    /// `arguments` gets the directory that the program may write to.
    pub(crate) fn start(
        program: &Path,
        scratch: &Path,
        arguments: impl FnOnce(&mut Command, &Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir_in(scratch).context("the scratch directory cannot be written")?;
        let mut command = Command::new(program);
        arguments(&mut command, directory.path())?;
        command.kill_on_drop(true).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(File::create(directory.path().join("log"))?);
        let process = command
            .spawn()
            .with_context(|| format!("{} does not start; build it first", program.display()))?;
        let pid = process.id().context("a child without an id")?;
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { process, pid, directory, name })
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn output(&mut self) -> anyhow::Result<ChildStdout> {
        self.process.stdout.take().context("a child without an output")
    }

    /// What it wrote on standard error.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// For programs that do not say when they are ready: until all these addresses take connections.
    pub(crate) async fn listens(&mut self, addresses: &[SocketAddr]) -> anyhow::Result<()> {
        let wait = async {
            for address in addresses {
                while TcpStream::connect(address).await.is_err() {
                    if let Some(status) = self.process.try_wait()? {
                        bail!("{} ended with {status}: {}", self.name, self.log());
                    }
                    sleep(LOOK_EVERY).await;
                }
            }
            Ok(())
        };
        timeout(READY_WITHIN, wait).await.map_err(|_| anyhow::anyhow!("a program does not get ready"))?
    }

    /// Asks it to end and waits. Its directory stays.
    pub(crate) async fn end(&mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("an impossible process id")?;
        kill_process(pid, Signal::TERM)?;
        let ended = timeout(END_WITHIN, self.process.wait()).await;
        let status = ended.with_context(|| format!("{} does not end", self.name))??;
        ensure!(status.success(), "{} ended with {status}: {}", self.name, self.log());
        Ok(())
    }

    /// Ends it without a word.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.process.kill().await?;
        self.directory.close().context("the scratch directory cannot be removed")
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.end().await?;
        self.directory.close().context("the scratch directory cannot be removed")
    }
}

/// For programs that cannot choose a port themselves. It is free now, and nobody else here takes ports by number.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?)
}

/// The sum of a metric over all its labels; a metric without a line has not counted yet.
pub(crate) fn metric(page: &str, name: &str) -> u64 {
    let lines = page.lines().filter_map(|line| line.strip_prefix(name));
    let values = lines.filter(|rest| rest.starts_with([' ', '{'])).filter_map(|rest| rest.rsplit(' ').next());
    values.filter_map(|value| value.parse::<f64>().ok()).sum::<f64>() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels_and_no_other_counts() {
        let page = "# HELP a_b x\na_b{x=\"1\"} 3\na_b{x=\"2\"} 4\na_bc 100\na_b_sum 9\n# EOF\n";
        assert_eq!((metric(page, "a_b"), metric(page, "a_bc"), metric(page, "a")), (7, 100, 0));
    }

    #[tokio::test]
    async fn a_program_that_ends_at_once_is_no_program_that_listens() {
        let scratch = tempfile::tempdir().unwrap();
        let mut child = Child::start(Path::new("false"), scratch.path(), |_, _| Ok(())).unwrap();
        let error = child.listens(&[free_address().unwrap()]).await.unwrap_err();
        assert!(error.to_string().contains("false ended with"), "{error}");
    }
}
