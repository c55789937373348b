"""Follows a chain with web3.py, as an application would: NewHeadsSubscription and LogsSubscription with handlers.

Prints one line when both stand, reads until which block to follow, and prints its record as one line of JSON.
It must not know that a proxy is between.
"""

import asyncio
import json
import sys

from web3 import AsyncWeb3, WebSocketProvider
from web3.utils.subscriptions import LogsSubscription, NewHeadsSubscription

CALL_EVERY_SECONDS = 0.15

RECORD = {"heads": [], "logs": [], "blocks": [], "retracted": [], "calls": 0, "broken": []}


async def head(context):
    block = context.result
    RECORD["heads"].append(
        {"number": block["number"], "hash": block["hash"].to_0x_hex(), "parent": block["parentHash"].to_0x_hex()}
    )


async def log(context):
    seen = context.result
    RECORD["logs"].append(
        {
            "block": seen["blockHash"].to_0x_hex(),
            "index": seen["logIndex"],
            "address": seen["address"],
            "topics": [topic.to_0x_hex() for topic in seen["topics"]],
            "removed": seen["removed"],
        }
    )


async def keep_calling(w3):
    """One call after the other for as long as the client lives; each of them has to be answered."""
    while True:
        try:
            await w3.eth.get_block("latest")
            RECORD["calls"] += 1
        except Exception as error:
            RECORD["broken"].append(f"a call failed: {error!r}")
        await asyncio.sleep(CALL_EVERY_SECONDS)


async def end(socket):
    """Until the block that the driver names, or the socket is gone."""
    last = int(await asyncio.to_thread(sys.stdin.readline))
    while not (RECORD["heads"] and RECORD["heads"][-1]["number"] >= last):
        if socket.close_code is not None:
            RECORD["broken"].append(f"the socket was closed: {socket.close_code} {socket.close_reason}")
            return
        await asyncio.sleep(0.02)


async def main():
    url, wanted = sys.argv[1], json.loads(sys.argv[2])
    # One connection for good: a new one would have other subscriptions, and web3.py opens none by itself.
    w3 = await AsyncWeb3(WebSocketProvider(url))
    socket = w3.provider._ws
    logs = LogsSubscription(address=wanted["addresses"], topics=wanted["topics"], handler=log)
    await w3.subscription_manager.subscribe([NewHeadsSubscription(handler=head), logs])
    handling = asyncio.create_task(w3.subscription_manager.handle_subscriptions(run_forever=True))
    calling = asyncio.create_task(keep_calling(w3))
    print(json.dumps({"subscribed": True}), flush=True)
    await end(socket)
    for task in (handling, calling):
        if task.done() and task.exception() is not None:
            RECORD["broken"].append(f"the library gave up: {task.exception()!r}")
        task.cancel()
    print(json.dumps(RECORD), flush=True)
    await w3.provider.disconnect()


asyncio.run(main())
