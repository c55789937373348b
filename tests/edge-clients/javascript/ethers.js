// Follows a chain with ethers, as an application would: "block" for heads, of which ethers tells the number alone, a filter
// for logs, and "drop-log" for the ones that are taken back. It must not know that a proxy is between.

import { Log, WebSocketProvider } from "ethers";

import { filter, follow, keepCalling, record, url } from "./told.js";

let subscriptions = 0;
class Provider extends WebSocketProvider {
  // The library's own hook: a subscription has got its id.
  _register(id, subscriber) {
    subscriptions += 1;
    super._register(id, subscriber);
  }
}

const broken = (what) => (error) => record.broken.push(`${what}: ${error?.message ?? error}`);
const provider = new Provider(url, undefined, { staticNetwork: true });
provider.on("error", broken("the provider's error"));
provider.websocket.onclose = ({ code, reason }) => broken("the socket was closed")(`${code} ${reason}`);
provider.websocket.onerror = broken("the socket failed");

const seen = ({ blockHash, index, address, topics }) => ({ block: blockHash, index, address, topics });

await provider.on("block", (number) => record.heads.push({ number }));
await provider.on({ address: filter.addresses, topics: filter.topics }, (log) => {
  record.logs.push(seen(log));
  // ethers tells that a log is gone only to those who named that very log.
  const gone = new Log({ ...log, index: log.index, removed: true }, provider);
  provider.on({ orphan: "drop-log", log: gone }, () => record.retracted.push(seen(log)));
});
while (subscriptions < 2) await new Promise((resolve) => setTimeout(resolve, 10));

keepCalling(() => provider.send("eth_getBlockByNumber", ["latest", false]));
follow((last) => record.heads.at(-1)?.number >= last);
