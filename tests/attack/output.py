"""Output that goes nowhere: log lines that can't be written, commands that nobody hears, JSON that isn't."""

import asyncio
import json
import os
import signal
import time

import sink
import wire
from seen import Row
from stage import NotReady

# Everything is logged, so that there is always something to lose.
LOUD = {"CALMONY_LOG": "debug"}
# How long a webhook may take, in seconds.
PATIENCE = 5
# Every kind of character that a terminal must not be sent.
STRANGE = "a\x1b[2Jb\x7fc\u0085d\u202ee\u2066f\u2068g\u2069h\u200bi\ufeffj\u2028k\U000e0001l"
RECEIVER = "127.0.0.2"


def full():
    """A file that is always full, open for writing."""
    return open("/dev/full", "wb", buffering=0)


async def delivers(stage, stderr_of_worker, stderr_of_api, after_start=lambda: None):
    """What goes wrong, in words, when both programs log to these: nothing, if a webhook arrives."""
    account = await stage.account()
    api = worker = receiver = None
    try:
        api, address = await stage.api(env=LOUD, stderr=stderr_of_api)
        worker = await stage.worker(env=LOUD, stderr=stderr_of_worker)
        after_start()
        receiver = await sink.Sink().open([RECEIVER])
        params = {"url": f"http://{RECEIVER}:{receiver.port}/", "enabled_events": ["customer.created"]}
        await wire.must(address, "POST", "/v1/webhook_endpoints", account.key, params)
        for number in range(3):
            await wire.must(address, "POST", "/v1/customers", account.key, {"description": f"n-{number}"})
        ends = time.monotonic() + PATIENCE
        while len(receiver.arrivals) < 3 and time.monotonic() < ends:
            await asyncio.sleep(0.05)
        if len(receiver.arrivals) < 3:
            return f"{3 - len(receiver.arrivals)} of 3 webhooks missing" + gone(api, worker)
        await asyncio.sleep(0.2)
        return gone(api, worker).strip("; ")
    except NotReady as error:
        return f"it ended with {error.code}"
    except (RuntimeError, *wire.BROKEN) as error:
        return type(error).__name__ + gone(api, worker)
    finally:
        for process in (api, worker):
            if process:
                await process.stop(signal.SIGKILL)
        if receiver:
            receiver.close()
        await stage.cluster.sql("truncate calmony.outbox, calmony.delivery")


def gone(api, worker):
    """Which of them doesn't run."""
    names = [name for name, process in (("API", api), ("worker", worker)) if process and not process.alive]
    return "".join(f"; the {name} is gone" for name in names)


async def logs(stage):
    """A log volume that is full, and a log pipe that is closed, for either program."""
    rows = []
    for name in ("worker", "api"):
        with full() as stderr:
            streams = (stderr, None) if name == "worker" else (None, stderr)
            wrong = await delivers(stage, *streams)
        rows.append(outcome(f"output-{name}-log-full", "it works on", wrong))
        read, write = os.pipe()
        streams = (write, None) if name == "worker" else (None, write)
        wrong = await delivers(stage, *streams, after_start=lambda pipe=read: os.close(pipe))
        os.close(write)
        rows.append(outcome(f"output-{name}-log-closed", "it works on", wrong))
    return rows


def outcome(name, wanted, wrong):
    """A row of something that works or doesn't."""
    return Row(name, wanted, attacked="otherwise" if wrong else "as wanted", ok=not wrong, note=wrong)


async def commands(stage):
    """Commands whose output goes nowhere, and what they say of it."""
    account = await stage.account()
    async with stage.system() as system:
        url = "http://%s:%d" % system.address
        env = {"CALMONY_URL": url, "CALMONY_API_KEY": account.key}
        params = {"description": STRANGE, "metadata": {"strange": STRANGE}}
        made = await wire.must(system.address, "POST", "/v1/customers", account.key, params)
        keys = await stage.key_ids(account)
        wrong = []
        for words in (
            ["keys", "create", "--account", account.name],
            ["keys", "list"],
            ["secrets", "generate-key"],
            ["events", "list"],
            ["events", "list", "--json"],
            ["verify"],
            ["doctor"],
            ["lookup", made["id"]],
        ):
            with full() as stdout:
                code, _, errors = await stage.command(*words, stdout=stdout, env=env)
            if code != 1 or not errors.strip():
                wrong.append(f"{called(words)}: {code}")
        left = len(await stage.key_ids(account)) - len(keys)
        shown = await as_json(stage, env, made)
        closed = await to_a_closed_pipe(stage, env)
    full_row = outcome("output-commands-full", "exit code 1 and a line", ", ".join(wrong))
    key = f"{left} key that nobody has seen" if left else ""
    return [
        full_row,
        outcome("output-key-unseen", "a key that couldn't be shown is revoked", key),
        outcome("output-json", "what --json prints is JSON, and says what is stored", ", ".join(shown)),
        outcome("output-commands-closed", "exit code 0", ", ".join(closed)),
    ]


def called(words):
    """The name of a command, without ids."""
    return " ".join(word for word in words[:2] if not word.startswith("cus_"))


async def as_json(stage, env, made):
    """The commands whose JSON isn't any, or doesn't have the text that is stored."""
    wrong = []
    for words in (
        ["events", "list", "--json"],
        ["objects", "show", made["id"], "--history", "--json"],
        ["lookup", made["id"], "--json"],
    ):
        code, out, _ = await stage.command(*words, env=env)
        try:
            parsed = json.loads(out)
            if code or json.dumps(STRANGE) not in json.dumps(parsed):
                wrong.append(f"{called(words)}: {code}, another text")
        except ValueError:
            wrong.append(f"{called(words)}: no JSON")
    return wrong


async def to_a_closed_pipe(stage, env):
    """The commands that don't end with 0 when nobody listens any more."""
    wrong = []
    for words in (["events", "list"], ["keys", "list"]):
        read, write = os.pipe()
        os.close(read)
        code, _, _ = await stage.command(*words, stdout=write, env=env)
        os.close(write)
        if code:
            wrong.append(f"{' '.join(words)}: {code}")
    return wrong


async def hang_up(stage):
    """SIGHUP, which stops like SIGTERM."""
    wrong = []
    api, _ = await stage.api()
    worker = await stage.worker()
    for name, process in (("API", api), ("worker", worker)):
        process.child.send_signal(signal.SIGHUP)
        code = await process.ended(PATIENCE)
        if code != 0:
            wrong.append(f"{name}: {code}")
        await process.stop(signal.SIGKILL)
    return [outcome("output-hang-up", "SIGHUP ends both in order (exit code 0)", ", ".join(wrong))]


async def output(stage):
    """All of these."""
    return await logs(stage) + await commands(stage) + await hang_up(stage)


ATTACKS = {"output": output}
