//! The machine and its processes, from `/proc`: who used how much processor time and memory, on which core.
//! Knows nothing of what is measured.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rustix::time::ClockId;
use serde::Serialize;

/// What the figures were measured on. No names of hosts or paths.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    /// Runnable processes over the minute before the start: more than a few tenths, and somebody else was at work.
    pub(crate) load_before: f64,
    /// Median of writing and syncing 64 KiB in the scratch directory.
    pub(crate) sync_ms: f64,
}

/// Processor time since a process began.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ProcessorTime {
    pub(crate) user_s: f64,
    pub(crate) system_s: f64,
}

impl Machine {
    pub(crate) fn look(scratch: &Path) -> anyhow::Result<Self> {
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
        };
        let memory = field(&read("/proc/meminfo")?, "MemTotal").unwrap_or_default();
        let memory_kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
        let load = read("/proc/loadavg")?;
        Ok(Self {
            processor: field(&read("/proc/cpuinfo")?, "model name").unwrap_or_default(),
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: (memory_kib + (1 << 19)) >> 20,
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            load_before: load.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0),
            sync_ms: sync_time(scratch)?.as_secs_f64() * 1e3,
        })
    }
}

/// How fast the disk promises: it bounds what small batches can reach.
fn sync_time(scratch: &Path) -> anyhow::Result<Duration> {
    let mut file = tempfile::tempfile_in(scratch).context("the scratch directory cannot be written")?;
    let mut times = Vec::new();
    for _ in 0..21 {
        let begun = Instant::now();
        file.write_all(&[0x55; 64 * 1024])?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    file.rewind()?;
    ensure!(file.read(&mut [0])? == 1, "what was written is not there");
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

impl ProcessorTime {
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        Self::from_stat(&read(&format!("/proc/{pid}/stat"))?)
    }

    pub(crate) fn own() -> anyhow::Result<Self> {
        Self::from_stat(&read("/proc/self/stat")?)
    }

    pub(crate) fn of_this_thread() -> anyhow::Result<Self> {
        Self::from_stat(&read("/proc/thread-self/stat")?)
    }

    pub(crate) fn total_s(self) -> f64 {
        self.user_s + self.system_s
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { user_s: self.user_s - earlier.user_s, system_s: self.system_s - earlier.system_s }
    }

    fn from_stat(stat: &str) -> anyhow::Result<Self> {
        // The name stands in parentheses and may hold anything; what follows is counted from behind it.
        let (_, fields) = stat.rsplit_once(')').context("an unknown form of stat")?;
        let field = |at: usize| -> anyhow::Result<f64> {
            Ok(fields.split_ascii_whitespace().nth(at).context("a short stat")?.parse()?)
        };
        let ticks_per_s = rustix::param::clock_ticks_per_second() as f64;
        Ok(Self { user_s: field(11)? / ticks_per_s, system_s: field(12)? / ticks_per_s })
    }
}

/// Processor seconds of each thread, added up by name. Threads that ended are in the process's sum only.
pub(crate) fn threads(pid: u32) -> anyhow::Result<BTreeMap<String, f64>> {
    let mut threads = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        // It may end between being listed and being read.
        let Ok(stat) = fs::read_to_string(entry?.path().join("stat")) else { continue };
        let Some((name, _)) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')) else {
            continue;
        };
        *threads.entry(name.to_owned()).or_default() += ProcessorTime::from_stat(&stat)?.total_s();
    }
    Ok(threads)
}

pub(crate) fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let status = read(&format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().context("VmRSS is no number")?;
    Ok(kib * 1024)
}

/// Processor seconds that all processes of the machine have used, and what the host took from it.
pub(crate) fn busy_s() -> anyhow::Result<f64> {
    let stat = read("/proc/stat")?;
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu ")).context("an unknown form of stat")?;
    let ticks: Vec<f64> = line.split_ascii_whitespace().filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
    let busy: f64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|at| ticks.get(*at)).sum();
    Ok(busy / rustix::param::clock_ticks_per_second() as f64)
}

/// Processor time of this thread, in nanoseconds.
pub(crate) fn thread_time_ns() -> u64 {
    let time = rustix::time::clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * model::SECOND_NS + time.tv_nsec as u64
}

/// Binds this thread, and what it starts from now on, to one core.
#[cfg(target_os = "linux")]
pub(crate) fn pin(core: usize) -> anyhow::Result<()> {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    rustix::thread::sched_setaffinity(None, &cores).with_context(|| format!("core {core} is not to be had"))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn pin(_core: usize) -> anyhow::Result<()> {
    anyhow::bail!("only Linux is known to bind a process to a core and to tell its processor time")
}

fn read(path: &str) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{path} cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_may_be_called_anything() {
        let stat = "12 (a) b (c) S 1 1 1 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 100";
        let time = ProcessorTime::from_stat(stat).unwrap();
        let ticks_per_s = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!((time.user_s * ticks_per_s, time.system_s * ticks_per_s), (250.0, 50.0));
    }

    #[test]
    fn own_threads_and_memory_are_found() {
        let pid = std::process::id();
        assert!(!threads(pid).unwrap().is_empty());
        assert!(resident_bytes(pid).unwrap() > 100_000);
    }
}
