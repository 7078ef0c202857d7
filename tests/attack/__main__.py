"""Attacks on the release programs, each beside a peer that is measured alone and under attack.

`make attack` runs them all: on loopback, against a private PostgreSQL, within five minutes. docs/ATTACKS.md
tells of each.

    scripts/attack [NAME …] [--json FILE]

A name stands for all attacks that begin with it. Exit code 1 when one failed."""

import argparse
import asyncio
import datetime
import os
import signal
import subprocess
import sys
import time

import deliveries
import fanout
import lookups
import output
import places
import readers
import rights
import storage
import urls
from seen import Row, table, write_json
from stage import ROOT, Stage

MODULES = [deliveries, places, readers, lookups, storage, fanout, rights, urls, output]
ATTACKS = {name: attack for module in MODULES for name, attack in module.ATTACKS.items()}
# The longest that one attack may take, and all of them, in seconds.
ONE_MAX, ALL_MAX = 90, 300


def options():
    """What the command line asks for."""
    parser = argparse.ArgumentParser(
        description="Attack the release programs, on loopback, within five minutes."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only the attacks that begin so")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    parser.add_argument("--list", action="store_true", help="say which attacks there are")
    parser.add_argument(
        "--programs",
        metavar="FOLDER",
        default=os.environ.get("CALMONY_BIN") or str(ROOT / "target" / "release"),
        help="the folder of calmony and outbox-worker (CALMONY_BIN; default: target/release)",
    )
    given = parser.parse_args()
    unknown = [name for name in given.names if not any(known.startswith(name) for known in ATTACKS)]
    if unknown:
        parser.error(f"no attack begins with {', '.join(unknown)}; there are {', '.join(ATTACKS)}")
    if not given.list and not os.access(f"{given.programs}/outbox-worker", os.X_OK):
        parser.error(f"there are no programs in {given.programs}; `make attack` builds them")
    return given


async def one(name, attack, stage, seconds):
    """The rows of one attack. One that can't be carried out has failed."""
    print(f"{name} …", end=" ", file=sys.stderr, flush=True)
    begun = time.monotonic()
    try:
        rows = await asyncio.wait_for(attack(stage), min(ONE_MAX, seconds))
    except Exception as error:  # the others go on, whatever it is
        why = f"it couldn't be carried out: {type(error).__name__} {error}"
        rows = [Row(name, "–", ok=False, note=why)]
    verdicts = ", ".join(row.verdict for row in rows)
    print(f"{verdicts} ({time.monotonic() - begun:.0f} s)", file=sys.stderr, flush=True)
    return rows


async def attack_all(chosen, programs):
    """The rows of all that are chosen."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    ends = time.monotonic() + ALL_MAX
    rows = []
    async with Stage(programs) as stage:
        for name, attack in chosen.items():
            rows.extend(await one(name, attack, stage, ends - time.monotonic()))
    return rows


def main():
    """The command. Returns its exit code."""
    given = options()
    if given.list:
        print("\n".join(f"{name}: {attack.__doc__}" for name, attack in ATTACKS.items()))
        return 0
    begun = time.monotonic()
    wanted = tuple(given.names)
    chosen = {name: attack for name, attack in ATTACKS.items() if not wanted or name.startswith(wanted)}
    try:
        rows = asyncio.run(attack_all(chosen, given.programs))
    except asyncio.CancelledError:
        print("interrupted; everything has been stopped", file=sys.stderr)
        return 130
    version = subprocess.run(
        [f"{given.programs}/calmony", "--version"], capture_output=True, text=True, check=True
    )
    about = {
        "date": datetime.date.today().isoformat(),
        "version": version.stdout.strip(),
        "cores": len(os.sched_getaffinity(0)),
        "seconds": round(time.monotonic() - begun),
    }
    print("Latencies: p50 / p99 / max in ms; a failure is one that never ends.\n")
    print(table(rows))
    failed = sum(row.ok is False for row in rows)
    where = f"{about['version']}, {about['cores']} cores, {about['seconds']} s"
    print(f"\n{where}: {len(rows)} attacks, {failed} failed")
    if given.json:
        write_json(given.json, about, rows)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
