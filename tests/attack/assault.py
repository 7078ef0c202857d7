"""Attackers in a process of their own, so that what they do isn't in the way of what is measured."""

import asyncio
import contextlib
import multiprocessing
import os
import signal

# The longest that an attacker lives, in seconds, whatever its parent does.
LIFE_MAX = 90
# How long it may take to be ready, and to tell what it has seen.
READY_MAX, REPORT_MAX = 40, 20
# Attackers have machines of their own; here they give way to what they attack.
NICENESS = 10


class Orders:
    """What an attacker hears."""

    def __init__(self, pipe):
        self.pipe = pipe
        self.over = asyncio.Event()

    def ready(self, told=None):
        """Says that the attack goes on from now."""
        self.pipe.send(("ready", told))

    async def rest(self, seconds):
        """Waits; false when the attack is over."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.over.wait(), max(0, seconds))
        return not self.over.is_set()


def child(function, pipe, arguments, niceness):
    """The process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(niceness)
    asyncio.run(attend(function, pipe, arguments))


async def attend(function, pipe, arguments):
    """Attacks until told to stop, or until the parent is gone."""
    loop, orders = asyncio.get_running_loop(), Orders(pipe)

    def told():
        loop.remove_reader(pipe.fileno())
        orders.over.set()

    loop.add_reader(pipe.fileno(), told)
    try:
        report = ("report", await asyncio.wait_for(function(orders, *arguments), LIFE_MAX))
    except Exception as error:  # whatever it is, the parent says it
        report = ("error", repr(error))
    with contextlib.suppress(OSError):
        pipe.send(report)


@contextlib.asynccontextmanager
async def assault(function, *arguments, niceness=NICENESS):
    """Runs `function(orders, *arguments)` in another process; it is ready when this is entered. The
    dictionary that is yielded has its first word, and after the end its report."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=child, args=(function, theirs, arguments, niceness), daemon=True)
    process.start()
    theirs.close()
    heard = {}
    try:
        heard["ready"] = await hear(ours, READY_MAX)
        yield heard
        with contextlib.suppress(OSError):
            ours.send("stop")
        heard["report"] = await hear(ours, REPORT_MAX)
    finally:
        ours.close()
        process.terminate()
        await asyncio.get_running_loop().run_in_executor(None, process.join, 2)
        if process.is_alive():
            process.kill()
            process.join()


async def hear(pipe, seconds):
    """The next word of an attacker."""
    loop = asyncio.get_running_loop()
    if not await loop.run_in_executor(None, pipe.poll, seconds):
        raise RuntimeError("an attacker says nothing")
    kind, said = pipe.recv()
    if kind == "error":
        raise RuntimeError(f"an attacker failed: {said}")
    return said
