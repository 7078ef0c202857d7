"""Attacks with large objects: on the memory of the API, and on the disk."""

import asyncio
import contextlib
import random
import socket
import time

import wire
from assault import assault
from peer import Peer
from places import statuses
from seen import Row

EVENTS, CLIENTS = 100, 40
ALONE, ATTACKED = 2, 5
P99_MS = 100
# The most memory that the API may ever have had, in KiB.
PEAK_KIB = 200 * 1024
UPDATES = 200
# What such an update may add to the disk, in bytes: a key, a fingerprint, an id, and their pages and indexes.
UPDATE_BYTES = 2_000
CHANGERS, CHANGING = 8, 8
# A page of large events: copies of the one event that account {0} has.
COPIES = """
insert into calmony.event (account, id, stream, version, type, data, created_at)
select account, 'evt_01' || lpad(n::text, 24, '0'), 'cus_01' || lpad(n::text, 24, '0'), 1, type, data,
       created_at
  from calmony.event, generate_series(1, {1}) n where account = {0};
"""
STORED = """
select sum(pg_total_relation_size(oid)) from pg_class
 where relnamespace = 'calmony'::regnamespace and relkind = 'r'
"""


def words(characters, alphabet):
    """A text that compression makes little of."""
    return "".join(random.choices(alphabet, k=characters))


def large(number=0):
    """A customer of about 120 kB that is within every limit."""
    plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    # Two bytes each.
    wide = "".join(map(chr, range(0xC0, 0x180)))
    lines = ["city", "country", "line1", "line2", "postal_code", "state"]
    return {
        "name": f"Mallory {number}",
        "description": words(5_000, plain),
        "address": {line: words(5_000, plain) for line in lines},
        "shipping": {"name": "Mallory", "address": {line: words(5_000, wide) for line in lines}},
        "metadata": {f"key{number}": words(500, plain) for number in range(50)},
    }


async def deaf(orders, address, text):
    """Clients that ask for something and read nothing."""
    sockets = []
    for _ in range(CLIENTS):
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.bind((wire.ATTACKER, 0))
        with contextlib.suppress(OSError):
            made.connect(address)
            made.sendall(text)
        sockets.append(made)
    orders.ready()
    await orders.over.wait()
    for made in sockets:
        made.close()


async def memory(stage):
    """40 clients that ask for pages of large events and read nothing; then 40 that follow them as a stream."""
    attacker = await stage.account()
    async with stage.system(worker=False) as system:
        await wire.must(system.address, "POST", "/v1/customers", attacker.key, large())
    await stage.cluster.past_triggers(COPIES.format(attacker.number, EVENTS - 1))
    first = [("Last-Event-ID", "evt_01" + "1".zfill(24))]
    return [
        await unread(stage, "memory-pages", wire.request("GET", f"/v1/events?limit={EVENTS}", attacker.key)),
        await unread(
            stage, "memory-streams", wire.request("GET", "/v1/events/stream", attacker.key, headers=first)
        ),
    ]


async def unread(stage, name, text):
    """How much memory answers take that aren't read."""
    async with stage.system(worker=False) as system:
        peer = Peer(system.address, (await stage.account()).key)
        await peer.reads(0.5)
        alone = await peer.reads(ALONE)
        before = system.api.status("VmHWM")
        async with assault(deaf, system.address, text):
            seen = await peer.reads(ATTACKED)
            peak = system.api.status("VmHWM")
    return Row(
        name,
        f"peak ≤ {PEAK_KIB // 1024} MiB; no failure; p99 ≤ {P99_MS} ms",
        alone,
        seen,
        peak <= PEAK_KIB and seen.failed == 0 and seen.within(99, P99_MS),
        f"peak memory of the API {before // 1024} MiB before, {peak // 1024} MiB under attack",
        {"peak_kib_before": before, "peak_kib": peak},
    )


async def update(orders, address, key, customer):
    """Updates that change nothing, each with a key of its own."""
    client = wire.Client(address)
    path, params = f"/v1/customers/{customer}", {"name": "Mallory 0"}
    size = len(wire.request("POST", path, key, params, [("Idempotency-Key", "key-000")]))
    orders.ready(size)
    counts = {}
    for number in range(UPDATES):
        keyed = [("Idempotency-Key", f"key-{number:03}")]
        status = await client.ask("POST", path, key, params, keyed)
        counts[status] = counts.get(status, 0) + 1
    return counts


async def change(orders, address, key):
    """Changes the names of large customers as fast as it goes: each change stores a whole customer."""
    counts = {}
    customers = [
        (await wire.must(address, "POST", "/v1/customers", key, large(number)))["id"]
        for number in range(CHANGERS)
    ]
    orders.ready()

    async def changer(customer):
        client, number = wire.Client(address), 0
        while await orders.rest(0):
            number += 1
            status = await client.ask("POST", f"/v1/customers/{customer}", key, {"name": f"M {number}"})
            counts[status] = counts.get(status, 0) + 1
            if status != "200":
                await orders.rest(0.05)

    await asyncio.gather(*[changer(customer) for customer in customers])
    return counts


async def stored(stage):
    """The bytes on the disk."""
    return int(await stage.cluster.sql(STORED))


async def growth(stage):
    """200 updates of a large customer that change nothing; then changes of large ones as fast as it goes."""
    attacker = await stage.account()
    async with stage.system(worker=False) as system:
        made = await wire.must(system.address, "POST", "/v1/customers", attacker.key, large())
        before = await stored(stage)
        async with assault(update, system.address, attacker.key, made["id"]) as heard:
            size = heard["ready"]
        each = (await stored(stage) - before) // UPDATES
        counts = heard["report"]
        same = Row(
            "growth-updates",
            f"≤ {UPDATE_BYTES:,} bytes stored each; all answered 200",
            f"{size} bytes sent",
            f"{each:,} bytes stored",
            each <= UPDATE_BYTES and counts == {"200": UPDATES},
            f"answered {statuses(counts)}",
            {"request_bytes": size, "stored_bytes": each},
        )
        return [same, await budget(stage, system, attacker)]


async def budget(stage, system, attacker):
    """How fast one account can fill the disk, and how a peer does beside it."""
    peer = Peer(system.address, (await stage.account()).key)
    await peer.reads(0.5)
    alone = await peer.reads(ALONE)
    before, begun = await stored(stage), time.monotonic()
    async with assault(change, system.address, attacker.key) as heard:
        seen = await peer.reads(CHANGING)
    rate = (await stored(stage) - before) / (time.monotonic() - begun)
    counts = heard["report"]
    refused = counts.get("429", 0)
    return Row(
        "growth-changes",
        f"some are refused (429); the peer's p99 ≤ {P99_MS} ms; no failure",
        alone,
        seen,
        refused > 0 and seen.failed == 0 and seen.within(99, P99_MS),
        f"{rate / 1e6:.1f} MB stored a second; the attacker was answered {statuses(counts)}",
        {"stored_bytes_a_second": int(rate), "statuses": counts},
    )


ATTACKS = {"memory": memory, "growth": growth}
