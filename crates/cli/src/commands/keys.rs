//! `casebook keys`: makes keys for a server's keys file, and says whom a key belongs to.

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::{CallerView, Scope};
use clap::{Args, Subcommand, ValueEnum};
use model::Nanos;
use server::NewKey;

use crate::client::Connection;
use crate::escape;
use crate::exit::{Exit, Failure};
use crate::output;

/// Makes a key for a server, or says who a key belongs to
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook keys new --scope write --name collector --add-to /etc/casebook/keys.toml > collector.key
  casebook keys new --scope read --name grafana --expires-in 90d --add-to keys.toml
  casebook keys who --server http://casebook:7420 --key-file collector.key")]
pub(crate) struct Keys {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    New(New),
    Who(Who),
}

/// Makes a key and prints it, this once
///
/// The key goes to standard output. What the server's keys file needs goes to that file, or to standard error.
#[derive(Debug, Args)]
struct New {
    /// What the key is for: write takes telemetry in, read reads, agent reads and acts on incidents, admin may everything
    #[arg(long, value_name = "SCOPE")]
    scope: ScopeWord,
    /// Who will have it, as the audit and the limits name them; several keys may have one name
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: String,
    /// For how long it is good, such as 90d; without it until it is taken out of the file
    #[arg(long, value_name = "DURATION", value_parser = runtime::config::value::duration)]
    expires_in: Option<Duration>,
    /// The keys file that gets it, made if there is none
    #[arg(long, value_name = "FILE")]
    add_to: Option<PathBuf>,
}

/// Asks the server who it takes the key's holder for
#[derive(Debug, Args)]
struct Who {
    #[command(flatten)]
    connection: Connection,
    /// Print the answer as the server gave it
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScopeWord {
    Write,
    Read,
    Agent,
    Admin,
}

fn name(text: &str) -> Result<String, String> {
    server::check_key_name(text).map(str::to_owned)
}

impl Keys {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.what {
            What::New(command) => command.run(),
            What::Who(command) => command.run(),
        }
    }
}

impl New {
    fn run(self) -> Result<Exit, Failure> {
        let scope = match self.scope {
            ScopeWord::Write => Scope::Write,
            ScopeWord::Read => Scope::Read,
            ScopeWord::Agent => Scope::Agent,
            ScopeWord::Admin => Scope::Admin,
        };
        let key = NewKey::generate(scope).map_err(|error| Failure::new(Exit::Server, error.to_string()))?;
        let expires = self.expires_in.map(expiry).transpose()?;
        let entry = key.file_entry(&self.name, expires.as_deref());
        match &self.add_to {
            Some(path) => add(path, &entry).map_err(|error| {
                Failure::new(Exit::Usage, format!("--add-to {}: {error}; no key was made", path.display()))
            })?,
            // Nobody reading it is no reason to fail: the key can be thrown away.
            None => drop(write!(std::io::stderr(), "{entry}")),
        }
        output::text(&format!("{}\n", key.reveal()))
    }
}

fn expiry(within: Duration) -> Result<String, Failure> {
    let within_ns = u64::try_from(within.as_nanos()).ok();
    let at = within_ns.and_then(|within_ns| server::now().0.checked_add(within_ns));
    let at = at.ok_or_else(|| Failure::new(Exit::Usage, "--expires-in is too long"))?;
    Ok(Nanos(at).to_rfc3339())
}

/// Appended in one write, so that a server that reads at this moment sees all of it or nothing.
fn add(path: &Path, entry: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let mut before = [b'\n'];
    if file.seek(SeekFrom::End(-1)).is_ok() {
        file.read_exact(&mut before)?;
    }
    let is_new = file.metadata()?.len() == 0;
    let gap = match (is_new, before) {
        (true, _) => "",
        (false, [b'\n']) => "\n",
        (false, _) => "\n\n",
    };
    file.write_all(format!("{gap}{entry}").as_bytes())?;
    file.sync_all()
}

impl Who {
    fn run(self) -> Result<Exit, Failure> {
        let (text, caller): (String, CallerView) = self.connection.get_json(&["v1", "caller"], &[])?;
        if self.json {
            return output::text(&text);
        }
        let name = escape::line(&caller.name).into_owned();
        let until = caller.expires.map(|at| format!(", until {}", escape::line(&at))).unwrap_or_default();
        let address = escape::line(&caller.address).into_owned();
        output::text(&format!("{name}, scope {}, from {address}{until}\n", caller.scope))
    }
}
