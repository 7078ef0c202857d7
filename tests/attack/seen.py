"""What was measured, and how it is shown."""

import json
from dataclasses import dataclass, field
from typing import Optional, Union


@dataclass
class Seen:
    """Latencies in milliseconds, and failures by their reason. A failure counts as a latency without end."""

    latencies: list = field(default_factory=list)
    failures: dict = field(default_factory=dict)

    def fail(self, reason):
        """Notes a failure."""
        self.failures[str(reason)] = self.failures.get(str(reason), 0) + 1

    @property
    def failed(self):
        """The number of failures."""
        return sum(self.failures.values())

    def percentile(self, percent):
        """The latency that so many percent stay below; `None` where it never ends, or where there is none."""
        latencies = sorted(self.latencies)
        place = (len(latencies) + self.failed) * percent // 100
        place = min(place, len(latencies) + self.failed - 1)
        return latencies[place] if 0 <= place < len(latencies) else None

    def within(self, percent, bound):
        """Whether that percentile is within a bound in milliseconds."""
        latency = self.percentile(percent)
        return latency is not None and latency <= bound

    def __str__(self):
        return " / ".join(milliseconds(self.percentile(percent)) for percent in (50, 99, 100))

    def as_json(self):
        """For machines; `null` is a latency without end."""
        return {
            "p50_ms": self.percentile(50),
            "p99_ms": self.percentile(99),
            "max_ms": self.percentile(100),
            "count": len(self.latencies) + self.failed,
            "failed": self.failed,
            "failures": self.failures,
        }


def milliseconds(latency):
    """A latency as text."""
    if latency is None:
        return "never"
    return f"{latency:.1f}" if latency < 100 else f"{latency:,.0f}"


@dataclass
class Row:
    """What became of one attack."""

    attack: str
    wanted: str
    # Of the peer, alone and under attack; or a text where the attack isn't about a peer.
    alone: Union[Seen, str] = "–"
    attacked: Union[Seen, str] = "–"
    # `None`: it was skipped.
    ok: Optional[bool] = None
    note: str = ""
    figures: dict = field(default_factory=dict)

    @property
    def verdict(self):
        """The last column."""
        return {None: "skipped", True: "ok", False: "FAILED"}[self.ok]

    def cells(self):
        """The columns."""
        failed = str(self.attacked.failed) if isinstance(self.attacked, Seen) else "–"
        return [
            self.attack,
            str(self.alone),
            str(self.attacked),
            failed,
            self.note,
            self.wanted,
            self.verdict,
        ]

    def as_json(self):
        """For machines."""
        shown = [seen.as_json() if isinstance(seen, Seen) else seen for seen in (self.alone, self.attacked)]
        return {
            "attack": self.attack,
            "alone": shown[0],
            "attacked": shown[1],
            "wanted": self.wanted,
            "result": self.verdict,
            "note": self.note,
            "figures": self.figures,
        }


TITLES = [
    "attack",
    "a peer alone, ms",
    "under attack, ms",
    "failures",
    "besides",
    "wanted",
    "",
]


def table(rows):
    """All of it, for people, in Markdown. Latencies are p50 / p99 / max."""
    lines = [TITLES, ["---"] * len(TITLES)] + [row.cells() for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(TITLES))]
    lines[1] = ["-" * width for width in widths]
    shown = (
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines
    )
    return "\n".join(shown)


def write_json(path, about, rows):
    """All of it, for machines."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**about, "attacks": [row.as_json() for row in rows]}, file, indent=1, ensure_ascii=False)
        file.write("\n")
