"""An attack on the API's name look-ups: 200 clients save endpoints whose names nobody answers for.

It takes root, because the API is given a name server of its own: port 53 of loopback, and a mount that only
that API sees."""

import asyncio
import contextlib
import subprocess
import time

import wire
from assault import assault
from peer import Peer
from places import statuses
from seen import Row, Seen

CLIENTS = 200
ATTACKED = 8
SERVER = "127.9.9.53"
# What is wanted: threads of the process at the most; how soon the other saves an endpoint, and the database
# is reached again.
THREADS, SAVED_MS, RECONNECTED_S = 160, 1_000, 2
# A mount of its own: the command after the file sees that file as /etc/resolv.conf, and nobody else does.
MOUNT = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'


async def save(orders, address, key, endpoint):
    """Changes the URL of an endpoint from many connections, each time to another name."""
    counts, numbers = {}, iter(range(1_000_000))

    async def saver():
        client = wire.Client(address)
        while await orders.rest(0):
            url = f"http://slow-{next(numbers)}.example/"
            status = await client.ask("POST", f"/v1/webhook_endpoints/{endpoint}", key, {"url": url})
            counts[status] = counts.get(status, 0) + 1
            if status != "200":
                await orders.rest(0.2)

    orders.ready()
    await asyncio.gather(*[saver() for _ in range(CLIENTS)])
    return counts


class Silent(asyncio.DatagramProtocol):
    """A name server that hears and never answers."""

    asked = 0

    def datagram_received(self, data, addr):
        self.asked += 1


async def lookups(stage):
    """200 clients that save endpoints with slow names."""
    try:
        served, server = await asyncio.get_running_loop().create_datagram_endpoint(
            Silent, local_addr=(SERVER, 53)
        )
    except PermissionError:
        return [skipped("port 53 and a mount of its own take root")]
    try:
        if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
            return [skipped("`unshare -m` isn't allowed here")]
        return [await with_server(stage, server)]
    finally:
        served.close()


def skipped(reason):
    """Nothing was tried."""
    return Row("look-ups", "–", note=reason)


async def with_server(stage, server):
    """The attack, against an API whose name server is silent."""
    resolv = f"{stage.folder}/resolv.conf"
    with open(resolv, "w", encoding="utf-8") as file:
        file.write(f"nameserver {SERVER}\n")
    attacker, other = await stage.account(), await stage.account()
    mount = ["unshare", "-m", "sh", "-c", MOUNT, "sh", resolv]
    # The database is reached by a name, which is a look-up, too.
    env = {"CALMONY_DATABASE_URL": stage.cluster.url("attacked_api", "localhost")}
    literal = {"url": "http://127.0.0.1:9999/", "enabled_events": ["*"]}
    async with stage.system(worker=False, before=mount, api_env=env) as system:
        endpoint = await wire.must(system.address, "POST", "/v1/webhook_endpoints", attacker.key, literal)
        peer, threads, saves = Peer(system.address, other.key), [], Seen()

        async def watch():
            while True:
                threads.append(system.api.status("Threads"))
                await asyncio.sleep(0.1)

        alone = Seen()
        await peer.attempt(alone, "POST", "/v1/webhook_endpoints", params=literal)
        watching = asyncio.create_task(watch())
        async with assault(save, system.address, attacker.key, endpoint["id"]) as heard:
            for _ in range(4):
                await asyncio.sleep(ATTACKED / 4)
                await peer.attempt(saves, "POST", "/v1/webhook_endpoints", params=literal)
            reconnected = await reconnect(stage, peer)
        watching.cancel()
    return judge(server.asked, (alone, saves), max(threads), reconnected, heard["report"])


async def reconnect(stage, peer):
    """How long the peer can't read after the API has lost its connections to the database, in seconds."""
    ending = "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'attacked_api'"
    await stage.cluster.sql(ending)
    begun = time.monotonic()
    while time.monotonic() - begun < 20:
        with contextlib.suppress(*wire.BROKEN):
            if (await peer.ask("GET", "/v1/customers?limit=1")).status == 200:
                return time.monotonic() - begun
        await asyncio.sleep(0.1)
    return float("inf")


def judge(asked, peers, threads, reconnected, counts):
    """The row."""
    if asked == 0:
        return skipped("this system asks its names elsewhere than /etc/resolv.conf says")
    alone, saves = peers
    saved = counts.get("200", 0)
    ok = (
        threads <= THREADS
        and saved == 0
        and saves.failed == 0
        and saves.within(100, SAVED_MS)
        and reconnected <= RECONNECTED_S
    )
    return Row(
        "look-ups",
        f"≤ {THREADS} threads; no slow name saved; the other saves an address within {SAVED_MS:,} ms;"
        f" the database is reached again within {RECONNECTED_S} s",
        alone,
        saves,
        ok,
        f"{threads} threads; {saved} slow names saved; database reached again after {reconnected:.1f} s;"
        f" the attacker was answered {statuses(counts)}",
        {"threads": threads, "saved": saved, "reconnected_s": round(reconnected, 2), "statuses": counts},
    )


ATTACKS = {"look-ups": lookups}
