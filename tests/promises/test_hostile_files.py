"""Opening a file never runs code, and no file takes the machine down: one line, exit code 2, within 2 s and 500 MB."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import shutil
import sqlite3
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.policies import SHIPPED_FOLDER
from tests.promises.long import IS_LONG

if sys.platform != "linux":
    pytest.skip("memory is limited and counted as Linux does it", allow_module_level=True)

from tests.promises.forked import Ended, run

SECONDS, MIB = 2.0, 500.0
MARK = "somebody-elses-code-ran"


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path(MARK).touch, ()


DEEP = b"[" * 200_000 + b"]" * 200_000
DEEP_OBJECTS = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
NOTHING = b""
ZEROS = b"\x00" * 65_536
LATIN = "Größe\xff".encode("latin-1")
PICKLE = pickle.dumps(Bomb())
LONG_LINE = b"7 " * 9_000_000
LAUGHS = b"a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + b"".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n".encode() for n in range(1, 12)
)


def _zeros_in_gzip() -> bytes:
    """2 GB of zeros in 2 MB."""
    return gzip.compress(b"0" * 2**20) * 2048


def _zip(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return file.getvalue()


def _npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode().ljust(118 - 1) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


GIGABYTES = _npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }")
PICKLED = io.BytesIO()
np.save(PICKLED, np.array([Bomb()], dtype=object), allow_pickle=True)


def _safetensors(header: bytes, size: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if size is None else size) + header


@dataclass(frozen=True)
class Hostile:
    """A file and the command that is to refuse it."""

    name: str
    data: bytes | Callable[[], bytes]
    command: tuple[str, ...]
    """With FILE where its path goes; or with POLICY or RUN for a folder, and the name of the file in it at the end."""


def _workload(kind: str, scenario: str, suffix: str) -> tuple[str, ...]:
    chosen = (f"scenario={scenario}", f"workload={kind}", f"workload.path=FILE{suffix}")
    return ("evaluate", *chosen, "prioritizer=[fifo]", "negotiator=fcfs", "episodes=1")


TEXTS: dict[str, bytes | Callable[[], bytes]] = {
    "empty": NOTHING,
    "zeros": ZEROS,
    "latin-1": LATIN,
    "pickle": PICKLE,
    "deep": DEEP,
    "one endless line": LONG_LINE,
    "1e999": b"1e999 1e999\n1e999 1e999\n",
    "NaN": b"nan nan\nnan nan\n",
    "promises gigabytes": b"3000000 3000000\n0 1\n",
    "a number of digits": b"9" * 5_000 + b" 1\n",
}
TWICE = {
    "name": "w",
    "schemaVersion": "1.5",
    "workflow": {
        "specification": {"tasks": [{"name": "a", "id": "a", "parents": [], "children": []}] * 2},
        "execution": {"tasks": [{"id": "a", "runtimeInSeconds": 1}] * 2},
    },
}
POLICY = ("evaluate", "prioritizer=[POLICY]", "negotiator=urgency", "episodes=1")
WORKLOADS = {
    "swf": ("batch_queue", ".swf"),
    "job_shop": ("job_shop", ".txt"),
    "flexible_job_shop": ("flexible_job_shop", ".fjs"),
    "project": ("project", ".sm"),
    "wfformat": ("workflow", ".json"),
}
HEADER = "{'descr': '<i8', 'fortran_order': False, 'shape': (32000000,), }"
ARRAYS: dict[str, bytes | Callable[[], bytes]] = {
    "pickled": _zip(**{"affectations.npy": PICKLED.getvalue(), "durations.npy": PICKLED.getvalue()}),
    "gigabytes": _zip(**{"affectations.npy": GIGABYTES, "durations.npy": GIGABYTES}),
    "a bomb": lambda: _zip(**{"affectations.npy": _npy(HEADER, b"\0" * 256_000_000)}),
    "other names": _zip(__etc__passwd=b"x", **{"..__..__x.npy": b"x"}),
    "no archive": b"PK\x03\x04" + ZEROS,
}
JSONS: dict[str, bytes] = {
    "empty": NOTHING,
    "zeros": ZEROS,
    "latin-1": b'{"agents": "' + LATIN + b'"}',
    "deep": DEEP,
    "deep objects": DEEP_OBJECTS,
    "a key twice": b'{"time": 0, "time": 1}',
    "1e999": b'{"time": 1e999}',
    "NaN": b'{"time": NaN}',
    "no object": b"[]",
    "pickle": PICKLE,
    "clashing names": b'{"time": 0, "agents": [{"name": "a"}, {"name": "a"}], "jobs": []}',
    "digits": b'{"time": ' + b"9" * 5_000 + b"}",
}


def _cases() -> Iterator[Hostile]:
    for kind, (scenario, suffix) in WORKLOADS.items():
        for name, data in TEXTS.items():
            yield Hostile(f"{kind}: {name}", data, _workload(kind, scenario, suffix))
    swf = _workload("swf", "batch_queue", ".swf")
    yield Hostile("swf: a bomb", _zeros_in_gzip, (*swf[:3], "workload.path=FILE.swf.gz", *swf[4:]))
    yield Hostile("wfformat: one task twice", json.dumps(TWICE).encode(), _workload("wfformat", "workflow", ".json"))
    for name, data in ARRAYS.items():
        yield Hostile(f"arrays: {name}", data, _workload("stochastic_job_shop", "stochastic_job_shop", ".npz"))
        yield Hostile(f"events: {name}", data, ("report", "FILE.npz"))
    for name, text in JSONS.items():
        yield Hostile(f"situation: {name}", text, ("decide", "FILE.json"))
        yield Hostile(f"plan: {name}", text, ("plan", "FILE.json", "--seconds", "1"))
        yield Hostile(f"report: {name}", text, ("report", "FILE.json"))
        yield Hostile(f"policy: {name}", text, (*POLICY, "prioritizer/policy.json"))
        yield Hostile(f"index: {name}", text, (*POLICY, "index.json"))
        bound = ("bound", "workload.jobs=6", "episodes=1", "seconds=0", "bounds=FILE.json")
        yield Hostile(f"bounds: {name}", text, bound)
    for name, header in {
        "gigabytes": _safetensors(b"{}", 2**40),
        "deep": _safetensors(DEEP),
        "outside": _safetensors(b'{"x": {"dtype": "F32", "shape": [1000000000], "data_offsets": [0, 4000000000]}}'),
        "pickle": PICKLE,
        "torch": _zip(**{"archive__data.pkl": PICKLE}),
    }.items():
        yield Hostile(f"weights: {name}", header, (*POLICY, "prioritizer/weights.safetensors"))
        yield Hostile(f"checkpoint: {name}", header, ("train", "resume=RUN", "checkpoint.safetensors"))
    for name, text in {
        "laughs": LAUGHS,
        "python": f"!!python/object/apply:pathlib.Path.touch [{MARK}]\n".encode(),
        "target": f"scenario: {{_target_: pathlib.Path.touch, _args_: [{MARK}]}}\n".encode(),
        "environment": b"scenario: ${oc.env:HOME}\n",
        "deep": DEEP,
        "zeros": ZEROS,
    }.items():
        yield Hostile(f"config: {name}", text, ("train", "resume=RUN", "config.yaml"))
        yield Hostile(f"config to show: {name}", text, ("report", "RUN", "config.yaml"))
    for name, text in {"zeros": ZEROS, "pickle": PICKLE, "another schema": _database()}.items():
        yield Hostile(f"history: {name}", text, ("history", "FILE.db", "--replay"))


def _database() -> bytes:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE decisions (id INTEGER)")
        database.execute("INSERT INTO decisions VALUES (1)")
        return database.serialize()


def _lay(case: Hostile, folder: Path) -> list[str]:
    """Write the file of a case and return its command."""
    data = case.data() if callable(case.data) else case.data
    *command, last = case.command
    if any(word in part for part in command for word in ("POLICY", "RUN")):
        shutil.copytree(SHIPPED_FOLDER / "job_shop", folder / "given")
        if "resume=RUN" in command or "RUN" in command:
            (folder / "given" / "checkpoint.safetensors").write_bytes(_safetensors(b"{}"))
        if last == "index.json":
            shutil.rmtree(folder / "given")
        path = folder / "given" / last
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return [part.replace("POLICY", str(folder / "given")).replace("RUN", str(folder / "given")) for part in command]
    written = []
    for part in case.command:
        if "FILE" in part:
            path = folder / part[part.index("FILE") :]
            path.write_bytes(data)
            part = part.replace("FILE", str(folder / "FILE"), 1)
        written.append(part)
    return written


CASES = list(_cases())[:: 1 if IS_LONG else 4]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ended, Path]]:
    """How every command ended, by the name of its case."""
    folder = tmp_path_factory.mktemp("hostile")
    commands = []
    for n, case in enumerate(CASES):
        (folder / str(n)).mkdir()
        commands.append(_lay(case, folder / str(n)))
    return {case.name: (end, folder) for case, end in zip(CASES, run(commands, folder), strict=True)}


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_is_refused(name: str, ended: dict[str, tuple[Ended, Path]]) -> None:
    """Protects who opens what others made: it is told in one line, soon, in little memory, and nothing in it was run."""
    end, folder = ended[name]
    told = [line for line in end.err.splitlines() if "error:" in line]
    assert (end.code, len(told)) == (2, 1), end
    assert "Traceback" not in end.err
    assert len(told[0]) < 2_000
    assert end.cpu < SECONDS, end
    assert end.mib < MIB, end
    assert not list(folder.rglob(MARK))
