// What a client and the driver tell each other: one line when the subscriptions stand, one that says until which block to
// follow, one with the record. It must not know a library.

import { createInterface } from "node:readline";

const CALL_EVERY_MS = 150;

export const url = process.argv[2];
export const filter = JSON.parse(process.argv[3]);

// What this client saw, in its order. `broken` holds everything that an application would have to notice.
export const record = { heads: [], logs: [], blocks: [], retracted: [], calls: 0, broken: [] };

// One call after the other for as long as the client lives; each of them has to be answered.
export async function keepCalling(call) {
  while (true) {
    try {
      await call();
      record.calls += 1;
    } catch (error) {
      record.broken.push(`a call failed: ${error.message}`);
    }
    await new Promise((resolve) => setTimeout(resolve, CALL_EVERY_MS));
  }
}

// Says that everything is subscribed, and follows until `reached` holds for the number that the driver names.
export function follow(reached) {
  console.log(JSON.stringify({ subscribed: true }));
  createInterface({ input: process.stdin }).once("line", (line) => {
    const last = Number(line);
    const look = setInterval(() => {
      if (!reached(last)) return;
      clearInterval(look);
      console.log(JSON.stringify(record));
      process.exit(0);
    }, 20);
  });
}
