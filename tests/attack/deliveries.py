"""Attacks on the worker: endpoints that never answer, that are always new, that are merely many."""

import asyncio
import time

import sink
import wire
from assault import assault
from peer import Peer
from seen import Row, milliseconds

# How often the attacker creates a customer, a second.
RATE = 20
# How long is measured, in seconds.
ALONE, ATTACKED, REMADE = 6, 10, 16
# How long an attacker's endpoints live before they are deleted and made anew, in seconds.
LIFETIME = 7
# How slowly the healthy ones answer, in seconds.
DELAY = 0.2
# What the other's p99 may grow by: this factor, or so many milliseconds, which two busy cores do to any
# process.
FACTOR, GRAIN_MS = 1.5, 5
# Requests at once while endpoints are made and deleted.
AT_ONCE = 8


async def each(items, act):
    """Acts on every item, some at once."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(item):
        async with turns:
            return await act(item)

    return await asyncio.gather(*[one(item) for item in items])


async def besiege(orders, address, keys, count, delay, lifetime):
    """Each account has `count` endpoints, each on a host of its own, and makes events for all of them."""
    receivers = [await sink.Sink(delay).open(sink.hosts(10 + net, count)) for net in range(len(keys))]

    async def make(key, receiver, net):
        async def one(host):
            params = {"url": f"http://{host}:{receiver.port}/", "enabled_events": ["*"]}
            return (await wire.must(address, "POST", "/v1/webhook_endpoints", key, params))["id"]

        return await each(sink.hosts(10 + net, count), one)

    async def attack(key, receiver, net, made):
        client = wire.Client(address)
        begun, created, remade = time.monotonic(), 0, 1
        while await orders.rest(begun + created / RATE - time.monotonic()):
            await client.ask("POST", "/v1/customers", key, {"name": "Mallory"})
            created += 1
            if lifetime and time.monotonic() - begun > lifetime * remade:
                remade += 1
                await each(
                    made, lambda gone: wire.ask(address, "DELETE", f"/v1/webhook_endpoints/{gone}", key)
                )
                made = await make(key, receiver, net)
        return created

    accounts = [(key, receiver, net) for net, (key, receiver) in enumerate(zip(keys, receivers))]
    made = [await make(*account) for account in accounts]
    orders.ready()
    created = await asyncio.gather(*[attack(*account, mine) for account, mine in zip(accounts, made)])
    return {"created": sum(created), "requests": sum(receiver.requests for receiver in receivers)}


async def attacked(stage, name, seconds, besieging):
    """What a peer's webhooks take alone, and while accounts besiege the worker. `besieging`: accounts,
    endpoints of each, delay, lifetime."""
    accounts, count, delay, lifetime = besieging
    keys = [(await stage.account()).key for _ in range(accounts)]
    async with stage.system() as system:
        peer = Peer(system.address, (await stage.account()).key)
        receiver = await peer.receiver()
        await peer.webhooks(receiver, 1)
        alone = await peer.webhooks(receiver, ALONE)
        async with assault(besiege, system.address, keys, count, delay, lifetime) as heard:
            # So that what is measured is the siege, and not its beginning.
            await asyncio.sleep(2)
            seen = await peer.webhooks(receiver, seconds)
        receiver.close()
    p99 = alone.percentile(99) or 0
    bound = max(FACTOR * p99, p99 + GRAIN_MS)
    report = heard["report"]
    return Row(
        name,
        f"p99 ≤ {milliseconds(bound)} ms ({FACTOR} × alone, or {GRAIN_MS} ms more); no failure",
        alone,
        seen,
        seen.failed == 0 and alone.failed == 0 and seen.within(99, bound),
        f"{report['requests']:,} requests to the attackers' endpoints",
        report,
    )


async def hanging(stage):
    """99 endpoints that accept and never answer."""
    return [await attacked(stage, "deliveries-hanging", ATTACKED, (1, 99, None, None))]


async def remade(stage):
    """The same, deleted and made anew every 7 s."""
    return [await attacked(stage, "deliveries-remade", REMADE, (1, 99, None, LIFETIME))]


async def healthy(stage):
    """99 endpoints that answer after 0.2 s."""
    return [await attacked(stage, "deliveries-healthy", ATTACKED, (1, 99, DELAY, None))]


async def two_accounts(stage):
    """Two accounts of 100 endpoints each that never answer, deleted and made anew every 7 s."""
    return [await attacked(stage, "deliveries-two-accounts", REMADE, (2, 100, None, LIFETIME))]


ATTACKS = {
    "deliveries-hanging": hanging,
    "deliveries-remade": remade,
    "deliveries-healthy": healthy,
    "deliveries-two-accounts": two_accounts,
}
