//! `bench edge`: what the failover proxy costs beside nginx and HAProxy, before the same nodes and under the same clients,
//! and what only it does: notifications and idle followers. Each program has the one core, clients and nodes the other.

mod calls;
mod floor;
mod followers;
mod heat;
mod node;
mod programs;
mod standing;
mod targets;
mod wire;

pub(crate) use calls::Calls;
pub(crate) use heat::Plan;
pub(crate) use programs::Installed;
pub(crate) use standing::Standing;

use crate::cell::Bed;
use crate::machine::Machine;
use node::Nodes;

/// What is measured of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    Post,
    PostComputed,
    PostLarge,
    Socket,
    SocketOne,
    FanOut,
    Idle,
}

pub(crate) async fn measure(
    bed: &Bed,
    installed: &Installed,
    (parts, plan): (&[Part], Plan),
    machine: Machine,
) -> anyhow::Result<Standing> {
    let peers = installed.versions()?;
    let nodes = Nodes::start().await?;
    let is_wanted = |part| parts.is_empty() || parts.contains(&part);
    let mut heats = Vec::new();
    for (part, calls) in [
        (Part::Post, Calls::Post),
        (Part::PostComputed, Calls::PostComputed),
        (Part::PostLarge, Calls::PostLarge),
        (Part::Socket, Calls::Socket),
        (Part::SocketOne, Calls::SocketOne),
    ] {
        if is_wanted(part) {
            let heat = tokio::select! {
                heat = heat::measure(bed, installed, &nodes, calls, &plan) => heat?,
                never = nodes.mine_steadily() => match never {},
            };
            standing::heat(&heat);
            heats.push(heat);
        }
    }
    let mut fan_out = Vec::new();
    if is_wanted(Part::FanOut) {
        fan_out = followers::fan_out(bed, installed, &nodes, &plan).await?;
        standing::fan_out(&fan_out);
    }
    let mut idle = None;
    if is_wanted(Part::Idle) {
        let found = followers::idle(bed, installed, &nodes, &plan).await?;
        standing::idle(&found);
        idle = Some(found);
    }
    let targets = targets::all(&heats, &fan_out, idle.as_ref());
    standing::targets(&targets);
    let casebook_version = env!("CARGO_PKG_VERSION").to_owned();
    Ok(Standing { casebook_version, peers, machine, plan, heats, fan_out, idle, targets })
}
