"""How fast the engines are: the table and the picture of what `make bench` measured.

Reads what pytest-benchmark wrote of `tests/benchmarks`, prints tables, and leaves a picture and its numbers beside the
other studies. Ratios are of one sitting, taken in turns; the numbers of requests per second are of one machine.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.datafiles import csv_text
from bench.pictures.bars import draw
from bench.pictures.data import BarPanel, BarsData, Frame
from bench.studies.exhibits import FOLDER, keep_study

SYSTEMS = {
    "mmc": "M/M/4 at 80 %",
    "cache_aside": "Cache-aside, Zipf",
    "quorum_write": "4 of 6 copies",
    "direct": "DynamoDB, YCSB B",
    "dax": "through DAX, YCSB B",
}
CONTESTANTS = {
    "by hand": "SimPy by hand",
    "simpy": "SimPy engine",
    "interpreting": "compiled, any system",
    "specialised": "compiled, this system",
    "C": "C by hand",
}
REPLAYS = {
    "test_replay_against_an_ordered_dict": "keys numbered",
    "test_replay_with_reading_against_an_ordered_dict": "with reading and numbering the file",
}


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Args:
        engines: Requests per second, by system and contestant.
        replays: Requests per second, by what was replayed and by whom.
        scale: Nanoseconds per request and peak memory in MB, by number of requests.
    """

    engines: Mapping[str, Mapping[str, float]]
    replays: Mapping[str, Mapping[str, float]]
    scale: Mapping[str, Mapping[str, float]]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Measured:
        """From pytest-benchmark's document; what was not run is not there."""
        rates: dict[str, Mapping[str, float]] = {}
        scale: Mapping[str, Mapping[str, float]] = {}
        for each in document["benchmarks"]:
            info = each["extra_info"]
            name = each["param"] or each["name"]
            if "requests_per_s" in info:
                rates[name] = info["requests_per_s"]
            scale = info.get("scale", scale)
        known = {name: rates[name] for name in SYSTEMS if name in rates}
        return cls(known, {name: rates[name] for name in REPLAYS if name in rates}, scale)


def markdown(measured: Measured) -> Iterator[str]:
    """The tables, line by line."""
    if measured.engines:
        names = [name for name in CONTESTANTS if any(name in rates for rates in measured.engines.values())]
        yield from _row("requests per second", *(CONTESTANTS[name] for name in names))
        yield from _row(*["---"] * (len(names) + 1))
        for system, rates in measured.engines.items():
            yield from _row(SYSTEMS[system], *(_rate(rates, name, "by hand") for name in names))
        yield ""
    if measured.replays:
        yield from _row("trace through an LRU", "`OrderedDict`", "compiled, any system", "compiled, this system")
        yield from _row(*["---"] * 4)
        for name, rates in measured.replays.items():
            columns = (_rate(rates, each, "by hand") for each in ("by hand", "interpreting", "specialised"))
            yield from _row(REPLAYS[name], *columns)
        yield ""
    if measured.scale:
        yield from _row("requests of `dax_vs_dynamodb`, caches cold", *(f"{int(count):,}" for count in measured.scale))
        yield from _row(*["---"] * (len(measured.scale) + 1))
        yield from _row("ns per request", *(f"{each['ns_per_request']:,.0f}" for each in measured.scale.values()))
        yield from _row("peak memory, MB", *(f"{each['peak_memory_mb']:,.0f}" for each in measured.scale.values()))


def _row(*cells: str) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"


def _rate(rates: Mapping[str, float], name: str, reference: str) -> str:
    if name not in rates:
        return ""
    rate, times = rates[name], rates[name] / rates[reference]
    number = f"{rate / 1e6:.3g} M" if rate >= 1e6 else f"{rate / 1e3:.3g} k"
    return number if name == reference else f"{number} ({_times(times)})"


def _times(value: float) -> str:
    return f"{value:.1f} times" if value < 10.0 else f"{value:.0f} times"


def picture_data(measured: Measured) -> BarsData:
    """A panel for each system, a bar for each contestant but the reference."""
    names = [name for name in CONTESTANTS if name != "by hand"]
    unknown = np.full(len(names), math.nan)
    panels = [
        BarPanel(
            SYSTEMS[system], "times SimPy by hand",
            np.array([rates.get(name, math.nan) / rates["by hand"] for name in names]),
            unknown, unknown, [""] * len(names),
        )
        for system, rates in measured.engines.items()
    ]  # fmt: skip
    frame = Frame("Study", "How fast are the engines?", finding(measured), CAPTION)
    return BarsData(frame, [CONTESTANTS[name] for name in names], panels)


CAPTION = (
    "Requests per second, draws and measures included, divided by those of a SimPy program written by hand for the "
    "same system; the best of several turns in one sitting on two cores. Making a loop for one system (one to six "
    "seconds, once) is not counted; C is a plain event loop."
)


def finding(measured: Measured) -> str:
    """What the bars say."""
    ratios = [rates["specialised"] / rates["by hand"] for rates in measured.engines.values()]
    text = f"{min(ratios):.0f} to {max(ratios):.0f} times as fast as SimPy by hand"
    parts = [rates["specialised"] / rates["C"] for rates in measured.engines.values() if "C" in rates]
    if parts:
        text += f", {min(parts):.1f} to {max(parts):.1f} of the speed of C"
    return text


def table(measured: Measured) -> str:
    """The rates as CSV."""
    rows = [
        (SYSTEMS[system], CONTESTANTS[name], rate, rate / rates["by hand"])
        for system, rates in measured.engines.items()
        for name, rate in rates.items()
    ]
    return csv_text(("system", "contestant", "requests_per_s", "times_simpy_by_hand"), rows)


def main(arguments: Sequence[str], folder: Path) -> None:
    """Print what was measured, and leave the picture and its numbers in a folder."""
    measured = Measured.of(json.loads(Path(arguments[0]).read_text("utf-8")))
    sys.stdout.write("\n".join(markdown(measured)) + "\n")
    if measured.engines:
        data = picture_data(measured)
        keep_study(folder, "speed", data.frame, "make bench", lambda: draw(data), table(measured))


if __name__ == "__main__":
    main(sys.argv[1:], FOLDER)
