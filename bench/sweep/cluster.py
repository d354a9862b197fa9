"""A sweep on a Dask cluster that is there already: the same cells, the same bits, on as many machines as it has.

A cell is one task. It is simulated and added up where it runs, so that what comes back is kilobytes, not histograms;
it comes back when it is done, and is kept then, so that a sweep that was ended goes on where it stopped. A task whose
worker dies goes to another one, which makes the same bits of it. Nothing here listens: this process connects to the
scheduler, and whoever owns the machines starts scheduler and workers.

Workers must have the same tierbench, told by a digest of its sources, or they are refused: when the sweep begins, and
with each task, as workers come and go.

Limits: Dask hands over functions, arguments and results as pickles. Who can reach its scheduler can run any code on its
workers, and its workers can in this process; so a cluster is to be trusted, and reached with TLS or within a network of
its own. (Input files are never unpickled: a worker gets the values that were read here.) A trace does not travel: each
worker reads it at the path that it has here. A task that has begun is not ended with the sweep.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UsageError, WorkerError
from bench.extras import need
from bench.machine import GET_FAST, has_compiler, sources_digest
from bench.runs import Part
from bench.simulate import Engine, Replication, simulate, warm_up
from bench.sweep.kept import Kept
from bench.sweep.plan import Cell
from bench.sweep.run import Tick, gathered
from bench.terminal import safe_text
from bench.workers import AHEAD, Recipe, made

if TYPE_CHECKING:
    from distributed import Client, Future, Security

CONNECT_S = 10.0
CLOSE_S = 5.0
_ADDRESS = re.compile(r"(?:(?P<scheme>tcp|tls)://)?(?P<place>[A-Za-z0-9._:%\[\]-]+:[0-9]{1,5})")
_LATER = "a worker that came later"
_OBJECT = re.compile(r"in <[^<>]*>: ")
"""Where Dask names an object of its own within a message."""
_SCHEDULER = "the scheduler"
_GOES_ON = "finished cells are kept; the same command goes on from there"
_GONE = f"the connection to the scheduler broke, or it gave up; {_GOES_ON}"


@dataclass(frozen=True)
class Remote:
    """Where a cluster's scheduler is, and what to show it.

    Args:
        address: As the user gave it: `tcp://HOST:PORT`, `tls://HOST:PORT`, or without a scheme.
        ca: Certificate of the authority that both sides trust, PEM; None where there is no TLS, or Dask's own
            configuration says.
        cert: Our certificate.
        key: Its key.
    """

    address: str
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    @property
    def url(self) -> str:
        """The address with its scheme.

        Raises:
            UsageError: If it is none, or does not go with the certificates.
        """
        found = _ADDRESS.fullmatch(self.address)
        if found is None:
            raise UsageError(
                f"--cluster {safe_text(self.address)}: is no address; write tcp://HOST:PORT, or tls://HOST:PORT"
            )
        given = {"--tls-ca": self.ca, "--tls-cert": self.cert, "--tls-key": self.key}
        missing = [option for option, path in given.items() if path is None]
        if 0 < len(missing) < len(given):
            raise UsageError(f"TLS takes three files; give {' and '.join(missing)}, too")
        scheme = found["scheme"] or ("tcp" if missing else "tls")
        if scheme == "tcp" and not missing:
            raise UsageError(
                f"--cluster {self.address}: has no TLS; write tls://{found['place']}, or leave out the certificates"
            )
        return f"{scheme}://{found['place']}"


@dataclass(frozen=True)
class Job:
    """A cell as it travels.

    Args:
        code: Digest of the sources that the result is to be of.
        recipe: How to make its scenario.
        systems: Names of its systems.
        replications: Of each.
        engine: Which engine walks the routes.
    """

    code: str
    recipe: Recipe
    systems: tuple[str, ...]
    replications: int
    engine: Engine


@dataclass(frozen=True)
class Cluster:
    """A cluster that is connected.

    Args:
        client: The connection.
        url: Its scheduler's address.
    """

    client: Client
    url: str

    def threads(self) -> dict[str, int]:
        """Threads of each worker that is there now.

        Raises:
            WorkerError: If the scheduler is gone.
        """
        try:
            return dict(self.client.nthreads())
        except OSError as error:
            raise WorkerError(_GONE) from error

    def check(self, engine: Engine) -> None:
        """Refuse a cluster that would not give the same result; the scheduler, too, takes tasks apart.

        Raises:
            UsageError: If the code of one of its processes differs from ours, or it lacks what the engine needs.
        """
        try:
            found = {_SCHEDULER: self.client.run_on_scheduler(has_code)}
        except Exception as error:
            raise UsageError(_other_code(_SCHEDULER, _reason(error))) from error
        workers = self.client.run(has_code, on_error="return")
        for who, each in (found | {f"worker {address}": each for address, each in workers.items()}).items():
            if isinstance(each, BaseException):
                raise UsageError(_other_code(who, _reason(each))) from each
            code, compiler = each
            if code != our_code():
                raise UsageError(_other_code(who))
            if engine == "compiled" and not compiler and who != _SCHEDULER:
                raise UsageError(f"{who} has no llvmlite; there, {GET_FAST}; or sweep with --engine simpy")

    def carry(self, cells: Sequence[Cell], engine: Engine, tick: Tick) -> Generator[tuple[Cell, Kept]]:
        """Simulate cells on the cluster; gives them as they are done.

        Raises:
            UsageError: If a worker has other code.
            WorkerError: If workers die again and again, or the scheduler is gone.
        """
        from distributed import as_completed

        left, running = iter(cells), dict[Any, Cell]()
        done = as_completed(loop=self.client.loop)

        def hand_out() -> None:
            """See that each thread has something to do, and what is begun is ended first."""
            ahead = AHEAD * max(1, sum(self.threads().values()))
            for cell in islice(left, max(0, ahead - len(running))):
                future = self.client.submit(do_job, _job(cell, engine), pure=False)
                running[future] = cell
                done.add(future)

        try:
            hand_out()
            while running:
                future = next(done)
                cell, gave = running.pop(future), _result(future)
                hand_out()
                tick(cell.replications, 0)
                yield cell, gave
        finally:
            if self.client.status == "running":
                self.client.cancel(list(running))


@contextlib.contextmanager
def connected(remote: Remote) -> Iterator[Cluster]:
    """A connection to a cluster; it ends with the block.

    Raises:
        UsageError: If Dask is not installed, or no scheduler answers.
    """
    need("cluster", "--cluster")
    from distributed import Client, Security

    url = remote.url
    # What goes wrong is said once, by us.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    files = {"tls_ca_file": remote.ca, "tls_client_cert": remote.cert, "tls_client_key": remote.key}
    given = {name: str(path) for name, path in files.items() if path is not None}
    try:
        security = Security(require_encryption=True, **given) if given else Security()
        # A client that cannot connect takes long to give up, and complains when it is forgotten.
        asyncio.run(_call(url, security))
        client = Client(url, security=security, timeout=CONNECT_S, name="tierbench", set_as_default=False)
    except (OSError, TypeError, ValueError) as error:
        # Dask says by a TypeError that it has no certificates.
        remedy = "start one with `dask scheduler`, and workers with `dask worker ADDRESS`; or see the README"
        raise UsageError(f"--cluster {url}: no scheduler can be reached: {_reason(error)}; {remedy}") from error
    try:
        yield Cluster(client, url)
    finally:
        client.close(timeout=CLOSE_S)


async def _call(url: str, security: Security) -> None:
    """Connect to the scheduler, and hang up."""
    from distributed.comm.core import connect

    comm = await connect(url, timeout=CONNECT_S, **security.get_connection_args("client"))
    await comm.close()


def our_code() -> str:
    """Digest of our sources: results of the same are the same."""
    return sources_digest("bench", "models")


# On a worker ----------------------------------------------------------------------------------------------------------


def has_code() -> tuple[str, bool]:
    """What a worker says of itself: its sources, and whether the compiled engine can run."""
    return our_code(), has_compiler()


def do_job(job: Job) -> Kept:
    """Simulate a cell and add it up.

    Raises:
        UsageError: If this worker's code is another one.
    """
    if job.code != our_code():
        raise UsageError(_other_code(_LATER))
    if job.engine == "compiled":
        with _WARMING:
            _warm()
    scenario = made(job.recipe)
    parts: dict[Part, Replication] = {
        (name, replication): simulate(scenario, name, replication, job.engine)
        for replication in range(job.replications)
        for name in job.systems
    }
    return gathered(job.recipe, parts)


_warm = cache(warm_up)
_WARMING = threading.Lock()
"""A worker's threads begin together, and one compiles."""


