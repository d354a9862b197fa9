"""What a Redis node has on its disk, and how it comes back with that.

The log of commands (AOF): each write is in a file, and `appendfsync` says when that is on the disk. "always": before
anybody whose command was in the same round of the event loop has an answer, once for all of them, and the one thread
waits for it. "everysec": another thread sees to it each second; the one thread waits only if the disk takes longer than
two. "no": the operating system does, some time. When the file has grown enough, the node writes down all that it holds
instead, for which it forks. Without the log there is what the last snapshot has.

A node that starts anew loads that, and answers nobody meanwhile: a snapshot at the speed of its bytes, a log command by
command. What was not on the disk is lost, acknowledged or not. A replica asks its primary, whatever is on its disk.

Source:
    redis.io, persistence; redis.conf of Redis 7: appendfsync, auto-aof-rewrite-percentage, auto-aof-rewrite-min-size;
    src/aof.c, flushAppendOnlyFile: two seconds of patience. ElastiCache has had no AOF since Redis 2.8.22, and replaces
    a lost node by an empty one: this is for nodes that somebody runs himself, or for what ElastiCache leaves out.

Limits:
    A fault takes the whole machine with it: where only the process dies, what it has given to the operating system
    lives. All that is held when the run begins is on the disk. What takes the disk's time besides, a rewrite or a
    snapshot, does not slow the log down, and giving bytes to the operating system is no work. With "always", a fault
    that slows the disk does not show. A node that is still down when the run ends counts as having all it had.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from models.elasticache.roles import Fleet, Node
from models.elasticache.snapshots import Saver, SnapshotParameters, at_intervals
from models.kernel.laws import NonNegative, Positive, seconds
from models.kernel.parts import Group, Station
from models.kernel.plane import Image, Position
from models.kernel.registry import Parameters, parameter
from models.kernel.steps import Serve, by_leg
from models.kernel.system import Client, Operation, Route
from models.looks import Process

CONF, FSYNC = "redis.conf of Redis 7", "fsync"
PATIENCE_S = 2.0
"""After which the one thread waits for its disk. Source: src/aof.c."""
LOOK_S = 1.0
"""Seconds between looks at how large the file is."""
INTERVALS_S = {"everysec": 1.0, "no": 30.0}
"""Between two times at which what was written goes to the disk. Source: redis.conf; Linux writes what is 30 s old."""


class PersistenceParameters(Parameters):
    """When what a node is told is on its disk."""

    appendfsync: Literal["always", "everysec", "no", "off"] = parameter(
        "everysec", "when the log of commands is on the disk; off: there is none, but snapshots", source=CONF
    )
    fsync_s: NonNegative = parameter(
        0.001, "seconds that the disk takes for a write, whatever its size", assumed="0.0001 (NVMe) to 0.01 s"
    )
    disk_bytes_per_s: Positive = parameter(
        250e6, "bytes/s at which the disk writes", assumed="125 to 1,000 MB/s: volumes over a network"
    )
    swap_in_s: NonNegative = parameter(
        0.001, "seconds for which the one thread waits for a page that was swapped out", assumed="0.0001 to 0.01 s"
    )
    rewrite_growth: Annotated[float, Field(gt=0, le=1000)] = parameter(
        1.0, "growth of the file after which it is written anew, in parts of what it was then",
        source=f"{CONF}: auto-aof-rewrite-percentage 100",
    )  # fmt: skip
    rewrite_least_bytes: NonNegative = parameter(
        float(64 << 20), "bytes of the file below which it is not", source=f"{CONF}: auto-aof-rewrite-min-size"
    )

    @property
    def in_rounds_s(self) -> float | None:
        """Seconds that a round of the event loop takes for its writes; None: it does not wait for the disk."""
        return self.fsync_s if self.appendfsync == "always" else None

    def operation(self, nodes: Group) -> Operation:
        """What a node writes to its disk: by the number of its leg."""
        disk = Station("disk", nodes)
        write = (Serve(disk, seconds(self.fsync_s)), Serve(disk, seconds(1.0 / self.disk_bytes_per_s), 1))
        return Operation(Route(by_leg(nodes, list(range(nodes.size))), *write), Client())


@dataclass
class File:
    """A node's file: what it would hold again, and how much there is to read for that.

    Args:
        cache: The objects; None: nothing.
        versions: Which versions they are.
        synced: How much of its log is in it.
        base_bytes: Bytes of what was written down whole.
        base: Where the log was then.
    """

    cache: Image | None
    versions: Image | None
    synced: Position
    base_bytes: int
    base: Position


class Disks:
    """What all nodes have on their disks.

    Args:
        fleet: The nodes.
        parameters: When it comes there.
        snapshots: When nodes save all; None: never.
        savers: Numbers of the nodes that do.
        saver: How.
        load_bytes_per_s: At which a file is read.
        command_s: Seconds of the one thread to carry out a write once more.
    """

    def __init__(
        self, fleet: Fleet, parameters: PersistenceParameters, snapshots: SnapshotParameters | None,
        savers: tuple[int, ...], saver: Saver, load_bytes_per_s: float, command_s: float,
    ) -> None:  # fmt: skip
        self.fleet, self.plane, self.parts, self.p = fleet, fleet.plane, fleet.parts, parameters
        self.snapshots, self.savers, self.saver = snapshots, savers, saver
        self.load_bytes_per_s, self.command_s = load_bytes_per_s, command_s
        self.files = [self._written(node.number) for node in fleet.nodes]
        fleet.load, fleet.lose = self._load, self._lose

    def start(self) -> None:
        """Let each node write."""
        start = self.plane.env.process
        for node in self.fleet.nodes:
            if self.p.appendfsync in INTERVALS_S:
                start(self._sync(node, INTERVALS_S[self.p.appendfsync]))
            if self.p.appendfsync != "off":
                start(self._rewrite(node))
            if self.snapshots is not None and node.number in self.savers:
                start(at_intervals(self.plane, self.snapshots, partial(self._snapshot, node)))

    # ------------------------------------------------------------ what is written

    def _written(self, number: int) -> File:
        """A file with all that a node holds now."""
        here = self.plane.position(self.parts.log, number)
        return File(*self._image(number), here, self.plane.held(self.fleet.cache, number), here)

    def _image(self, number: int) -> tuple[Image | None, Image | None]:
        if self.p.appendfsync == "always":
            return None, None
        copies = self.parts.copies
        versions = None if copies is None else self.plane.save(copies, number)
        return self.plane.save(self.fleet.cache, number), versions

    def _sync(self, node: Node, interval_s: float) -> Process:
        """Write what is new to the disk, time and again; nodes do so at even distances."""
        at_s = interval_s * (node.number + 1) / (len(self.fleet.nodes) + 1)
        while True:
            yield self.plane.until(at_s)
            if self._serves(node):
                yield from self._flush(node)
            at_s = max(at_s + interval_s, self.fleet.now)

    def _serves(self, node: Node) -> bool:
        return not node.silent_for and self.plane.works(self.fleet.thread, node.number)

    def _flush(self, node: Node) -> Process:
        """Write what is new; if that takes too long, the one thread waits for its end."""
        number, boots = node.number, node.boots
        here, image = self.plane.position(self.parts.log, number), self._image(number)
        gone = self.plane.watch_up(self.fleet.thread, number)
        answer = self.plane.submit(FSYNC, size_bytes=here.bytes - self.files[number].synced.bytes, leg=number)
        yield answer | gone | self.plane.until(self.fleet.now + PATIENCE_S)
        if not answer.triggered and not gone.triggered and self.plane.works(self.fleet.thread, number):
            self.fleet.say(node, "waits for its disk")
            self.plane.pause(self.fleet.thread, number)
            yield answer | gone
            if node.boots == boots:
                self.plane.resume(self.fleet.thread, number)
        told: Any = answer.value if answer.triggered else None
        if told is not None and told.ok and node.boots == boots:
            file = self.files[number]
            if file.synced.records <= here.records:
                file.cache, file.versions, file.synced = *image, here

    def _rewrite(self, node: Node) -> Process:
        """Write the log anew when it has grown enough: all that is held, in the place of how it came about."""
        at_s = LOOK_S * (node.number + 1) / (len(self.fleet.nodes) + 1)
        while True:
            yield self.plane.until(at_s)
            file, here = self.files[node.number], self.plane.position(self.parts.log, node.number)
            grown = here.bytes - file.base.bytes
            is_large = file.base_bytes + grown >= self.p.rewrite_least_bytes
            if is_large and grown >= self.p.rewrite_growth * file.base_bytes and self._serves(node):
                boots, anew = node.boots, self._written(node.number)
                yield from self.saver.save(self.plane, node.number)
                if node.boots == boots and self._serves(node):
                    is_newer = anew.synced.records > file.synced.records
                    file = anew if is_newer else replace(file, base_bytes=anew.base_bytes, base=anew.base)
                    self.files[node.number] = file
            at_s = max(at_s + LOOK_S, self.fleet.now)

    def _snapshot(self, node: Node) -> Process:
        """Save all; that is what a node comes back with, if it has no log."""
        if self._serves(node):
            boots, file = node.boots, self._written(node.number)
            yield from self.saver.save(self.plane, node.number)
            if self.p.appendfsync == "off" and node.boots == boots and self._serves(node):
                self.files[node.number] = file

    # ------------------------------------------------------------ what is read

    def _load(self, node: Node) -> Process:
        """A node that starts takes up what is on its disk."""
        file, number = self.files[node.number], node.number
        if self.p.appendfsync != "always":
            self._restore(number, file.cache, file.versions)
        synced = file.synced if self.p.appendfsync != "always" else self.plane.position(self.parts.log, number)
        records = synced.records - file.base.records if self.p.appendfsync != "off" else 0
        load_s = file.base_bytes / self.load_bytes_per_s + records * self.command_s
        self.fleet.say(node, f"loads {file.base_bytes / 1e6:,.1f} MB and {records:,} commands in {load_s:.2f} s")
        yield self.plane.until(self.fleet.now + load_s)

    def _lose(self, node: Node) -> None:
        """A new machine has an empty disk."""
        self._restore(node.number, None, None)
        self.files[node.number] = self._written(node.number)

    def _restore(self, number: int, cache: Image | None, versions: Image | None) -> None:
        self.plane.restore(self.fleet.cache, number, cache)
        if self.parts.copies is not None:
            self.plane.restore(self.parts.copies, number, versions)
