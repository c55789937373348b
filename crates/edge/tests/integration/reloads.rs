//! What a new configuration changes of what is open: streams of nodes.

use devnet::client::HttpClient;

use crate::process::{Process, Said};
use crate::service::Service;
use crate::stage::{metric, until};

const TWO: [Said; 2] = [("a", 0, "primary"), ("b", 1, "backup")];

#[tokio::test]
async fn the_time_that_a_node_has_counts_for_its_event_stream_as_well() {
    let process = Process::start(2, &TWO, "").await;
    let service = Service::start("slow").await;
    let beacon = |seconds: u32| {
        format!(
            "[pools.beacon]\nkind = \"consensus\"\nchain_id = 1\nattempt_timeout = \"{seconds}s\"\n\
             [[pools.beacon.nodes]]\nname = \"slow\"\nhttp_url = \"{}\"\n",
            service.url
        )
    };
    process.reload(&TWO, "", "", &beacon(1)).await;
    until("it is dialled", async || service.seen("GET /eth/v1/events").len() > 1).await;
    let admin: HttpClient = process.admin();
    let streams = async || metric(&admin, "casebook_edge_node_streams", &["pool=\"beacon\""]).await;
    assert_eq!(streams().await, 0.0);
    process.reload(&TWO, "", "", &beacon(10)).await;
    until("it is followed", async || streams().await == 1.0).await;
}
