"""Job shops of uncertain durations: the reader of .npz, every way a file can be wrong, the generator, and what may be known."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.evaluation.play import draw_episodes, play
from agents.rules import negotiator, prioritizer
from envs import Objective, Scenario
from envs.workloads.generators.random_stochastic_job_shop import RandomStochasticJobShop
from envs.workloads.instance import Workload, WorkloadError
from envs.workloads.readers.stochastic_job_shop import DURATIONS, ROUTE, StochasticJobShopWorkload

ROUTES = [[0, 1], [1, 0]]
TIMES = [[[4, 1, 6, 2], [9, 3, 9, 6]], [[5, 5, 5, 5], [1, 0, 8, 1]]]
"""Realised, min, max, mode: the means are 3, 6, 5, 3."""


def write(folder: Path, **arrays: Any) -> str:
    """Write a file of these arrays and return its path."""
    path = folder / "shop.npz"
    np.savez(path, **{name: np.asarray(array) for name, array in ({ROUTE: ROUTES, DURATIONS: TIMES} | arrays).items()})
    return str(path)


def test_every_field(tmp_path: Path) -> None:
    """Protects what agents may know: nominal is the mean of the triangle, and only the ratio has the realised duration."""
    workload = StochasticJobShopWorkload(write(tmp_path))
    assert isinstance(workload, Workload)
    i = workload.instance(3)
    assert (i.name, i.num_agents, i.job_first.tolist(), i.successor.tolist()) == ("shop.npz", 2, [0, 2, 4], [1, 3])
    assert i.option_agent.tolist() == [0, 1, 1, 0]
    assert i.option_nominal.tolist() == [3, 6, 5, 3]
    assert i.task_ratio == pytest.approx([4 / 3, 1.5, 1, 1 / 3])
    assert workload.report() == ()


def test_operations_without_time(tmp_path: Path) -> None:
    """Protects from a division by zero: what is known to take no time takes none."""
    times = [[[0, 0, 0, 0], [9, 3, 9, 6]], TIMES[1]]
    i = StochasticJobShopWorkload(write(tmp_path, durations=times)).instance(0)
    assert (i.option_nominal[0], i.task_ratio[0]) == (0, 1)


def test_realised_durations_are_played(tmp_path: Path) -> None:
    """Protects the makespan, worked out by hand: machine 0 has job 0 until 4, machine 1 has job 1 until 5, then they swap: 14 and 6."""
    scenario = Scenario(StochasticJobShopWorkload(write(tmp_path)), Objective(makespan=1.0))
    results = play(scenario, draw_episodes(scenario, 1, 0), prioritizer("mwkr"), negotiator("fcfs"))
    assert results.column("makespan") == pytest.approx([14])


SHAPED = np.zeros((2, 2, 3))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"affectations": [[0, 2], [1, 0]]}, ": affectations[0, 1] is 2.0, must be a machine in 0..1"),
        ({"affectations": [[0, 1], [-1, 0]]}, ": affectations[1, 0] is -1.0, must be a machine in 0..1"),
        ({"affectations": [[0, 0.5], [1, 0]]}, ": affectations[0, 1] is 0.5, must be a machine in 0..1"),
        ({"affectations": [0, 1]}, ": affectations has shape (2,), must be (jobs, machines), at least one of each"),
        (
            {"affectations": np.zeros((2, 0))},
            ": affectations has shape (2, 0), must be (jobs, machines), at least one of each",
        ),
        ({"affectations": [["a", "b"]]}, ": affectations has dtype <U1, must be of numbers"),
        ({"durations": SHAPED}, ": durations has shape (2, 2, 3), must be (2, 2, 4)"),
        (
            {"durations": [TIMES[0], [[5, 5, 5, 5], [9, 0, 8, 1]]]},
            ": durations[1, 1] is [9.0, 0.0, 8.0, 1.0], must be realised, min, max, mode",
        ),
        (
            {"durations": [TIMES[0], [[5, 5, 5, 5], [1, 0, 8, 9]]]},
            ": durations[1, 1] is [1.0, 0.0, 8.0, 9.0], must be realised, min, max, mode",
        ),
        (
            {"durations": [TIMES[0], [[-1, -1, 5, 5], TIMES[1][1]]]},
            ": durations[1, 0] is [-1.0, -1.0, 5.0, 5.0], must be realised, min, max",
        ),
        (
            {"durations": [TIMES[0], [[np.nan, 1, 5, 5], TIMES[1][1]]]},
            ": durations[1, 0] is [nan, 1.0, 5.0, 5.0], must be realised, min, max",
        ),
        (
            {"durations": [TIMES[0], [[1, 1, np.inf, 5], TIMES[1][1]]]},
            ": durations[1, 0] is [1.0, 1.0, inf, 5.0], must be realised, min, max",
        ),
    ],
)
def test_wrong_arrays(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    """Protects users: whatever is wrong is said with file, field, value and what would be right."""
    path = write(tmp_path, **arrays)
    with pytest.raises(WorkloadError) as caught:
        StochasticJobShopWorkload(path).instance(0)
    assert str(caught.value).startswith(path + message)


class Bomb:
    """Something that runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path("ran").touch, ())


def test_no_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects users of others' files: objects are refused by their dtype, and what they would do is not done."""
    monkeypatch.chdir(tmp_path)
    array = np.empty(1, object)
    array[0] = Bomb()
    assert b"touch" in pickle.dumps(array)
    path = write(tmp_path, durations=array)
    with pytest.raises(WorkloadError, match="durations has dtype object, must be of numbers"):
        StochasticJobShopWorkload(path).instance(0)
    assert not (tmp_path / "ran").exists()


