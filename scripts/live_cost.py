"""Measure what the live view costs training: ``python -m scripts.live_cost learner.evaluation.every=2 learner.evaluation.episodes=8``.

One run learns in blocks of iterations: off, on, on, off, and so on. When it is on, it is shown and a process reads all that comes.
Two numbers come of it, both of the processor's time, which depends less than wall time on who else uses the machine: what was spent
on showing, summed up over threads, and by how much a decision took more in blocks that were shown than in their neighbours. The
first knows nothing of what threads cost each other, the second is noisy.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from hydra import compose, initialize_config_module

from agents.evaluation.statistics import t_quantile
from agents.learning.config import Learner, locate
from agents.learning.loop import Training
from envs.workloads.instance import FloatArray
from experiments.plumbing import cli
from experiments.plumbing.building import make
from experiments.reports.live.board import Board
from experiments.reports.live.learning import Learning
from experiments.reports.live.server import HOST, NEWS, Server

SECONDS: Final = 200.0
"""Of learning, of both kinds together."""
BLOCK: Final = 2
"""Iterations."""
READ: Final = "import sys, urllib.request\nfor line in urllib.request.urlopen(sys.argv[1]): pass"


class Counted(Server):
    """Knows what its threads have spent."""

    spent = 0.0
    """Seconds of the processor, by threads that have ended."""

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and count."""
        super().process_request_thread(request, client_address)
        self.spent += time.thread_time()


@contextmanager
def read(server: Server) -> Iterator[None]:
    """Have a process read all that comes, and be gone."""
    with subprocess.Popen([sys.executable, "-c", READ, f"http://{HOST}:{server.server_port}/{NEWS}"]) as reader:
        try:
            while not server.board.readers:
                time.sleep(0.01)
            yield
        finally:
            reader.terminate()
    while server.board.readers:
        time.sleep(0.01)


def main() -> None:
    """Measure and print."""
    with initialize_config_module("conf", version_base="1.3"):
        config = compose("train", [*sys.argv[1:], f"learner.seconds={2 * SECONDS}"])
    cli.set_threads(1)
    learner = locate(make(config, "learner", Learner))
    with tempfile.TemporaryDirectory() as folder:
        training = Training(cli.make_scenario(config), learner, Path(folder), 0, "cpu")
        run = Learning(folder, "")
        server = Counted(Board(run.report, clock=time.process_time), 0, "")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        rounds = training.rounds()
        spent = whole = 0.0
        costs: list[float] = []

        def block(*, shown: bool) -> None:
            nonlocal spent, whole
            began, before, heard = time.process_time(), training.decisions, 0.0
            for _ in range(BLOCK):
                logged = next(rounds)
                start = time.thread_time()
                if shown:
                    run.hear(training, logged)
                heard += time.thread_time() - start
            took = time.process_time() - began
            costs.append(took / (training.decisions - before))
            spent, whole = (spent + heard, whole + took) if shown else (spent, whole)

        block(shown=False)
        costs.clear()
        while training.seconds < SECONDS or len(costs) % 4:
            if len(costs) % 4 in (1, 2):  # what drifts cancels
                with read(server):
                    block(shown=True)
            else:
                block(shown=False)
            if len(costs) >= 8 and len(costs) % 4 == 0:
                share = 100.0 * (spent + server.spent) / (whole - spent - server.spent)
                print(f"{share:.2f} % spent on showing; {told(np.array(costs).reshape(-1, 4))}", flush=True)
        rounds.close()
        server.shutdown()
        server.server_close()


def told(fours: FloatArray) -> str:
    """What the blocks [fours, 4] say."""
    ratios = np.log(fours[:, 1:3].sum(axis=1) / fours[:, [0, 3]].sum(axis=1))
    half = t_quantile(0.95, ratios.size - 1) * ratios.std(ddof=1) / ratios.size**0.5
    low, mid, high = (100 * np.expm1(ratios.mean() + side * half) for side in (-1, 0, 1))
    return f"{mid:+.2f} % [{low:+.2f}, {high:+.2f}] per decision, by {ratios.size} fours of blocks"


if __name__ == "__main__":
    main()
