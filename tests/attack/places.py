"""Attacks on the places for requests: bodies that don't come, streams, connections that say nothing."""

import asyncio
import contextlib

import wire
from assault import assault
from peer import Peer
from seen import Row

# How long is measured, in seconds.
ALONE, ATTACKED = 3, 3
# Connections with a request whose body doesn't come: as many as there are places.
REQUESTS = 256
# Between two connections of one place, in seconds.
PAUSE = 0.25
# What the peer's p99 may be, in milliseconds.
P99_MS = 100
STREAMS = 256
IDLE = 2_000
# How much of a head each of them sends, and what all of them together may cost, in bytes.
HEAD, IDLE_BYTES = 16_000, 32 << 20


class Half(asyncio.Protocol):
    """A connection with half a request."""

    def __init__(self, siege, text):
        self.siege, self.text, self.transport = siege, text, None

    def connection_made(self, transport):
        self.transport = transport
        self.siege.held.add(self)
        transport.write(self.text)

    def data_received(self, data):
        if data.startswith(b"HTTP/1.1 "):
            status = data[9:12].decode()
            self.siege.statuses[status] = self.siege.statuses.get(status, 0) + 1

    def connection_lost(self, _error):
        self.siege.held.discard(self)


class Siege:
    """Connections that say the same and are kept."""

    def __init__(self, address):
        self.address, self.held, self.statuses, self.refused = address, set(), {}, 0

    async def add(self, text):
        """One more."""
        loop = asyncio.get_running_loop()
        opening = loop.create_connection(
            lambda: Half(self, text), *self.address, local_addr=(wire.ATTACKER, 0)
        )
        try:
            await asyncio.wait_for(opening, 2)
        except (OSError, asyncio.TimeoutError):
            self.refused += 1

    async def fill(self, text, count):
        """Tries once for each that is missing, 50 at once."""
        missing = count - len(self.held)
        for first in range(0, missing, 50):
            await asyncio.gather(*[self.add(text) for _ in range(first, min(first + 50, missing))])

    def close(self):
        """Lets all of them go."""
        for half in list(self.held):
            half.transport.abort()


async def half_requests(orders, address, text, count):
    """Holds as many connections with half a request; those that are closed are made anew."""
    siege = Siege(address)
    await siege.fill(text, count)
    orders.ready()
    while await orders.rest(PAUSE):
        await siege.fill(text, count)
    siege.close()
    return {"statuses": siege.statuses, "refused": siege.refused}


async def bodies(stage):
    """256 requests whose body doesn't come: one byte of five, none of a million; with a key, without."""
    key = (await stage.account()).key
    async with stage.system(worker=False) as system:
        peer = Peer(system.address, (await stage.account()).key)
        await peer.reads(0.5)
        alone = await peer.reads(ALONE)
    rows = []
    for whose, given in (("", key), ("-no-key", None)):
        for kind, length, came in (("one-byte", 5, b"x"), ("no-body", 1_000_000, b"")):
            path = "/v1/customers?limit=1"
            text = wire.head("GET", path, given, [("Content-Length", length)]) + b"\r\n\r\n" + came
            async with stage.system(worker=False) as system:
                peer = Peer(system.address, (await stage.account()).key)
                await peer.reads(0.5)
                async with assault(half_requests, system.address, text, REQUESTS) as heard:
                    seen = await peer.reads(ATTACKED)
            ok = seen.failed == 0 and seen.within(99, P99_MS)
            wanted = f"no failure; p99 ≤ {P99_MS} ms"
            note = f"the attacker was answered {statuses(heard['report']['statuses'])}"
            rows.append(Row(f"places-{kind}{whose}", wanted, alone, seen, ok, note, heard["report"]))
    return rows


def statuses(counts):
    """Statuses and how many of each, as text."""
    return ", ".join(f"{status} × {count:,}" for status, count in sorted(counts.items())) or "nothing"


async def open_stream(address, key, source=wire.ATTACKER):
    """A stream of events, and the status of its answer."""
    connection = await wire.Connection.open(address, source)
    connection.writer.write(wire.request("GET", "/v1/events/stream", key))
    status, _ = await asyncio.wait_for(wire.read_head(connection.reader), wire.PATIENCE)
    return connection, status


async def many_streams(orders, address, key, count):
    """Opens so many streams and keeps them."""
    held = []
    for _ in range(count):
        with contextlib.suppress(*wire.BROKEN):
            connection, status = await open_stream(address, key)
            if status == 200:
                held.append(connection)
            else:
                connection.close()
    orders.ready(len(held))
    await orders.over.wait()
    for connection in held:
        connection.close()


async def streams(stage):
    """One key opens 256 streams: another one wants one."""
    attacker, other = await stage.account(), await stage.account()
    async with stage.system(worker=False) as system:
        async with assault(many_streams, system.address, attacker.key, STREAMS) as heard:
            connection, status = await open_stream(system.address, other.key, wire.PEER)
            connection.close()
    held = heard["ready"]
    return [
        Row(
            "streams",
            f"the other's is answered 200; the attacker holds fewer than {STREAMS}",
            attacked=f"answered {status}",
            ok=status == 200 and held < STREAMS,
            note=f"the attacker holds {held}",
            figures={"held": held, "status": status},
        )
    ]


async def idle(orders, address, count):
    """Opens connections that begin a request and say nothing more; those that are closed aren't made anew."""
    siege = Siege(address)
    await siege.fill(b"GET /v1/customers HTTP/1.1\r\nHost: " + b"x" * HEAD, count)
    orders.ready()
    await orders.rest(1)
    held = len(siege.held)
    await orders.over.wait()
    siege.close()
    return {"held": held, "refused": siege.refused}


async def connections(stage):
    """2,000 connections of one address that begin a request and say nothing more."""
    async with stage.system(worker=False) as system:
        peer = Peer(system.address, (await stage.account()).key, fresh=True)
        await peer.reads(0.5)
        alone = await peer.reads(ALONE)
        before = system.api.status("VmRSS")
        async with assault(idle, system.address, IDLE) as heard:
            await asyncio.sleep(1)
            after = system.api.status("VmRSS")
            seen = await peer.reads(ATTACKED)
    held = heard["report"]["held"]
    grown = max(0, after - before) * 1024
    each = grown // max(1, held)
    return [
        Row(
            "connections",
            f"fewer than {IDLE:,} held; ≤ {IDLE_BYTES >> 20} MiB for them; no failure; p99 ≤ {P99_MS} ms",
            alone,
            seen,
            held < IDLE and grown <= IDLE_BYTES and seen.failed == 0 and seen.within(99, P99_MS),
            f"{held:,} held, {grown / (1 << 20):.0f} MiB, {each:,} bytes each",
            {"held": held, "bytes_each": each, "rss_kb_before": before, "rss_kb_after": after},
        )
    ]


ATTACKS = {"places": bodies, "streams": streams, "connections": connections}
