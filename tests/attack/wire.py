"""HTTP/1.1 by hand: a client that knows no more than the attacks need, and can be as rude as they want."""

import asyncio
import json
import urllib.parse
from dataclasses import dataclass

# The address that the attackers come from, and the one of everybody else.
ATTACKER, PEER = "127.0.0.1", "127.0.0.2"
# The longest wait for one answer, in seconds.
PATIENCE = 10
# How a connection ends before its answer.
BROKEN = (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError)


@dataclass
class Answer:
    """An answer, read to its end."""

    status: int
    headers: dict
    body: bytes

    def json(self):
        """The body as JSON."""
        return json.loads(self.body)


def head(method, path, key=None, headers=()):
    """The head of a request, without the empty line."""
    lines = [f"{method} {path} HTTP/1.1", "Host: calmony"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    lines.extend(f"{name}: {value}" for name, value in headers)
    return "\r\n".join(lines).encode()


def request(method, path, key=None, params=None, headers=(), form=False):
    """A whole request; `params` go as JSON, or as a form."""
    body = b""
    headers = list(headers)
    if params is not None and form:
        body = urllib.parse.urlencode(params).encode()
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    elif params is not None:
        body = json.dumps(params).encode()
        headers.append(("Content-Type", "application/json"))
    headers.append(("Content-Length", len(body)))
    return head(method, path, key, headers) + b"\r\n\r\n" + body


async def read_head(reader):
    """The status and the headers of an answer."""
    text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = text.rstrip().split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    return int(first.split()[1]), {name.lower(): value.strip() for name, value in pairs}


async def read_body(reader, headers):
    """The body of an answer."""
    if headers.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(headers.get("content-length", 0)))
    parts = []
    while True:
        size = int(await reader.readuntil(b"\r\n"), 16)
        parts.append((await reader.readexactly(size + 2))[:size])
        if size == 0:
            return b"".join(parts)


class Connection:
    """A connection that is kept open."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, address, source=ATTACKER):
        """A new one, from that address of this machine."""
        opening = asyncio.open_connection(*address, local_addr=(source, 0), limit=1 << 20)
        return cls(*await asyncio.wait_for(opening, PATIENCE))

    async def ask(self, *arguments, **named):
        """Sends a request (see `request`) and reads the answer."""
        self.writer.write(request(*arguments, **named))
        return await asyncio.wait_for(self.answer(), PATIENCE)

    async def answer(self):
        """The next answer."""
        status, headers = await read_head(self.reader)
        return Answer(status, headers, await read_body(self.reader, headers))

    def close(self):
        """Closes it, whatever is under way."""
        self.writer.transport.abort()


class Client:
    """A connection of an attacker, who goes on whatever happens to it."""

    def __init__(self, address):
        self.address, self.connection = address, None

    async def ask(self, *arguments, **named):
        """Sends a request; its status as text, or `broken`."""
        try:
            self.connection = self.connection or await Connection.open(self.address)
            answer = await self.connection.ask(*arguments, **named)
        except BROKEN:
            if self.connection:
                self.connection.close()
            self.connection = None
            return "broken"
        if answer.headers.get("connection") == "close":
            self.connection.close()
            self.connection = None
        return str(answer.status)


async def ask(address, *arguments, source=ATTACKER, **named):
    """Sends one request on a connection of its own."""
    connection = await Connection.open(address, source)
    try:
        return await connection.ask(*arguments, **named)
    finally:
        connection.close()


async def must(address, *arguments, **named):
    """The same, where anything but success ends the attack. Returns the JSON."""
    answer = await ask(address, *arguments, **named)
    if answer.status != 200:
        raise RuntimeError(f"{arguments[:2]} was answered {answer.status}: {answer.body[:300]!r}")
    return answer.json()
