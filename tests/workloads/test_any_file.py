"""Whatever a file holds, a reader makes an instance of it or refuses it by its own error, soon and in little memory."""

from __future__ import annotations

import gzip
import io
import json
import resource
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs.workloads.instance import Instance, WorkloadError
from envs.workloads.readers.flexible_job_shop import FlexibleJobShopWorkload
from envs.workloads.readers.job_shop import JobShopWorkload
from envs.workloads.readers.psplib import ProjectWorkload
from envs.workloads.readers.stochastic_job_shop import DURATIONS, ROUTE, StochasticJobShopWorkload
from envs.workloads.readers.swf import SwfWorkload
from envs.workloads.readers.wfformat import WfFormatWorkload
from envs.workloads.source import FileWorkload
from tests.workloads.readers import test_job_shop as test_jobshop
from tests.workloads.readers import test_psplib, test_swf

SECONDS = 5.0
"""Far more than any of these files takes, on a busy machine too."""
KIB = 500 * 1024

TOKENS = [
    *(
        "0",
        "1",
        "-1",
        "2",
        "3",
        "9999999999",
        "1e308",
        "1e-308",
        "nan",
        "inf",
        "0x10",
        "1_0",
        "1,024",
        "+1",
        "1.",
        ".5",
    ),
    *(
        "",
        " ",
        "\n",
        "\r",
        "\x00",
        "\x85",
        "\u2028",
        "\u0663",
        "\uff11",
        "#",
        ";",
        "***",
        "+++",
        "instance x",
        "Nb of jobs",
    ),
    *(
        '"',
        "{",
        "}",
        "[",
        "]",
        "null",
        "true",
        "10000000",
        "3162 3162",
        "2147483648",
        "-2147483649",
        "99999999999999999999",
    ),
]
"""What files go wrong by, put in the place of any part of them."""


def archive(**arrays: bytes) -> bytes:
    """A .npz of members that are as they are."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in arrays.items():
            packed.writestr(f"{name}.npy", content)
    return file.getvalue()


def npy(array: object) -> bytes:
    """An array as NumPy writes it."""
    file = io.BytesIO()
    np.save(file, np.array(array))
    return file.getvalue()


WORKFLOW = {
    "workflow": {
        "specification": {
            "tasks": [
                {"name": "a", "id": "a1", "children": ["b1"], "parents": []},
                {"name": "b", "id": "b1", "parents": ["a1"]},
            ],
        },
        "execution": {
            "tasks": [{"id": "a1", "runtimeInSeconds": 3, "coreCount": 2}, {"id": "b1", "runtimeInSeconds": 1.5}]
        },
    }
}
TEXTS: list[tuple[str, type[FileWorkload], str]] = [
    ("a.txt", JobShopWorkload, test_jobshop.SHOP),
    ("taillard.txt", JobShopWorkload, test_jobshop.TAILLARDS),
    ("or_library.txt", JobShopWorkload, test_jobshop.OR_LIBRARY),
    ("nb_of_jobs.txt", JobShopWorkload, test_jobshop.NB_OF_JOBS),
    ("a.fjs", FlexibleJobShopWorkload, "2 3 1.5\n2 1 1 3 2 2 4 3 2\n1 1 2 5\n"),
    ("a.sm", ProjectWorkload, test_psplib.SM),
    ("a.rcp", ProjectWorkload, test_psplib.RCP),
    (
        "a.swf",
        SwfWorkload,
        test_swf.HEADER + "".join(test_swf.job(submit=k, limit=60, status=k % 5, preceding=k % 3) for k in range(6)),
    ),
    ("a.json", WfFormatWorkload, json.dumps(WORKFLOW)),
]
NPZ = {ROUTE: npy([[0, 1], [1, 0]]), DURATIONS: npy(np.tile([2.0, 1.0, 3.0, 2.0], (2, 2, 1)))}


def read(path: Path, reader: type[FileWorkload]) -> Instance | None:
    """Read a file, in bounded time and memory."""
    memory, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    refused, instance = "", None
    try:
        instance = reader(str(path)).instance(0)
    except WorkloadError as error:
        refused = str(error)
    assert time.perf_counter() - start < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < KIB
    assert not refused or (refused.startswith(str(path)) and "\n" not in refused)
    return instance


@st.composite
def edits(draw: st.DrawFn, text: str) -> str:
    """A text in which some parts are replaced, doubled or left out."""
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(text)))
        end = min(len(text), begin + draw(st.sampled_from([0, 1, 2, 5, 20])))
        new = draw(st.one_of(st.sampled_from(TOKENS), st.text(max_size=4), st.just(2 * text[begin:end])))
        text = text[:begin] + new + text[end:]
    return text


@pytest.mark.parametrize(("name", "reader", "text"), TEXTS, ids=[name for name, _, _ in TEXTS])
def test_damaged_text(name: str, reader: type[FileWorkload], text: str) -> None:
    """Protects users from tracebacks: no damage to a text leads to anything but an instance or the reader's own error."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8")
        assert read(path, reader) is not None

        @given(edits(text), st.booleans())
        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        def damaged(text: str, packed: bool) -> None:
            content = text.encode("utf-8", "surrogatepass")
            at = path.with_name(f"{name}.gz") if packed else path
            at.write_bytes(gzip.compress(content) if packed else content)
            read(at, reader)

        damaged()


@given(st.sampled_from([ROUTE, DURATIONS, ""]), st.integers(0, 400), st.binary(max_size=6), st.integers(0, 8))
@settings(max_examples=100, deadline=None)
def test_damaged_arrays(damaged: str, place: int, new: bytes, removed: int) -> None:
    """Protects users from NumPy's tracebacks: bytes of the arrays in an archive, or of the archive itself."""

    def change(content: bytes) -> bytes:
        begin = place % len(content)
        return content[:begin] + new + content[begin + removed :]

    content = archive(**{name: change(array) if name == damaged else array for name, array in NPZ.items()})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.npz"
        path.write_bytes(content if damaged else change(content))
        read(path, StochasticJobShopWorkload)
