//! Runs `casebook serve` so that it dies with the demo whatever happens to the demo: a small process asks the
//! kernel for a signal at its parent's death and then becomes the server, which keeps that promise.

use std::process::Command;

use anyhow::Context as _;

/// In the place of a service's name.
pub(crate) const WORD: &str = "server";

/// Turns this process into `casebook` with these arguments; returns only if that fails.
pub(crate) fn become_guarded(arguments: &[String]) -> anyhow::Result<()> {
    die_with_parent()?;
    let program = std::env::current_exe().context("this program has no path")?;
    let mut command = Command::new(&program);
    command.args(arguments);
    replace(command).with_context(|| format!("{} does not start", program.display()))
}

#[cfg(target_os = "linux")]
fn die_with_parent() -> anyhow::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    let parent = getppid();
    set_parent_process_death_signal(Some(Signal::TERM)).context("no signal at the parent's death")?;
    // Had the demo died before the line above, no signal would ever come.
    anyhow::ensure!(getppid() == parent, "the demo is gone");
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent() -> anyhow::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn replace(mut command: Command) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec())
}

#[cfg(not(unix))]
fn replace(mut command: Command) -> std::io::Result<()> {
    command.status().map(drop)
}
