"""Processes that end with this program, and a private PostgreSQL among them."""

import asyncio
import contextlib
import glob
import os
import pathlib
import pwd
import secrets
import signal
import socket
import subprocess
import time

# PostgreSQL's settings besides its defaults, as `make bench` has them.
SETTINGS = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "shared_buffers=512MB",
    "max_wal_size=4GB",
    "checkpoint_timeout=15min",
    "random_page_cost=1.1",
]
# Interrupts a process when its own standard input ends, which is when this program does, however it dies.
WATCHER = 'read -r _; kill -INT "$1"'
# How long a start may take, and a stop, in seconds.
START_MAX, STOP_MAX = 30, 3


def free_port():
    """A port where nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def programs():
    """The folder of PostgreSQL's programs."""
    named = [os.environ.get("CALMONY_POSTGRES_BIN", "")] + os.environ.get("PATH", "").split(":")
    versions = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    for folder in named + versions + glob.glob("/usr/local/opt/postgresql*/bin"):
        if folder and os.access(f"{folder}/initdb", os.X_OK) and os.access(f"{folder}/psql", os.X_OK):
            return folder
    raise SystemExit("attack needs PostgreSQL 14 or later: apt-get install postgresql")


def unprivileged():
    """Whom PostgreSQL runs as: nobody else, unless this is root, which it refuses."""
    if os.getuid() != 0:
        return {}, None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}, user


class Process:
    """A program of ours. It ends with its standard input, and so with this program."""

    def __init__(self, child):
        self.child, self.pid = child, child.pid

    @classmethod
    async def start(cls, command, env, log=None, stderr=None):
        """Starts it; standard error goes to `stderr`, or to the file `log`."""
        file = open(log, "ab") if log else None
        # A session of its own: Ctrl-C is heard here, and what runs is stopped in order.
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.PIPE,
            stdout=file or subprocess.DEVNULL,
            stderr=file if stderr is None else stderr,
            env={**os.environ, **env, "CALMONY_STOP_WITH_STDIN": "true"},
            start_new_session=True,
        )
        if file:
            file.close()
        return cls(child)

    @property
    def alive(self):
        """Whether it runs."""
        return self.child.returncode is None

    def status(self, name):
        """A number of `/proc/PID/status`: kB of VmHWM and VmRSS, Threads."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
        return 0

    async def ended(self, seconds):
        """Its exit code, or `None` when it still runs after so long."""
        with contextlib.suppress(asyncio.TimeoutError):
            return await asyncio.wait_for(self.child.wait(), seconds)
        return None

    async def stop(self, how=signal.SIGTERM):
        """Stops it, by force if it takes its time."""
        if self.alive:
            self.child.send_signal(how)
            if await self.ended(STOP_MAX) is None:
                self.child.kill()
                await self.child.wait()


class Cluster:
    """The PostgreSQL."""

    def __init__(self, folder):
        self.folder = folder
        self.bin, self.port, self.password = programs(), free_port(), secrets.token_hex(16)
        self.server = self.watcher = None
        self.error = ""

    async def start(self):
        """Makes it and starts it, with one database."""
        rights, user = unprivileged()
        data = await self.make(rights, user)
        settings = [word for setting in [f"port={self.port}", *SETTINGS] for word in ("-c", setting)]
        with open(f"{self.folder}/postgres.log", "ab") as log:
            self.server = await asyncio.create_subprocess_exec(
                *[f"{self.bin}/postgres", "-D", data, *settings],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **rights,
            )
        self.watcher = await Process.start(["sh", "-c", WATCHER, "sh", str(self.server.pid)], {})
        ends = time.monotonic() + START_MAX
        while await self.psql("select 1", "postgres") is None:
            if self.server.returncode is not None or time.monotonic() > ends:
                raise SystemExit("PostgreSQL did not start")
            await asyncio.sleep(0.1)
        await self.sql("create database calmony", "postgres")

    async def make(self, rights, user):
        """Makes the cluster. Returns its folder."""
        home = f"{self.folder}/cluster"
        os.mkdir(home, 0o700)
        with open(f"{home}/password", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(self.password)
        if user:
            os.chown(home, user.pw_uid, user.pw_gid)
            os.chown(f"{home}/password", user.pw_uid, user.pw_gid)
        options = ["--username=calmony", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        making = await asyncio.create_subprocess_exec(
            *[f"{self.bin}/initdb", *options, f"--pwfile={home}/password", f"--pgdata={home}/data"],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **rights,
        )
        _, errors = await making.communicate()
        if making.returncode:
            raise SystemExit(f"initdb failed: {errors.decode()}")
        return f"{home}/data"

    async def stop(self):
        """Stops it. The watcher goes first: the number of a process that is gone may be another one's."""
        if self.watcher:
            self.watcher.child.kill()
            await self.watcher.child.wait()
        if self.server:
            await Process(self.server).stop(signal.SIGINT)

    def url(self, login="calmony", host="127.0.0.1"):
        """The database's URL for a login."""
        return f"postgresql://{login}:{self.password}@{host}:{self.port}/calmony"

    async def psql(self, text, database="calmony"):
        """What SQL answers; `None` when it fails."""
        command = [f"{self.bin}/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"]
        child = await asyncio.create_subprocess_exec(
            *[*command, "-p", str(self.port), "-U", "calmony", "-d", database],
            env={**os.environ, "PGPASSWORD": self.password, "PGOPTIONS": "-c client_min_messages=warning"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        answer, errors = await child.communicate(text.encode())
        self.error = errors.decode()
        return answer.decode().strip() if child.returncode == 0 else None

    async def sql(self, text, database="calmony"):
        """What SQL answers, as the superuser."""
        answer = await self.psql(text, database)
        if answer is None:
            raise RuntimeError(f"PostgreSQL: {self.error}")
        return answer

    async def past_triggers(self, text):
        """Runs SQL past the triggers of the log, which are slow for many rows. They are on again
        afterwards."""
        rows = await self.sql(
            "select format('alter table %s %%s trigger %I', tgrelid::regclass, tgname) from pg_trigger"
            " where tgenabled = 'A' and tgrelid = 'calmony.event'::regclass"
        )
        off = [row.replace("%s", "disable") for row in rows.splitlines()]
        on = [row.replace("%s", "enable always") for row in rows.splitlines()]
        await self.sql("\n".join(f"{statement};" for statement in ["begin", *off, text, *on, "commit"]))
