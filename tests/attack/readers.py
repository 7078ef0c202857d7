"""Attacks on the pool of readers: what is slow to read, 32 at once, over a long log."""

import asyncio
import time

import wire
from assault import assault
from peer import Peer
from places import statuses
from seen import Row

EVENTS = 160_000
READERS = 32
ALONE, ATTACKED = 3, 5
P99_MS = 100
# Before asking again after a refusal, in seconds.
PAUSE = 0.05
# A log, past the triggers: {0} is the account, {1} the number of events.
LOG = """
insert into calmony.event (account, id, stream, version, type, data, created_at)
select {0}, 'evt_01' || u, 'cus_01' || u, 1, 'customer.created', format(customer, u, n)::json,
       now() - ({1} - n) * interval '1 second'
  from generate_series(1, {1}) n, lateral (select lpad(n::text, 24, '0') as u) u,
       (values ('{{"id":"cus_01%s","object":"customer","email":"%s@h.example"}}')) c (customer);
"""


async def read(orders, address, key, what):
    """Asks for the same from many connections, again and again."""
    counts = {}

    async def reader():
        client = wire.Client(address)
        while await orders.rest(0):
            status = await client.ask(*what[:2], key=key, params=what[2])
            counts[status] = counts.get(status, 0) + 1
            if status != "200":
                await orders.rest(PAUSE)

    orders.ready()
    await asyncio.gather(*[reader() for _ in range(READERS)])
    return counts


async def readers(stage):
    """32 dry runs of a replay, then 32 lists of events whose filter meets nothing, over 160,000 events."""
    attacker = await stage.account()
    begun = time.monotonic()
    await stage.cluster.past_triggers(LOG.format(attacker.number, EVENTS))
    await stage.cluster.sql("analyze calmony.event")
    seeding = time.monotonic() - begun
    rows = []
    for name, what in (
        ("readers-dry-runs", ("POST", "/v1/webhook_endpoints/{}/replay", {"dry_run": True})),
        ("readers-lists", ("GET", "/v1/events?type=customer.deleted", None)),
    ):
        async with stage.system(worker=False) as system:
            endpoint = {"url": "http://127.0.0.1:9999/", "enabled_events": ["*"]}
            made = await wire.must(system.address, "POST", "/v1/webhook_endpoints", attacker.key, endpoint)
            what = (what[0], what[1].format(made["id"]), what[2])
            peer = Peer(system.address, (await stage.account()).key)
            await peer.reads(0.5)
            alone = await peer.reads(ALONE)
            async with assault(read, system.address, attacker.key, what) as heard:
                await asyncio.sleep(0.5)
                seen = await peer.reads(ATTACKED)
        ok = seen.failed == 0 and seen.within(99, P99_MS)
        note = f"the attacker was answered {statuses(heard['report'])}"
        figures = {**heard["report"], "seeding_seconds": round(seeding, 1)}
        rows.append(Row(name, f"p99 ≤ {P99_MS} ms; no failure", alone, seen, ok, note, figures))
    return rows


ATTACKS = {"readers": readers}
