"""The peer: an account that asks for little, at a steady pace, and is measured while another one attacks."""

import asyncio
import time

import sink
import wire
from seen import Seen

# How often it asks, a second.
RATE = 50
# How long a webhook may take after the last request, in seconds; then it counts as failed.
GRACE = 5


async def paced(rate, seconds, act):
    """Starts `act(number)` at a steady pace, whatever became of those before; waits for all of them."""
    loop = asyncio.get_running_loop()
    begun, tasks = loop.time(), []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0, begun + number / rate - loop.time()))
        tasks.append(asyncio.create_task(act(number)))
    await asyncio.gather(*tasks)


class Peer:
    """Its key, where the API is, and its connections."""

    def __init__(self, address, key, fresh=False):
        self.address, self.key, self.fresh = address, key, fresh
        self.idle = []
        self.next = 0
        self.customer = None

    async def ask(self, *arguments, **named):
        """Asks on an idle connection, or on a new one."""
        connection = self.idle.pop() if self.idle else await wire.Connection.open(self.address, wire.PEER)
        try:
            answer = await connection.ask(*arguments, key=self.key, **named)
        except BaseException:
            connection.close()
            raise
        if self.fresh or answer.headers.get("connection") == "close":
            connection.close()
        else:
            self.idle.append(connection)
        return answer

    async def attempt(self, seen, *arguments, **named):
        """Asks, and notes how that went. Returns the answer, if it was a success."""
        begun = time.perf_counter()
        try:
            answer = await self.ask(*arguments, **named)
        except wire.BROKEN as error:
            seen.fail(type(error).__name__)
            return None
        if answer.status != 200:
            seen.fail(answer.status)
            return None
        seen.latencies.append((time.perf_counter() - begun) * 1000)
        return answer

    async def reads(self, seconds, rate=RATE):
        """Retrieves a customer at a steady pace."""
        if self.customer is None:
            made = await self.ask("POST", "/v1/customers", params={"name": "Ada"})
            self.customer = made.json()["id"]
        seen = Seen()
        await paced(rate, seconds, lambda _: self.attempt(seen, "GET", f"/v1/customers/{self.customer}"))
        return seen

    async def receiver(self):
        """An endpoint of its own, on a host of its own."""
        receiver = await sink.Sink().open([wire.PEER])
        url = f"http://{wire.PEER}:{receiver.port}/"
        params = {"url": url, "enabled_events": ["customer.created"]}
        await wire.must(self.address, "POST", "/v1/webhook_endpoints", self.key, params)
        return receiver

    async def webhooks(self, receiver, seconds, rate=RATE):
        """Creates customers at a steady pace. A latency goes from the request to the webhook's arrival."""
        first, sent, answers = self.next, {}, Seen()
        self.next += int(rate * seconds)

        async def create(number):
            mark = first + number
            sent[mark] = time.perf_counter()
            params = {"description": f"n-{mark}"}
            if await self.attempt(answers, "POST", "/v1/customers", params=params) is None:
                del sent[mark]

        await paced(rate, seconds, create)
        ends = time.perf_counter() + GRACE
        while not sent.keys() <= receiver.arrivals.keys() and time.perf_counter() < ends:
            await asyncio.sleep(0.05)
        seen = Seen(failures=answers.failures)
        for mark, at in sent.items():
            if mark in receiver.arrivals:
                seen.latencies.append((receiver.arrivals[mark][0] - at) * 1000)
            else:
                seen.fail("no webhook")
        return seen
