"""What is attacked: a private PostgreSQL, an API and a worker, with the settings of production. Only
receivers are on loopback."""

import asyncio
import contextlib
import glob
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import tempfile
import time

import wire
from cluster import START_MAX, Cluster, Process, free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOGINS = """
create role attacked_api login password '{0}' in role calmony_api, calmony_reader;
create role attacked_worker login password '{0}' in role calmony_worker, calmony_api;
"""
FOLDER = "calmony-attack-"


class Stage:
    """Everything there is."""

    def __init__(self, programs):
        self.calmony, self.outbox_worker = f"{programs}/calmony", f"{programs}/outbox-worker"
        self.cleanup = contextlib.AsyncExitStack()
        self.folder = self.cluster = None
        self.names = 0
        self.secret_key = None

    async def __aenter__(self):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        limit = 20_000 if limit == resource.RLIM_INFINITY else min(limit, 20_000)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        try:
            await self.start()
        except BaseException:
            await self.cleanup.aclose()
            raise
        return self

    async def __aexit__(self, *_):
        await self.cleanup.aclose()

    async def start(self):
        """Makes the cluster, and what is in it."""
        forget_leftovers()
        self.folder = tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-")
        self.cleanup.callback(shutil.rmtree, self.folder, ignore_errors=True)
        os.chmod(self.folder, 0o711)
        self.cluster = Cluster(self.folder)
        self.cleanup.push_async_callback(self.cluster.stop)
        await self.cluster.start()
        await self.run("migrate")
        await self.cluster.sql(LOGINS.format(self.cluster.password))
        self.secret_key = (await self.run("secrets", "generate-key")).strip()

    def environment(self, **more):
        """What commands are told."""
        return {
            "CALMONY_DATABASE_URL": self.cluster.url(),
            "CALMONY_SECRET_KEY": self.secret_key or "",
            "CALMONY_ALLOW_NETWORKS": "127.0.0.0/8",
            **more,
        }

    async def command(self, *arguments, stdout=subprocess.PIPE, env=None):
        """Runs `calmony` with these arguments. Returns its exit code and what it printed."""
        environment = self.environment()
        if self.secret_key is None:
            del environment["CALMONY_SECRET_KEY"]
        child = await asyncio.create_subprocess_exec(
            self.calmony,
            *arguments,
            env={**os.environ, **environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
        )
        try:
            out, errors = await asyncio.wait_for(child.communicate(), START_MAX)
        finally:
            if child.returncode is None:
                child.kill()
        return child.returncode, (out or b"").decode(), errors.decode()

    async def run(self, *arguments):
        """The same, where failing ends the attack. Returns what was printed."""
        code, out, errors = await self.command(*arguments)
        if code:
            raise RuntimeError(f"calmony {arguments} ended with {code}: {errors}")
        return out

    async def account(self, *options):
        """A new account's name, its number and a key of it."""
        self.names += 1
        name = f"account {self.names}"
        key = (await self.run("keys", "create", "--account", name, *options)).strip()
        return Account(
            name, key, int(await self.cluster.sql(f"select id from calmony.account where name = '{name}'"))
        )

    async def key_ids(self, account):
        """The numbers of an account's keys."""
        listed = json.loads(await self.run("keys", "list", "--account", account.name, "--json"))
        return [key["id"] for key in listed]

    @contextlib.asynccontextmanager
    async def system(self, worker=True, before=(), api_env=None):
        """An API and, if wanted, a worker, new ones. What they still owed is forgotten afterwards. `before`
        stands in front of the command of the API."""
        api, worked = None, None
        try:
            api, address = await self.api(before=before, env=api_env)
            if worker:
                worked = await self.worker()
            yield System(address, api, worked)
        finally:
            for process in (api, worked):
                if process:
                    await process.stop(signal.SIGKILL)
            if worker:
                await self.cluster.sql("truncate calmony.outbox, calmony.delivery")

    async def api(self, before=(), env=None, stderr=None):
        """Starts an API. Returns the process and its address."""
        address = ("127.0.0.1", free_port())
        told = {
            "CALMONY_DATABASE_URL": self.cluster.url("attacked_api"),
            "CALMONY_LISTEN": "%s:%d" % address,
            "CALMONY_METRICS_LISTEN": "off",
            "CALMONY_LOG": "warn",
            **(env or {}),
        }
        log = f"{self.folder}/api.log"
        process = await Process.start([*before, self.calmony, "serve"], self.environment(**told), log, stderr)
        self.cleanup.push_async_callback(process.stop, signal.SIGKILL)
        await self.becomes_ready(process, address)
        return process, address

    async def worker(self, env=None, stderr=None):
        """Starts a worker."""
        address = ("127.0.0.1", free_port())
        told = {
            "CALMONY_DATABASE_URL": self.cluster.url("attacked_worker"),
            "CALMONY_WORKER_LISTEN": "%s:%d" % address,
            "CALMONY_LOG": "warn",
            **(env or {}),
        }
        process = await Process.start(
            [self.outbox_worker], self.environment(**told), f"{self.folder}/worker.log", stderr
        )
        self.cleanup.push_async_callback(process.stop, signal.SIGKILL)
        await self.becomes_ready(process, address)
        return process

    async def becomes_ready(self, process, address):
        """Waits until it does its work."""
        ends = time.monotonic() + START_MAX
        while True:
            with contextlib.suppress(*wire.BROKEN):
                if (await wire.ask(address, "GET", "/readyz")).status == 200:
                    return
            if not process.alive or time.monotonic() > ends:
                code = process.child.returncode
                await process.stop(signal.SIGKILL)
                raise NotReady(code)
            await asyncio.sleep(0.05)


class NotReady(Exception):
    """A program that has ended, or takes too long to start."""

    def __init__(self, code):
        super().__init__(f"a program did not become ready (exit code {code})")
        self.code = code


class Account:
    """An account: its name, a key of it and its number in the database."""

    def __init__(self, name, key, number):
        self.name, self.key, self.number = name, key, number


class System:
    """The programs that run, and where the API is."""

    def __init__(self, address, api, worker):
        self.address, self.api, self.worker = address, api, worker


def forget_leftovers():
    """Removes the folders of runs that were killed."""
    for folder in glob.glob(f"{tempfile.gettempdir()}/{FOLDER}*"):
        pid = folder.rsplit(FOLDER, 1)[1].split("-")[0]
        if not os.path.exists(f"/proc/{pid}"):
            shutil.rmtree(folder, ignore_errors=True)
