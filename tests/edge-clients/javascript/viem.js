// Follows a chain with viem, as an application would: heads by the transport's own subscription, blocks by watchBlocks, logs
// by watchEvent. It must not know that a proxy is between.

import { createPublicClient, parseAbiItem, webSocket } from "viem";

import { filter, follow, keepCalling, record, url } from "./told.js";

const events = [
  parseAbiItem("event Transfer(address indexed, address indexed, uint256)"),
  parseAbiItem("event Approval(address indexed, address indexed, uint256)"),
];
const broken = (what) => (error) => record.broken.push(`${what}: ${error?.message ?? error}`);

// Nothing is tried again and nothing is connected anew: what fails has to be seen.
const transport = webSocket(url, { reconnect: false, retryCount: 0, keepAlive: { interval: 1_000 } });
const client = createPublicClient({ transport });
const rpc = await client.transport.getRpcClient();
rpc.socket.addEventListener("close", ({ code, reason }) => broken("the socket was closed")(`${code} ${reason}`));
rpc.socket.addEventListener("error", broken("the socket failed"));

const { subscriptionId } = await client.transport.subscribe({
  params: ["newHeads"],
  onData({ subscription, result }) {
    if (subscription !== subscriptionId) broken("a head of another subscription")(subscription);
    record.heads.push({ number: Number(result.number), hash: result.hash, parent: result.parentHash });
  },
  onError: broken("newHeads"),
});
client.watchBlocks({
  poll: false,
  onBlock: (block) => (block ? record.blocks.push(Number(block.number)) : broken("a block that was announced")("is missing")),
  onError: broken("watchBlocks"),
});
client.watchEvent({
  address: filter.addresses,
  events,
  poll: false,
  onLogs: (logs) =>
    logs.forEach(({ blockHash, logIndex, address, topics, removed }) =>
      record.logs.push({ block: blockHash, index: logIndex, address, topics, removed }),
    ),
  onError: broken("watchEvent"),
});
while (rpc.subscriptions.size < 3) await new Promise((resolve) => setTimeout(resolve, 10));

keepCalling(() => client.getBlock({ blockTag: "latest" }));
follow((last) => record.heads.at(-1)?.number >= last && record.blocks.length >= record.heads.length);
