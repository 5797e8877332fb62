"""Measure what the live view costs training: ``python -m scripts.live_cost experiment=shared_cluster learner.evaluation.every=4``.

One run learns in blocks of iterations. In every second block it is shown and a reader follows, in the others nobody does: the processor's
time per decision of neighbours is compared, which does not depend on who else uses the machine as wall time does.
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
from typing import Final

import numpy as np
from hydra import compose, initialize_config_module

from agents.evaluation.statistics import t_quantile
from agents.learning.config import Learner, locate
from agents.learning.loop import Training
from experiments.plumbing import cli
from experiments.plumbing.building import make
from experiments.reports.live.board import Board
from experiments.reports.live.learning import Learning
from experiments.reports.live.server import HOST, NEWS, Server

SECONDS: Final = 200.0
"""Of learning, of both kinds together."""
BLOCK: Final = 4
"""Iterations."""
READ: Final = "import sys, urllib.request\nfor line in urllib.request.urlopen(sys.argv[1]): pass"


@contextmanager
def read(server: Server) -> Iterator[None]:
    """Have a process read all that comes."""
    with subprocess.Popen([sys.executable, "-c", READ, f"http://{HOST}:{server.server_port}/{NEWS}"]) as reader:
        try:
            while not server.board.readers:
                time.sleep(0.01)
            yield
        finally:
            reader.terminate()


def main() -> None:
    """Measure and print."""
    with initialize_config_module("conf", version_base="1.3"):
        config = compose("train", [*sys.argv[1:], f"learner.seconds={2 * SECONDS}"])
    cli.set_threads(1)
    learner = locate(make(config, "learner", Learner))
    with tempfile.TemporaryDirectory() as folder:
        training = Training(cli.make_scenario(config), learner, Path(folder), 0, "cpu")
        run = Learning(folder, "")
        server = Server(Board(run.report), 0, "")
        rounds = training.rounds()
        costs: list[float] = []

        def block(*, shown: bool) -> float:
            """The processor's seconds per million decisions."""
            began, before = time.process_time(), training.decisions
            for _ in range(BLOCK):
                logged = next(rounds)
                if shown:
                    run.hear(training, logged)
            return 1e6 * (time.process_time() - began) / (training.decisions - before)

        with serving(server):
            block(shown=False)
            while training.seconds < SECONDS:
                if len(costs) % 4 in (1, 2):  # off, on, on, off: what drifts cancels
                    with read(server):
                        costs.append(block(shown=True))
                else:
                    costs.append(block(shown=False))
            rounds.close()
    fours = np.array(costs[: len(costs) // 4 * 4]).reshape(-1, 4)
    ratios = np.log(fours[:, 1:3].sum(axis=1) / fours[:, [0, 3]].sum(axis=1))
    half = t_quantile(0.95, ratios.size - 1) * ratios.std(ddof=1) / ratios.size**0.5
    low, mid, high = (100 * np.expm1(ratios.mean() + side * half) for side in (-1, 0, 1))
    print(
        f"{mid:+.2f} % processor time per decision, 95 % interval {low:+.2f} to {high:+.2f}; {ratios.size} fours of blocks"
    )


@contextmanager
def serving(server: Server) -> Iterator[None]:
    """Have a server answer."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
