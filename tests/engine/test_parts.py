"""How kernels are compiled: with the entries that call them, and not one by one."""

from __future__ import annotations

import gc
from pathlib import Path

from envs.engine.compiled import compiler, kernel
from envs.engine.parts import Part


@kernel
def _twice(x: int) -> int:
    return 2 * x


@kernel
def _four_times(x: int) -> int:
    return _twice(_twice(x))


def test_only_entries_become_machine_code(tmp_path: Path) -> None:
    """Protects the cold start: what only kernels call is neither optimised, nor assembled, nor kept by itself, and works all the same."""

    @compiler(str(tmp_path))
    def entry(x: int) -> int:
        return _four_times(x) + _twice(x)

    assert entry(3) == 18
    assert [path.name.split("-")[0].rsplit(".", 1)[-1] for path in tmp_path.rglob("*.nbc")] == ["entry"]
    for part in (_twice, _four_times):
        (made,) = part.overloads.values()
        assert isinstance(made.library, Part)
        assert made.library.get_pointer_to_function(made.fndesc.mangled_name) == 0
    assert gc.isenabled()