# Helpers --------------------------------------------------------------------------------------------------------------


def _job(cell: Cell, engine: Engine) -> Job:
    recipe = replace(cell.recipe, path=cell.recipe.path.resolve())
    return Job(our_code(), recipe, cell.systems, cell.replications, engine)


def _result(future: Future[Kept]) -> Kept:
    """What a task gave.

    Raises:
        UsageError: If a worker has other code.
        WorkerError: If it cannot be done.
    """
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        what = "workers died again and again with one cell; is there too little memory for it?"
        raise WorkerError(f"{what} {_GOES_ON}") from error
    except (CancelledError, CommClosedError) as error:
        raise WorkerError(_GONE) from error
    except (ImportError, AttributeError) as error:
        raise UsageError(_other_code(_LATER, _reason(error))) from error


def _other_code(who: str, reason: str = "") -> str:
    what = f"{who} has no tierbench, or another one" + (f" ({reason})" if reason else "")
    return f"{what}; results would not be the same: install the same version there, and start it again"


def _reason(error: BaseException) -> str:
    """What went wrong, and what caused it, in short."""
    causes = [error, *([error.__cause__] if error.__cause__ is not None else [])]
    return ": ".join(_OBJECT.sub("", str(each).splitlines()[0]) for each in causes if str(each))
