"""Job shops of uncertain durations as NumPy's .npz, in the layout of Wheatley's public set (Infantes et al. 2024).

Two arrays: ``affectations`` [jobs, machines], the machine (from 0) of each operation of a job, in order; and ``durations``
[jobs, machines, 4], the realised, least, largest and likeliest duration of each in seconds. The last three bound a triangular distribution.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from tokenize import TokenError
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from envs.workloads.instance import Instance, WorkloadError
from envs.workloads.readers.job_shop import shop_instance
from envs.workloads.source import MAX_SECONDS, FileWorkload, check_regular, check_size

ROUTE: Final = "affectations"
DURATIONS: Final = "durations"
NUMBERS: Final = "iuf"
"""Kinds of dtype that hold numbers; others could hold anything, even code."""
_HEADER_ERRORS: Final = (SyntaxError, TokenError)
"""What NumPy raises, besides ValueError, where the header of an array is not the Python literal that it must be."""


@dataclass(frozen=True)
class StochasticJobShopWorkload(FileWorkload):
    """One job shop of uncertain durations: all jobs released at 0, weight 1; job j is owned by agent j modulo A.

    Nominal is the mean of the triangular distribution, what is realised is revealed when the operation ends.
    """

    def read(self) -> tuple[Instance, tuple[str, ...]]:
        route, durations = _arrays(self.path)
        machines = route.shape[1]
        for ok, name, array, bound in (
            (
                (route >= 0) & (route < machines) & (route == np.floor(route)),
                ROUTE,
                route,
                f"a machine in 0..{machines - 1}",
            ),
            (
                _is_triangle(durations),
                DURATIONS,
                durations,
                "realised, min, max, mode with 0 <= min <= realised, mode <= max <= 1e+15",
            ),
        ):
            if not ok.all():
                j, k = (int(place[0]) for place in np.nonzero(~ok))
                raise WorkloadError(f"{self.path}: {name}[{j}, {k}] is {array[j, k].tolist()}, must be {bound}")
        return triangular_shop(self.path, route.astype(int).tolist(), durations), ()


def triangular_shop(name: str, route: Sequence[Sequence[int]], durations: NDArray[np.float64]) -> Instance:
    """Return the shop whose operations take the machines of ``route`` [J, M] and ``durations`` [J, M, 4] (realised, min, max, mode)."""
    realised, nominal = durations[..., 0], durations[..., 1:].mean(axis=2)
    shop = [
        [{machine: seconds} for machine, seconds in zip(*job, strict=True)]
        for job in zip(route, nominal.tolist(), strict=True)
    ]
    ratio = np.divide(realised, nominal, out=np.ones_like(nominal), where=nominal > 0)
    return replace(shop_instance(name, len(route), len(route[0]), shop), task_ratio=ratio.ravel())


def _is_triangle(durations: NDArray[np.float64]) -> NDArray[np.bool_]:
    """[J, M] whether each is one; comparisons with NaN are false."""
    realised, least, largest, mode = np.moveaxis(durations, 2, 0)
    lasting = (least >= 0) & (largest <= MAX_SECONDS)
    return np.asarray(lasting & (least <= realised) & (realised <= largest) & (least <= mode) & (mode <= largest))


def _arrays(path: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both arrays, [J, M] and [J, M, 4]."""
    try:
        check_regular(path)
        with zipfile.ZipFile(path) as archive:
            found = {name: _array(path, archive, name) for name in (ROUTE, DURATIONS)}
    except WorkloadError:
        raise
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error, *_HEADER_ERRORS) as error:
        raise WorkloadError(f"{path}: cannot be read as .npz: {getattr(error, 'strerror', None) or error}") from None
    route, durations = found[ROUTE], found[DURATIONS]
    if route.ndim != 2 or route.size == 0:
        raise WorkloadError(f"{path}: {ROUTE} has shape {route.shape}, must be (jobs, machines), at least one of each")
    if durations.shape != (*route.shape, 4):
        raise WorkloadError(f"{path}: {DURATIONS} has shape {durations.shape}, must be {(*route.shape, 4)}")
    return route, durations


def _array(path: str, archive: zipfile.ZipFile, name: str) -> NDArray[np.float64]:
    """Read one array whose header says that it is of numbers, and not of too many."""
    member = f"{name}.npy"
    if member not in archive.namelist():
        raise WorkloadError(f"{path}: has no array {name!r}, must have {ROUTE} and {DURATIONS}")
    with archive.open(member) as file:
        shape, dtype = _header(file)
        if not all(
            type(length) is int and length >= 0 for length in shape
        ):  # True is an int, to NumPy's reader as well
            raise WorkloadError(f"{path}: {name} has shape {shape}, must be integers >= 0")
        if dtype.kind not in NUMBERS:
            raise WorkloadError(f"{path}: {name} has dtype {dtype}, must be of numbers")
        check_size(
            path, f"the {' x '.join(map(str, shape))} numbers of {name}", math.prod(max(1, length) for length in shape)
        )
    with archive.open(member) as file:
        return np.asarray(npy.read_array(file, allow_pickle=False), np.float64)


def _header(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(file)
    shape, _, dtype = npy.read_array_header_1_0(file) if version == (1, 0) else npy.read_array_header_2_0(file)
    return shape, dtype
