"""The service under load: clients on the loopback ask for decisions, each again as soon as it has its answer."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from omegaconf import DictConfig
from tqdm import tqdm

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.settings import Operation
from agents.operation.site.situation import Situation
from experiments.performance.decisions import SIZES, bare, site, timed
from experiments.performance.timing import Goal, Measurement, numbers, sheet
from experiments.plumbing import cli
from experiments.plumbing.operating import TOKEN
from experiments.reports.outcome import Outcome

POLICY: Final = Operation().policy
SITUATIONS: Final = 16
"""Different ones, which take turns."""
WARM: Final = 200
"""Requests that are not measured."""
PARTS: Final = 10
"""Of the requests, each of which is a run of the table."""
BETWEEN: Final = 0.1
"""Seconds between two questions for /health."""
FLAT: Final = 1.02
"""Memory at the end over that of the middle which still counts as flat."""
PATIENCE: Final = 300.0
"""Seconds for a service to get ready, or to answer: compiling takes one or two minutes where nothing is compiled."""
DEADLINE: Final = 20_000
"""Milliseconds that the policy has: so long that nothing is left to the fallback, which is quicker."""
MOST_CLIENTS: Final = 500
OK: Final = 200


@dataclass
class Answers:
    """What came back."""

    seconds: list[float] = field(default_factory=list)
    """Of each answer, in the order in which they came."""
    at: list[float] = field(default_factory=list)
    """When it had come."""
    errors: int = 0
    """Answers that were no decision, and connections that broke."""
    fallbacks: int = 0


class Client:
    """One connection that is kept; of HTTP it knows what this service says."""

    def __init__(self, port: int) -> None:
        """Take the port on the loopback."""
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Return status and body of the answer.

        Raises:
            OSError, EOFError, TimeoutError, ValueError: the connection broke, or said something that is no answer.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._ask(method, path, body)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _ask(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        kind = "content-type: application/json\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{kind}content-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        told = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", told, re.IGNORECASE)
        if length is None:
            raise ValueError(f"no length in {told!r}")
        return int(told.split(b" ", 2)[1]), await reader.readexactly(int(length[1]))


@contextmanager
def service() -> Iterator[int]:
    """Run ``parley serve`` in a process of its own; offers its port."""
    command = [
        sys.executable,
        "-m",
        "experiments",
        "serve",
        "--port",
        "0",
        "--policy",
        POLICY,
        "--deadline-ms",
        str(DEADLINE),
    ]
    open_to_all = {name: value for name, value in os.environ.items() if name != TOKEN}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=open_to_all) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r":(\d+) serves", line)
            if found is None:
                raise cli.UsageError(f"parley serve did not begin: {line.strip() or 'see above'}")
            yield int(found[1])
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


async def until_ready(port: int) -> None:
    """Wait for the service to be ready; raises UsageError where that takes too long."""
    client, until = Client(port), time.monotonic() + PATIENCE
    while (await client.ask("GET", "/health"))[0] != OK:
        if time.monotonic() > until:
            raise cli.UsageError(f"parley serve did not get ready in {PATIENCE:g} s, must do so: see its log")
        await asyncio.sleep(BETWEEN)
    await client.close()


async def load(
    port: int, documents: list[bytes], clients: int, requests: int, bar: Any, watch: Watch | None = None
) -> Answers:
    """Have clients ask for so many decisions in all."""
    found, left = Answers(), iter(range(requests))

    async def one() -> None:
        client = Client(port)
        for number in left:  # shared: each takes the next
            began = time.perf_counter()
            try:
                status, body = await client.ask("POST", "/decide", documents[number % len(documents)])
                found.errors += status != OK
                found.fallbacks += b'"fallback":true' in body
            except (OSError, EOFError, TimeoutError, ValueError):
                found.errors += 1
            now = time.perf_counter()
            found.seconds.append(now - began)
            found.at.append(now)
            bar.update()
            if watch is not None:
                await watch.after(len(found.at))
        await client.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(one())
    return found


class Watch:
    """Looks at the service while others ask: memory at stated moments, and whether /health answers."""

    def __init__(self, port: int, requests: int) -> None:
        """Take the port, and how many requests there will be."""
        self._port, self._client = port, Client(port)
        self._moments = {requests // 2, requests}
        self.memory: list[float] = []
        """MiB."""
        self.cpu: list[float] = []
        """Seconds that the service has used, at the same moments."""
        self.health: list[float] = []
        """Seconds until /health had answered."""

    async def after(self, done: int) -> None:
        """Look, if it is time to."""
        if done in self._moments:
            await self.look()

    async def look(self) -> None:
        """Note memory and time."""
        client = Client(self._port)  # one that waited for its turn would have been closed
        text = (await client.ask("GET", "/metrics"))[1].decode()
        await client.close()
        read = {name: float(value) for name, value in re.findall(r"^(process_\w+) (\S+)$", text, re.MULTILINE)}
        self.memory.append(read["process_resident_memory_bytes"] / 2**20)
        self.cpu.append(read["process_cpu_seconds_total"])

    async def ask_health(self) -> None:
        """Ask until cancelled."""
        while True:
            began = time.perf_counter()
            await self._client.ask("GET", "/health")
            self.health.append(time.perf_counter() - began)
            await asyncio.sleep(BETWEEN)


async def measure(
    port: int, documents: list[bytes], clients: int, requests: int, bar: Any
) -> tuple[Answers, Answers, Watch]:
    """Return the answers to one client, those to all of them, and what was seen meanwhile."""
    await until_ready(port)
    await load(port, documents, clients, WARM, bar)
    alone = await load(port, documents, 1, WARM, bar)
    watch = Watch(port, requests)
    await watch.look()
    asking = asyncio.create_task(watch.ask_health())
    found = await load(port, documents, clients, requests, bar, watch)
    asking.cancel()
    return alone, found, watch


def benchmark(config: DictConfig) -> Outcome:
    """Measure the service.

    Raises:
        UsageError, SettingError: for settings out of bounds, or a service that does not begin.
    """
    requests = cli.integer(config, "requests", 10 * PARTS)
    clients = cli.integer(config, "clients", 1, MOST_CLIENTS)
    torch.set_num_threads(1)
    size = SIZES[0]
    documents = [site(size, seed).write().encode() for seed in range(SITUATIONS)]
    own = timed(bare(DecisionEngine.load(POLICY), Situation.read(documents[0])), 3).cpu
    with service() as port, tqdm(total=requests + 2 * WARM, unit="request", disable=None) as bar:
        alone, found, watch = asyncio.run(measure(port, documents, clients, requests, bar))
    found_lines = _lines(alone, found, watch, own, clients)
    notes = [
        f"parley serve in a process of its own, {clients} clients in this one, all on one machine: each sends a situation of "
        f"{size.jobs * size.tasks} tasks and {size.agents} agents, in turns {SITUATIONS} different ones, and "
        f"asks again when it has the decision of {POLICY}. Range: over the {PARTS} parts of {requests:,} requests.",
        "An error is an answer that is no decision, or a connection that breaks. Fallbacks are decisions after a deadline of "
        f"{DEADLINE / 1e3:g} s. Bare: the rounds of the same instant in a world that is there already.",
    ]
    return Outcome(
        "Service", [sheet("Service", found_lines)], notes, {"measurements": numbers(found_lines), "notes": notes}
    )


def _lines(alone: Answers, found: Answers, watch: Watch, own: list[float], clients: int) -> list[Measurement]:
    parts = np.array_split(np.array(found.seconds) * 1e3, PARTS)
    times = np.array_split(np.array(found.at), PARTS)
    ends = [float(part[-1]) for part in times]
    rates = [len(part) / (end - begin) for part, begin, end in zip(times[1:], ends, ends[1:], strict=False)]
    start, middle, end = watch.memory
    each = (watch.cpu[-1] - watch.cpu[0]) / len(found.at) * 1e3
    name = f"{clients} clients"
    return [
        Measurement(f"{name}: throughput", "decisions/s", rates),
        Measurement(f"{name}: p50", "ms", [float(np.median(part)) for part in parts]),
        Measurement(f"{name}: p99", "ms", [float(np.quantile(part, 0.99)) for part in parts]),
        Measurement(f"{name}: errors", "", [found.errors], Goal(0, True, "ours")),
        Measurement(f"{name}: fallbacks", "", [found.fallbacks]),
        Measurement(f"{name}: /health beside them, p50", "ms", [float(np.median(watch.health)) * 1e3]),
        Measurement(f"{name}: /health beside them, p99", "ms", [float(np.quantile(watch.health, 0.99)) * 1e3]),
        Measurement("one client: p50", "ms", [float(np.median(alone.seconds)) * 1e3]),
        Measurement("one client: p99", "ms", [float(np.quantile(alone.seconds, 0.99)) * 1e3]),
        Measurement("CPU of the service per decision", "ms", [each]),
        Measurement("bare policy in the world, CPU, p50", "ms", own),
        Measurement("CPU, over the bare policy's", "times", [each / value for value in own]),
        Measurement("memory at the start", "MiB", [start]),
        Measurement("memory in the middle", "MiB", [middle]),
        Measurement("memory at the end", "MiB", [end]),
        Measurement("memory at the end, over the middle's", "times", [end / middle], Goal(FLAT, True, "ours")),
    ]
