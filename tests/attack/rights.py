"""Rights that should have ended: streams of keys that have, a copied cookie, a plain-text password."""

import asyncio
import re
import time

import wire
from places import open_stream
from seen import Row

# How soon a right has to end, and how long is waited for it, in seconds.
WITHIN, WAIT = 1, 5
LIFE = 3


async def ended(reader):
    """Reads until the last chunk of an answer, or the end of its connection."""
    # What was read before ended a line: the last chunk may come alone.
    last = b"\r\n"
    while not last.endswith(b"\r\n0\r\n\r\n"):
        read = await reader.read(65_536)
        if not read:
            return
        last = (last + read)[-16:]


async def ends(system, reader, account):
    """How many seconds a stream goes on, while something happens in its account all the time."""
    begun = time.monotonic()
    over = asyncio.create_task(ended(reader))
    while time.monotonic() - begun < WAIT and not over.done():
        await wire.must(system.address, "POST", "/v1/customers", account.key, {"name": "Ada"})
        await asyncio.wait([over], timeout=0.1)
    over.cancel()
    return time.monotonic() - begun if over.done() and not over.cancelled() else float("inf")


async def streams(stage):
    """A stream after its key was revoked, and one after its key has expired."""
    rows = []
    account = await stage.account()
    async with stage.system(worker=False) as system:
        for name, options in (("revoked", []), ("expired", ["--expires-in", f"{LIFE}s"])):
            before = set(await stage.key_ids(account))
            made = time.monotonic()
            key = (await stage.run("keys", "create", "--account", account.name, *options)).strip()
            (number,) = set(await stage.key_ids(account)) - before
            connection, status = await open_stream(system.address, key)
            if status != 200:
                raise RuntimeError(f"a stream was answered {status}")
            if name == "revoked":
                await stage.run("keys", "revoke", str(number))
            else:
                await asyncio.sleep(max(0, made + LIFE - time.monotonic()))
            lasted = await ends(system, connection.reader, account)
            connection.close()
            shown = f"> {WAIT} s" if lasted == float("inf") else f"{lasted:.1f} s"
            wanted = f"it ends within {WITHIN} s"
            figures = {"seconds": None if lasted == float("inf") else round(lasted, 2)}
            rows.append(Row(f"rights-stream-{name}", wanted, "–", shown, lasted <= WITHIN, figures=figures))
    return rows


async def cookie(stage):
    """A cookie of the dashboard that was copied before its owner signed out."""
    account = await stage.account()
    async with stage.system(worker=False) as system:

        async def ask(method, path, params=None, cookie=None):
            headers = [("Cookie", cookie)] if cookie else []
            return await wire.ask(system.address, method, path, params=params, headers=headers, form=True)

        signed_in = await ask("POST", "/dashboard/sign-in", {"key": account.key})
        copied = signed_in.headers["set-cookie"].split(";")[0]
        page = await ask("GET", "/dashboard", cookie=copied)
        token = re.search(rb'name="token" value="([^"]+)"', page.body)[1].decode()
        signed_out = await ask("POST", "/dashboard/sign-out", {"token": token}, copied)
        await asyncio.sleep(WITHIN)
        after = await ask("GET", "/dashboard", cookie=copied)
    ok = page.status == 200 and signed_out.status == 303 and after.status == 303
    return [
        Row(
            "rights-cookie",
            f"a copied cookie opens nothing {WITHIN} s after signing out",
            f"answered {page.status}",
            f"answered {after.status}",
            ok,
            "303: sign in",
            {"before": page.status, "signed_out": signed_out.status, "after": after.status},
        )
    ]


async def plain_text(stage):
    """A database URL with `sslmode=prefer`, which goes on in plain text where there is no TLS."""
    env = {"CALMONY_DATABASE_URL": f"{stage.cluster.url()}?sslmode=prefer"}
    code, out, errors = await stage.command("check-config", env=env)
    said = "prefer" in out + errors
    return [
        Row(
            "rights-plain-text",
            "`sslmode=prefer` is refused by name",
            attacked=f"exit code {code}",
            ok=code != 0 and said,
            note=f"the refusal names it: {'yes' if said else 'no'}",
            figures={"code": code, "named": said},
        )
    ]


async def rights(stage):
    """All of these."""
    return await streams(stage) + await cookie(stage) + await plain_text(stage)


ATTACKS = {"rights": rights}