def test_no_memory_is_taken_for_what_is_announced(tmp_path: Path) -> None:
    """Protects memory: a header of a few bytes that announces terabytes is refused before anything of that size is made."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<i8", "fortran_order": False, "shape": (10**6, 10**6)})
    with zipfile.ZipFile(tmp_path / "shop.npz", "w") as archive:
        archive.writestr(f"{ROUTE}.npy", header.getvalue())
    with pytest.raises(
        WorkloadError,
        match="the 1000000 x 1000000 numbers of affectations make 1000000000000, must be at most 10000000",
    ):
        StochasticJobShopWorkload(str(tmp_path / "shop.npz")).instance(0)


@pytest.mark.parametrize("shape", [(True, 2), (-1, 2), (-2, -2), (2.0, 2), ("2", 2), (10**30, 0)])
def test_shapes_that_are_none(tmp_path: Path, shape: tuple[object, ...]) -> None:
    """Protects users from tracebacks of NumPy: lengths that are no lengths are refused, whatever they are."""
    text = f"{{'descr': '<i8', 'fortran_order': False, 'shape': {shape!r}, }}".ljust(117) + "\n"
    with zipfile.ZipFile(tmp_path / "shop.npz", "w") as archive:
        archive.writestr(
            f"{ROUTE}.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(64)
        )
    with pytest.raises(WorkloadError, match=r"shop\.npz: "):
        StochasticJobShopWorkload(str(tmp_path / "shop.npz")).instance(0)


def test_damaged_files(tmp_path: Path) -> None:
    """Protects users from tracebacks: absent, no archive, cut short, an array missing, no array in the archive."""
    path = write(tmp_path)
    whole = Path(path).read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2]):
        Path(path).write_bytes(damaged)
        with pytest.raises(WorkloadError, match=r"cannot be read as .npz"):
            StochasticJobShopWorkload(path).instance(0)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{ROUTE}.npy", b"no array")
    with pytest.raises(WorkloadError, match=r"cannot be read as .npz"):
        StochasticJobShopWorkload(path).instance(0)
    np.savez(path, affectations=np.array(ROUTES))
    with pytest.raises(WorkloadError, match="has no array 'durations', must have affectations and durations"):
        StochasticJobShopWorkload(path).instance(0)
    with pytest.raises(WorkloadError, match=r"cannot be read as .npz: No such file"):
        StochasticJobShopWorkload(str(tmp_path / "absent.npz")).instance(0)


def test_real_shops(data_dir: Path) -> None:
    """Protects the reader against the public set: sizes as in the names, and realised durations that are the means on the whole."""
    paths = sorted((data_dir / "jsp_stochastic").rglob("*.npz"))
    assert len(paths) == 40
    instances = [StochasticJobShopWorkload(str(path)).instance(0) for path in paths]
    assert all(
        f"{i.num_jobs}x{i.num_agents}" == path.stem.split("_")[0] for i, path in zip(instances, paths, strict=True)
    )
    realised = sum(float(i.option_nominal @ i.task_ratio) for i in instances)
    assert realised / sum(float(i.option_nominal.sum()) for i in instances) == pytest.approx(0.99, abs=0.005)


def test_generated_shops_are_like_the_public_ones(data_dir: Path) -> None:
    """Protects training from another distribution: nominal durations and log ratios have the public set's means and deviations."""
    real = [StochasticJobShopWorkload(str(path)).instance(0) for path in (data_dir / "jsp_stochastic").rglob("*.npz")]
    made = [RandomStochasticJobShop(10, 10, 10, 10).instance(seed) for seed in range(40)]
    for read in (lambda i: i.option_nominal, lambda i: np.log(i.task_ratio)):
        theirs, ours = (np.concatenate([read(i) for i in instances]) for instances in (real, made))
        assert ours.mean() == pytest.approx(theirs.mean(), abs=0.05 * theirs.std())
        assert ours.std() == pytest.approx(theirs.std(), rel=0.05)


def test_generator() -> None:
    """Protects training: equal seeds give equal shops, sizes cover their range, routes are permutations, seconds are whole."""
    workload = RandomStochasticJobShop(3, 4, 2, 3)
    assert isinstance(workload, Workload)
    first, again, other = workload.instance(1), workload.instance(1), workload.instance(2)
    assert np.array_equal(first.task_ratio, again.task_ratio)
    assert np.array_equal(first.option_nominal, again.option_nominal)
    assert not np.array_equal(first.option_nominal, other.option_nominal)
    instances = [workload.instance(seed) for seed in range(40)]
    assert {(i.num_jobs, i.num_agents) for i in instances} == {(j, m) for j in (3, 4) for m in (2, 3)}
    for i in instances:
        assert np.array_equal(
            np.sort(i.option_agent.reshape(i.num_jobs, -1), axis=1), np.tile(np.arange(i.num_agents), (i.num_jobs, 1))
        )
        realised = i.option_nominal * i.task_ratio
        assert realised == pytest.approx(np.rint(realised))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"jobs_min": 0}, "RandomStochasticJobShop.jobs_min is 0, must be an integer >= 1"),
        ({"machines_max": 5}, "machines_max is 5, must be an integer >= machines_min, 6"),
        ({"mode_min": 8}, "mode_min is 8, must be an integer in below_max, 9.."),
        ({"mode_max": 9}, "mode_max is 9, must be an integer in mode_min, 10.."),
        ({"above_max": 0}, "above_max is 0, must be an integer in 1.."),
        ({"below_max": 0}, "below_max is 0, must be an integer in 1.."),
    ],
)
def test_broken_parameters_are_named(broken: dict[str, Any], message: str) -> None:
    """A typo in a configuration must be answered with the parameter, its value and its bound."""
    with pytest.raises(WorkloadError, match=message):
        RandomStochasticJobShop(**broken)
