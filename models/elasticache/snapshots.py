"""Snapshots of a Redis node (BGSAVE): what saving all that it holds costs those that it serves meanwhile.

The process forks, for which it stands still, the longer the more memory it has. Its child writes everything down, and
shares all pages with it, until one of them is written to: then there are two. So a save takes memory, by the pages that
are written while it lasts; where that exceeds what the node has, as much is swapped out, and the one thread waits for
a disk whenever it needs a page of that.

Source:
    Redis latency guide: forks; Idziorek et al., MemoryDB, SIGMOD 2024: about 12 ms per GB, and what becomes of a node
    whose memory is short. Expected distinct pages of P after w writes at random: P (1 - exp(-w / P)).

Limits:
    Writes are taken to fall evenly on all pages, which is the most that they can touch, and any page is as likely to be
    swapped out. Memory that is reserved for other uses is what objects leave over. What a node loads is for
    `persistence` to say. MemoryDB's snapshots, made by no node that serves, are those of a replica that nobody reads
    from. A node of which a fault says that it is slow does not swap at the same time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from models.elasticache.node_types import GIB
from models.kernel.laws import NonNegative, Positive
from models.kernel.parts import Cache, Log, Station
from models.kernel.plane import Plane
from models.kernel.registry import Parameters, parameter
from models.looks import Process

PAGE_BYTES, ENTRY_BYTES = 4096, 8
"""A page of memory, and what the page table has for each. Source: Redis latency guide."""
LOOK_S = 0.5
"""Seconds between looks at how much memory a save has taken."""


class SnapshotParameters(Parameters):
    """When a node saves all that it holds, and what that takes."""

    first_s: Positive = parameter(60.0, "seconds until the first save begins", assumed="when it is studied")
    every_s: Positive | None = parameter(
        None, "seconds from the beginning of one save to the next; none: there is one", example=3600.0
    )
    of: Literal["primaries", "replicas"] = parameter(
        "replicas", "which nodes save: primaries, or the first replica of each shard, if there is one",
        source="ElastiCache guide: backups are taken from a replica where there is one",
    )  # fmt: skip
    write_bytes_per_s: Positive = parameter(
        100e6, "bytes/s at which a save is written", assumed="50 to 500 MB/s: compression, network and disk"
    )
    swap_in_s: NonNegative = parameter(
        0.001, "seconds for which the one thread waits for a page that was swapped out", assumed="0.0001 to 0.01 s"
    )


def distinct_pages(pages: float, writes: float) -> float:
    """Expected pages that were written to at least once, of so many, after writes that fall evenly on them."""
    return pages * -math.expm1(-writes / pages) if pages > 0.0 else 0.0


def _written(plane: Plane, log: Log, node: int) -> float:
    """Pages that a node has written to since time zero, each as often as that: of each object all, and one more."""
    if not plane.uses(log):
        return 0.0
    here = plane.position(log, node)
    return here.records + here.bytes / PAGE_BYTES


def _touched(plane: Plane, log: Log, node: int) -> float:
    """Pages that a command needs: those of its object, as long as those written were, and one more."""
    records = plane.position(log, node).records if plane.uses(log) else 0
    return _written(plane, log, node) / records if records else 1.0


def stand_still(plane: Plane, thread: Station, node: int, seconds: float) -> Process:
    """A node does nothing else while it forks, unless it does nothing anyway."""
    if seconds > 0.0 and plane.works(thread, node):
        plane.pause(thread, node)
        yield plane.until(float(plane.env.now) + seconds)
        plane.resume(thread, node)


@dataclass(frozen=True)
class Saver:
    """How a node writes down all that it holds, and what that does to it meanwhile.

    Args:
        thread: What stands still, and waits for pages.
        cache: What is saved.
        log: Where writes are counted.
        fork_s_per_gib: Seconds for which a node stands still as it forks.
        memory_bytes: Of a node, for everything.
        command_s: Seconds of the thread's work on a command, of whose pages any may be swapped out.
        write_bytes_per_s: At which it is written.
        swap_in_s: Seconds that the thread waits for a page that was swapped out.
    """

    thread: Station
    cache: Cache
    log: Log
    fork_s_per_gib: float
    memory_bytes: float
    command_s: float
    write_bytes_per_s: float
    swap_in_s: float

    def save(self, plane: Plane, node: int) -> Process:
        """Save once; over when all is written."""
        held = float(plane.held(self.cache, node))
        before, touched = _written(plane, self.log, node), _touched(plane, self.log, node)
        fork_s = self.fork_s_per_gib * held / GIB
        plane.note(f"node {node} forks to save {held / GIB:.2f} GiB, and stands still for {1000 * fork_s:.0f} ms")
        yield from stand_still(plane, self.thread, node, fork_s)
        end_s, most, slowed = float(plane.env.now) + held / self.write_bytes_per_s, 0.0, 1.0
        while float(plane.env.now) < end_s:
            yield plane.until(min(end_s, float(plane.env.now) + LOOK_S))
            copied = PAGE_BYTES * distinct_pages(held / PAGE_BYTES, _written(plane, self.log, node) - before)
            used = held + copied + held / PAGE_BYTES * ENTRY_BYTES
            most = max(most, used)
            plane.level(f"node {node} memory used of all", used / self.memory_bytes)
            short = max(0.0, used - self.memory_bytes) / self.memory_bytes
            factor = 1.0 + touched * short * self.swap_in_s / self.command_s
            if factor != slowed:
                plane.slow(self.thread, node, factor)
                slowed = factor
        if slowed != 1.0:
            plane.slow(self.thread, node, 1.0)
        plane.level(f"node {node} memory used of all", float(plane.held(self.cache, node)) / self.memory_bytes)
        plane.note(f"node {node} has saved, with at most {100 * most / self.memory_bytes:.0f} % of its memory used")

    def at_intervals(self, plane: Plane, node: int, parameters: SnapshotParameters) -> Process:
        """Save at intervals."""
        yield from at_intervals(plane, parameters, lambda: self.save(plane, node))


def at_intervals(plane: Plane, parameters: SnapshotParameters, save: Callable[[], Process]) -> Process:
    """Do something whenever there is to be a snapshot, one after the other."""
    begin_s = parameters.first_s
    while True:
        yield plane.until(begin_s)
        yield from save()
        if parameters.every_s is None:
            return
        begin_s = max(begin_s + parameters.every_s, float(plane.env.now))
