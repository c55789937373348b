//! `casebook-edge check`: judges a configuration, shows what it means, and asks its nodes on demand.

use std::path::PathBuf;

use clap::Args;
use edge::check::{Finding, Listener, Verdict};
use edge::config::{Config, Pool, duration_text};
use edge::status::tier_word;

use super::columns::Columns;
use super::exit::{Exit, Failure};
use super::{one_thread, output};

/// Checks a configuration file, and with --probe its nodes and its Casebook server
///
/// Tells everything that is wrong with the file at once, with lines; or shows the pools and nodes that it means. With --probe
/// asks every node over HTTP how it is, and the Casebook server whether it would be told: exit code 4 says that a node is not
/// as the file has it, that a pool has no node that could serve, or that the server would not take what it is told. Nothing that is shown holds a key or more of an address than its host and port.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook-edge check /etc/casebook/edge.toml
  casebook-edge check --probe /etc/casebook/edge.toml")]
pub(crate) struct Check {
    /// The configuration, as TOML
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// Ask every node how it is, and the Casebook server whether it knows the key
    #[arg(long)]
    probe: bool,
}

impl Check {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let config =
            Config::read(&self.config).map_err(|errors| Failure::new(Exit::Usage, errors.to_string()))?;
        let findings = match self.probe {
            true => {
                let probed = one_thread()?.block_on(edge::check::probe(&config));
                Some(probed.map_err(|problem| Failure::new(Exit::Failed, problem))?)
            }
            false => None,
        };
        let listeners = match self.probe {
            true => {
                let probed = one_thread()?.block_on(edge::check::probe_casebook(&config));
                probed.map_err(|problem| Failure::new(Exit::Failed, problem))?
            }
            false => Vec::new(),
        };
        output::text(&(page(&config, findings.as_deref()) + &casebook(&listeners)))?;
        let is_told = listeners.iter().all(|listener| listener.verdict == Verdict::Ok);
        Ok(if is_told && findings.is_none_or(|findings| can_serve(&config, &findings)) {
            Exit::Ok
        } else {
            Exit::Failed
        })
    }
}

/// No node is against the file, and every pool has one that is well.
fn can_serve(config: &Config, findings: &[Finding]) -> bool {
    let of = |pool: &Pool, verdict| {
        findings.iter().any(|finding| finding.pool == pool.name && finding.verdict == verdict)
    };
    config.pools.iter().all(|pool| of(pool, Verdict::Ok) && !of(pool, Verdict::Fail))
}

fn page(config: &Config, findings: Option<&[Finding]>) -> String {
    let edge = &config.edge;
    let guarded = match config.keys.len() {
        0 => "no keys".to_owned(),
        1 => "1 key".to_owned(),
        count => format!("{count} keys"),
    };
    let tls = if edge.tls.is_some() { "TLS" } else { "no TLS" };
    let mut page = format!("listen {} ({tls}, {guarded}), admin {}\n", edge.listen, edge.admin_listen);
    for pool in &config.pools {
        let findings = findings.map(|all| all.iter().filter(|one| one.pool == pool.name).collect::<Vec<_>>());
        page.push_str(&format!("\n{}\n{}", heading(pool), nodes(pool, findings.as_deref())));
    }
    let notes = edge::check::notes(config);
    if !notes.is_empty() {
        page.push('\n');
        notes.iter().for_each(|note| page.push_str(&format!("note: {note}\n")));
    }
    page
}

/// What the Casebook server answers, where it was asked.
fn casebook(listeners: &[Listener]) -> String {
    if listeners.is_empty() {
        return String::new();
    }
    let mut columns = Columns::new("  ", &["CASEBOOK", "ADDRESS", "STATUS", "ANSWER"]);
    for listener in listeners {
        let (status, said) = (listener.verdict.word().to_owned(), listener.said.clone());
        columns.row(vec![listener.takes.to_owned(), listener.address.clone(), status, said]);
    }
    format!("\n{}", columns.render())
}

fn heading(pool: &Pool) -> String {
    let mut heading = format!("/{}  {}", pool.name, pool.kind().word());
    if let Some(chain_id) = pool.chain_id() {
        heading.push_str(&format!(", chain {chain_id}"));
    }
    if let Some(chain) = pool.chain() {
        heading.push_str(&format!(", a block every {}", duration_text(chain.block_time.as_millis() as u64)));
    }
    heading
}

fn nodes(pool: &Pool, findings: Option<&[&Finding]>) -> String {
    let mut titles = vec!["NODE", "TIER", "WEIGHT", "HTTP", "WEBSOCKET"];
    if findings.is_some() {
        titles.extend(["STATUS", "ANSWER"]);
    }
    let mut columns = Columns::new("  ", &titles);
    for node in &pool.nodes {
        let ws = node.ws.as_ref().map_or_else(|| "-".to_owned(), |ws| ws.url.to_string());
        let mut cells = vec![
            node.name.to_string(),
            tier_word(node.tier).to_owned(),
            node.weight.to_string(),
            node.http.url.to_string(),
            ws,
        ];
        let found = findings.and_then(|all| all.iter().find(|finding| finding.node == node.name));
        cells.extend(
            found.into_iter().flat_map(|found| [found.verdict.word().to_owned(), found.said.clone()]),
        );
        columns.row(cells);
    }
    columns.render()
}

#[cfg(test)]
mod tests;
