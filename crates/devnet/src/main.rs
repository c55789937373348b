//! The binary `casebook-devnet`: arguments in, a devnet that runs until it is told to end. It must never know what a node
//! answers.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use devnet::network::Plan;
use devnet::node::{HeadStyle, IdScheme, NodePlan};
use devnet::served::{Devnet, Ports, Setup};
use tokio::signal::unix::{SignalKind, signal};

const EXAMPLES: &str = "\
Examples:
  Two nodes, a block every second, ports that are free:
    casebook-devnet

  Three nodes on fixed ports, the third 200 ms late, with the admin API:
    casebook-devnet --nodes 3 --ports 8545 --lag 0ms,0ms,200ms --admin 127.0.0.1:8500

  Kill the first node, look around, and start it again:
    curl -X POST 127.0.0.1:8500/nodes/0/fault -d '{\"fault\": \"kill\"}'
    curl 127.0.0.1:8500/status
    curl -X POST 127.0.0.1:8500/nodes/0/start

  Three calls that take half a second longer, then a reorganisation of two blocks:
    curl -X POST 127.0.0.1:8500/nodes/0/fault \\
         -d '{\"fault\": \"slow\", \"ms\": 500, \"methods\": [\"eth_call\"], \"requests\": 3}'
    curl -X POST 127.0.0.1:8500/fork -d '{\"depth\": 2, \"length\": 3}'

When everything listens, one line of JSON with all URLs is printed. SIGINT and SIGTERM end it in order.";

/// A local test network of made-up Ethereum nodes, with switches for everything that can go wrong with one.
#[derive(Debug, Parser)]
#[command(name = "casebook-devnet", version, after_help = EXAMPLES)]
struct Arguments {
    /// How many nodes there are; each has an execution and a consensus face.
    #[arg(long, default_value_t = 2, value_name = "COUNT")]
    nodes: usize,
    /// Between blocks: 12s, 250ms. 0 mines only when the admin API is told to.
    #[arg(long, default_value = "1s", value_name = "TIME", value_parser = duration)]
    block_time: Duration,
    /// The same seed gives the same blocks.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value_t = 1_337, value_name = "ID")]
    chain_id: u64,
    /// Blocks that are there from the beginning.
    #[arg(long, default_value_t = 10, value_name = "COUNT")]
    blocks: u64,
    /// Every so many blocks a slot stays empty; 0: none does.
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    missed_slot_every: u64,
    /// How late each node is, in their order; nodes without one are not.
    #[arg(long, value_delimiter = ',', value_name = "TIMES", value_parser = duration)]
    lag: Vec<Duration>,
    /// How long after a head each node has its data, in their order; nodes without one have it at once.
    #[arg(long, value_delimiter = ',', value_name = "TIMES", value_parser = duration)]
    data_lag: Vec<Duration>,
    /// Nodes name subscriptions 0x1, 0x2, ... instead of at random.
    #[arg(long)]
    counter_ids: bool,
    /// Nodes that move by several blocks announce only the newest.
    #[arg(long)]
    newest_only: bool,
    /// Where nodes listen.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "ADDRESS")]
    host: IpAddr,
    /// The port of the first node's JSON-RPC; its Beacon API and the others follow. 0: any that are free.
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    ports: u16,
    /// Where the admin API listens; it has no keys, so keep it on loopback.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    admin: SocketAddr,
}

fn main() -> anyhow::Result<()> {
    let setup = setup(&Arguments::parse())?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(run(setup))
}

async fn run(setup: Setup) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let devnet = Devnet::start(setup).await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", devnet.ready_line()).and_then(|()| out.flush()).context("printing the ready line")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    devnet.stop().await;
    Ok(())
}

fn setup(arguments: &Arguments) -> anyhow::Result<Setup> {
    for (flag, given) in [("--lag", arguments.lag.len()), ("--data-lag", arguments.data_lag.len())] {
        ensure!(given <= arguments.nodes, "{flag} names {given} nodes, and there are {}", arguments.nodes);
    }
    let ms = |times: &[Duration], at: usize| times.get(at).map_or(0, |time| whole_ms(*time));
    let node = |at| NodePlan {
        ids: if arguments.counter_ids { IdScheme::Counter } else { IdScheme::Random },
        heads: if arguments.newest_only { HeadStyle::Newest } else { HeadStyle::Every },
        lag_ms: ms(&arguments.lag, at),
        data_lag_ms: ms(&arguments.data_lag, at),
        ..NodePlan::default()
    };
    let block_ms = whole_ms(arguments.block_time);
    let plan = Plan {
        seed: arguments.seed,
        chain_id: arguments.chain_id,
        block_ms: if block_ms == 0 { Plan::default().block_ms } else { block_ms },
        blocks_at_start: arguments.blocks,
        missed_slot_every: arguments.missed_slot_every,
        nodes: (0..arguments.nodes).map(node).collect(),
        ..Plan::default()
    };
    let ports = ports(arguments.ports, arguments.nodes)?;
    Ok(Setup { plan, host: arguments.host, ports, admin: Some(arguments.admin), mines: block_ms > 0 })
}

fn ports(first: u16, nodes: usize) -> anyhow::Result<Vec<Ports>> {
    if first == 0 {
        return Ok(Vec::new());
    }
    let port =
        |at: usize| u16::try_from(usize::from(first) + at).with_context(|| format!("no port {first} + {at}"));
    (0..nodes).map(|node| Ok(Ports { execution: port(node * 2)?, consensus: port(node * 2 + 1)? })).collect()
}

fn duration(text: &str) -> anyhow::Result<Duration> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let number: u64 = digits.parse().context("expected a number and a unit, such as 250ms or 12s")?;
    match &text[digits.len()..] {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "" if number == 0 => Ok(Duration::ZERO),
        unit => bail!("`{unit}` is no unit: ms or s"),
    }
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
