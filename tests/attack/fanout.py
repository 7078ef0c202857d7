"""A burst of events to ten endpoints of one host: the connections it takes, and when it arrives."""

import asyncio
import time

import sink
import wire
from assault import assault
from peer import Peer
from seen import Row, Seen

EVENTS, ENDPOINTS, CREATORS = 2_000, 10, 32
# The rate of one key is 1,000 a second; two share the work.
ALONE, ATTACKED = 4, 6
HOST = "127.0.40.1"
# As many connections as there may be requests in flight (256), and some to spare.
CONNECTIONS = 300
# For the median of the burst, in milliseconds.
P50_MS = 185


async def receive(orders):
    """The receivers, in a process of their own: what they take is thousands a second."""
    receiver = await sink.Sink().open([HOST])
    orders.ready(receiver.port)
    await orders.over.wait()
    arrivals = {mark: at for mark, at in receiver.arrivals.items()}
    return {
        "arrivals": arrivals,
        "opened": receiver.opened,
    }


async def burst(orders, address, key):
    """Creates customers as fast as one key may."""
    sent, numbers, refused = {}, iter(range(EVENTS)), 0
    orders.ready()

    async def creator():
        nonlocal refused
        client = wire.Client(address)
        for number in numbers:
            params = {"description": f"n-{number}"}
            sent[number] = time.perf_counter()
            while await client.ask("POST", "/v1/customers", key, params) != "200":
                refused += 1
                await asyncio.sleep(0.02)
                sent[number] = time.perf_counter()

    begun = time.perf_counter()
    await asyncio.gather(*[creator() for _ in range(CREATORS)])
    return {"sent": sent, "seconds": time.perf_counter() - begun, "refused": refused}


async def fanout(stage):
    """2,000 events to ten endpoints of one host, as fast as one key may."""
    attacker, other = await stage.account(), await stage.account()
    async with stage.system() as system, assault(receive, niceness=0) as received:
        for number in range(ENDPOINTS):
            url = f"http://{HOST}:{received['ready']}/{number}"
            params = {"url": url, "enabled_events": ["customer.created"]}
            await wire.must(system.address, "POST", "/v1/webhook_endpoints", attacker.key, params)
        peer = Peer(system.address, other.key)
        receiver = await peer.receiver()
        await peer.webhooks(receiver, 1)
        alone = await peer.webhooks(receiver, ALONE)
        async with assault(burst, system.address, attacker.key, niceness=0) as bursting:
            seen = await peer.webhooks(receiver, ATTACKED)
        receiver.close()
    report, sending = received["report"], bursting["report"]
    own = Seen()
    for number, at in sending["sent"].items():
        arrived = report["arrivals"].get(number, [])
        own.latencies.extend((when - at) * 1000 for when in arrived)
        for _ in range(ENDPOINTS - len(arrived)):
            own.fail("no webhook")
    opened = report["opened"]
    ok = opened <= CONNECTIONS and own.failed == 0 and own.within(50, P50_MS) and seen.failed == 0
    return [
        Row(
            "fan-out",
            f"≤ {CONNECTIONS} connections; the burst's median ≤ {P50_MS} ms; no failure",
            alone,
            seen,
            ok,
            f"{opened:,} connections opened;"
            f" the burst itself: {own} ms, {EVENTS / sending['seconds']:,.0f} creates/s, {own.failed} missing",
            {
                "opened": opened,
                "burst": own.as_json(),
                "creates_a_second": int(EVENTS / sending["seconds"]),
            },
        )
    ]


ATTACKS = {"fan-out": fanout}
