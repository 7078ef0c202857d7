"""Webhook receivers on loopback: one listener for each host, any number of paths."""

import asyncio
import re
import socket
import time

LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
MARK = re.compile(rb'"description":"n-(\d+)"')
TAKEN = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def hosts(net, count):
    """So many addresses of loopback, `127.0.<net>.1` and on."""
    return [f"127.0.{net}.{number}" for number in range(1, count + 1)]


def listener(host, port):
    """A socket that listens there."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((host, port))
    made.listen(1024)
    made.setblocking(False)
    return made


class Sink:
    """Receivers that answer after a delay in seconds, or never (`None`)."""

    def __init__(self, delay=0):
        self.delay = delay
        # By the number in the customer's description: when it arrived, each time.
        self.arrivals = {}
        self.opened = self.requests = 0
        self.port = None
        self.servers = []

    async def open(self, names):
        """Listens on all of these hosts, on one port."""
        for _ in range(20):
            sockets = []
            try:
                sockets.append(listener(names[0], 0))
                self.port = sockets[0].getsockname()[1]
                sockets.extend(listener(name, self.port) for name in names[1:])
                break
            except OSError:
                for made in sockets:
                    made.close()
        loop = asyncio.get_running_loop()
        for made in sockets:
            self.servers.append(await loop.create_server(lambda: Receiving(self), sock=made))
        return self

    def close(self):
        """Listens no more."""
        for server in self.servers:
            server.close()

    def arrived(self, request, now):
        """Notes a request that is here as a whole."""
        self.requests += 1
        mark = MARK.search(request)
        if mark:
            self.arrivals.setdefault(int(mark[1]), []).append(now)


class Receiving(asyncio.Protocol):
    """One connection of a sender."""

    def __init__(self, sink):
        self.sink, self.buffer, self.transport = sink, b"", None

    def connection_made(self, transport):
        self.sink.opened += 1
        self.transport = transport

    def data_received(self, data):
        now = time.perf_counter()
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(self.buffer, 0, end + 2)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self.buffer) < whole:
                return
            self.sink.arrived(self.buffer[:whole], now)
            self.buffer = self.buffer[whole:]
            if self.sink.delay == 0:
                self.take()
            elif self.sink.delay is not None:
                asyncio.get_running_loop().call_later(self.sink.delay, self.take)

    def take(self):
        """Answers."""
        if not self.transport.is_closing():
            self.transport.write(TAKEN)
