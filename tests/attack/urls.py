"""URLs that are called otherwise than they are stored, and those that a parser has to repair first."""

import wire
from seen import Row

# What a parser only takes after a repair. Each has to be refused.
BROKEN = [
    " http://127.0.0.1:9/x",
    "http://127.0.0.1:9/x ",
    "\u0000http://127.0.0.1:9/",
    "\x1fhttp://127.0.0.1:9/",
    "http:127.0.0.1:9/q",
    "http:/127.0.0.1:9/q",
    "http:///127.0.0.1:9/q",
    "http:////127.0.0.1:9/q",
    "http:\\\\127.0.0.1:9\\q",
    "http://127.0.0.1:9\\q",
    "http://a\\@127.0.0.1:9/",
    "http://127.0.0.1:9/a\rb",
    "http://127.0.0.1:9/a\nb",
    "http://127.0.0.1:9/\r\nX-Forged: yes",
    "http://127.0.0.1:9/a\tb",
    "ht\ntp://127.0.0.1:9/",
    "http://127.0\t.0.1:9/",
    "http://127.0.0.1:9/a b",
    "http://127.0.0.1:9/?a b",
    "http://127.0.0.1:9/\x7f",
    "http://127.0.0.1:9/\x1b[2J",
    "http://127.0.0.1:9/<a>",
    'http://127.0.0.1:9/"a"',
    "http://127.0.0.1:9/a|b\u0085",
]
# Another spelling of something. Each has to be refused, or stored as it is called.
SPELLED_OTHERWISE = {
    "http://127.1:9/": "http://127.0.0.1:9/",
    "http://2130706433:9/": "http://127.0.0.1:9/",
    "http://0x7f.0.0.1:9/": "http://127.0.0.1:9/",
    "http://0177.0.0.1:9/": "http://127.0.0.1:9/",
    "http://１27.0.0.1:9/": "http://127.0.0.1:9/",
    "http://127.0.0.1:9/a/../b": "http://127.0.0.1:9/b",
    "http://127.0.0.1:9/./b": "http://127.0.0.1:9/b",
    "http://127.0.0.1:9/%2e%2e/b": "http://127.0.0.1:9/b",
    "http://127.0.0.1:09/": "http://127.0.0.1:9/",
    "http://127.0.0.1:9/\u202eevil": "http://127.0.0.1:9/%E2%80%AEevil",
    "HTTP://127.0.0.1:9/": "http://127.0.0.1:9/",
    "http://127.0.0.1:80/": "http://127.0.0.1/",
}
# And what is nothing of the kind: each has to be saved, as it is given.
FINE = [
    "http://127.0.0.1:1024/",
    "http://127.0.0.1:1024/hook?a=b&c=%20d",
    "http://127.0.0.1:1024/~x/a-b_c.d;e,f=g:h@i!j$k'(l)*m+n",
]


def called(url):
    """The URL on a port that may be called: 9 is a name for it, to keep the lists readable."""
    return url.replace(":9/", ":9999/").replace(":09/", ":09999/").replace(":9\\", ":9999\\")


async def urls(stage):
    """A list of URLs that a parser repairs."""
    account = await stage.account()
    wrong = []
    async with stage.system(worker=False) as system:

        async def save(url):
            params = {"url": url, "enabled_events": ["*"]}
            return await wire.ask(system.address, "POST", "/v1/webhook_endpoints", account.key, params)

        for url in map(called, BROKEN):
            answer = await save(url)
            code = answer.json().get("error", {}).get("code")
            # A NUL is refused in every text, with a code of its own.
            if answer.status != 400 or code not in ("url_invalid", "invalid_characters"):
                wrong.append(url)
        for url, meant in SPELLED_OTHERWISE.items():
            answer = await save(called(url))
            if (
                answer.status == 200
                and answer.json()["url"] != called(meant)
                or answer.status not in (200, 400)
            ):
                wrong.append(url)
        for url in FINE:
            answer = await save(url)
            if answer.status != 200 or answer.json()["url"] != url:
                wrong.append(url)
    total = len(BROKEN) + len(SPELLED_OTHERWISE) + len(FINE)
    return [
        Row(
            "urls",
            "what a parser had to repair is refused; what is stored is what is called",
            attacked=f"{len(wrong)} of {total} wrong",
            ok=not wrong,
            note=", ".join(repr(url)[1:-1] for url in wrong[:3]) + (", …" if len(wrong) > 3 else ""),
            figures={"wrong": wrong, "of": total},
        )
    ]


ATTACKS = {"urls": urls}
