//! The programs that are measured: the edge, nginx and HAProxy, each before the same two nodes and set up to keep its
//! connections. None of them is eased or burdened.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::{sleep, timeout};

use super::calls::{Calls, Target};
use super::node::{CHAIN_ID, Nodes};
use crate::child::{Child, free_address};
use crate::connection::get;

const READY_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The path of the pool, and of everything at the others.
const PATH: &str = "/main";
/// nginx has to be told which requests may become WebSockets.
const NGINX_SOCKETS: &str = "/socket";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Program {
    Edge,
    Nginx,
    Haproxy,
}

/// Where the programs are.
#[derive(Debug, Clone)]
pub(crate) struct Installed {
    pub(crate) edge: PathBuf,
    pub(crate) nginx: PathBuf,
    pub(crate) haproxy: PathBuf,
}

#[derive(Debug)]
pub(super) struct Running {
    program: Program,
    child: Child,
    address: SocketAddr,
}

#[derive(Debug, Deserialize)]
struct Ready {
    listen: SocketAddr,
    admin_listen: SocketAddr,
}

impl Program {
    pub(super) const ALL: [Self; 3] = [Self::Edge, Self::Nginx, Self::Haproxy];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Edge => "casebook-edge",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
        }
    }

    pub(super) async fn start(
        self,
        installed: &Installed,
        scratch: &Path,
        nodes: &Nodes,
    ) -> anyhow::Result<Running> {
        match self {
            Self::Edge => edge(&installed.edge, scratch, nodes, Duration::from_secs(1)).await,
            Self::Nginx => nginx(&installed.nginx, scratch, nodes).await,
            Self::Haproxy => haproxy(&installed.haproxy, scratch, nodes).await,
        }
    }
}

impl Installed {
    /// As the programs of others say it.
    pub(super) fn versions(&self) -> anyhow::Result<String> {
        let said = |program: &Path| {
            let output = Command::new(program).arg("-v").output();
            let output = output.with_context(|| {
                format!("{} does not start; install it (Debian: nginx-light, haproxy)", program.display())
            })?;
            let text = [output.stdout, output.stderr].concat();
            anyhow::Ok(String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned())
        };
        Ok(format!("{}; {}", said(&self.nginx)?, said(&self.haproxy)?))
    }
}

impl Running {
    pub(super) fn pid(&self) -> u32 {
        self.child.pid
    }

    pub(super) fn target(&self, calls: Calls) -> Target {
        let path = match (self.program, calls) {
            (Program::Nginx, calls) if calls.is_socket() => NGINX_SOCKETS,
            _ => PATH,
        };
        Target { address: self.address, path }
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        match self.program {
            Program::Edge | Program::Nginx => self.child.stop().await,
            // It ends with the status of its signal.
            Program::Haproxy => self.child.kill().await,
        }
    }
}

/// As it is by default; only the time between blocks is said, which this chain has of its own.
pub(super) async fn edge(
    program: &Path,
    scratch: &Path,
    nodes: &Nodes,
    block_time: Duration,
) -> anyhow::Result<Running> {
    let mut config = format!(
        "[edge]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\nlog = \"warn\"\n\n[pools.main]\n\
         kind = \"execution\"\nchain_id = {CHAIN_ID}\nblock_time = \"{}ms\"\nstall_after = \"5s\"\n",
        block_time.as_millis()
    );
    for (at, node) in nodes.addresses.iter().enumerate() {
        config += &format!(
            "\n[[pools.main.nodes]]\nname = \"node-{at}\"\nhttp_url = \"http://{node}\"\nws_url = \"ws://{node}\"\n"
        );
    }
    let mut child = Child::start(program, scratch, |command, directory| {
        let file = directory.join("edge.toml");
        fs::write(&file, config)?;
        command.arg("serve").arg(file);
        Ok(())
    })?;
    let mut lines = BufReader::new(child.output()?).lines();
    let line = timeout(READY_WITHIN, lines.next_line()).await.context("the edge does not get ready")??;
    let Some(line) = line else { bail!("the edge ended before it was ready: {}", child.log()) };
    let ready: Ready = serde_json::from_str(&line).context("the ready line is not understood")?;
    let wait = async {
        while get(ready.admin_listen, "/readyz").await.is_err() {
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(READY_WITHIN, wait).await.context("the edge finds no node that can serve")?;
    Ok(Running { program: Program::Edge, child, address: ready.listen })
}

/// One process, connections kept on both sides, buffers that hold a large answer.
async fn nginx(program: &Path, scratch: &Path, nodes: &Nodes) -> anyhow::Result<Running> {
    let address = free_address()?;
    let servers: String = nodes.addresses.iter().map(|node| format!("server {node}; ")).collect();
    let mut child = Child::start(program, scratch, |command, directory| {
        let file = directory.join("nginx.conf");
        let at = directory.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("  {name}_temp_path {at}/{name};\n"))
            .concat();
        let config = format!(
            "daemon off;\nmaster_process off;\nuser root;\npid {at}/pid;\nerror_log stderr warn;\n\
             worker_processes 1;\nevents {{ worker_connections 4096; }}\nhttp {{\n  access_log off;\n{temporary}  \
             keepalive_requests 1000000000;\n  proxy_http_version 1.1;\n  proxy_buffers 16 16k;\n  \
             proxy_busy_buffers_size 64k;\n  upstream nodes {{ {servers}keepalive 64; \
             keepalive_requests 1000000000; }}\n  server {{\n    listen {address};\n    location / {{ \
             proxy_pass http://nodes; proxy_set_header Connection \"\"; }}\n    location {NGINX_SOCKETS} {{ \
             proxy_pass http://nodes; proxy_read_timeout 1h; proxy_set_header Upgrade $http_upgrade; \
             proxy_set_header Connection upgrade; }}\n  }}\n}}\n"
        );
        fs::write(&file, config)?;
        command.arg("-p").arg(directory).arg("-e").arg("stderr").arg("-c").arg(file);
        Ok(())
    })?;
    child.listens(&[address]).await?;
    Ok(Running { program: Program::Nginx, child, address })
}

/// One thread, connections to the nodes shared by all clients.
async fn haproxy(program: &Path, scratch: &Path, nodes: &Nodes) -> anyhow::Result<Running> {
    let address = free_address()?;
    let servers: String =
        nodes.addresses.iter().zip(0..).map(|(node, at)| format!("  server node-{at} {node}\n")).collect();
    let mut child = Child::start(program, scratch, |command, directory| {
        let file = directory.join("haproxy.cfg");
        let config = format!(
            "global\n  nbthread 1\n  maxconn 8000\n\ndefaults\n  mode http\n  http-reuse always\n  \
             timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n  timeout tunnel 1h\n\n\
             frontend clients\n  bind {address}\n  default_backend nodes\n\nbackend nodes\n  \
             balance roundrobin\n{servers}"
        );
        fs::write(&file, config)?;
        command.arg("-db").arg("-f").arg(file);
        Ok(())
    })?;
    child.listens(&[address]).await?;
    Ok(Running { program: Program::Haproxy, child, address })
}
