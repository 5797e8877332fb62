"""Kernels wait for the entry that calls them: only there, and once, are they optimised and turned into machine code.

numba does both for every function and everything that it calls, so that code deep down was optimised again for each of its callers: most
of a cold start went into machine code that nobody called.
"""

from __future__ import annotations

import gc
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class Part(JITCodeLibrary):
    """Code that is only ever linked into other code."""

    def _optimize_final_module(self) -> None:
        """Leave it to the entry, whose module has this one in it."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]  # numba has no types
        self._finalized = True

    @property
    def codegen(self) -> Any:
        """Where numba says what to raise errors by: kernels raise none, and this one is nowhere in memory."""
        return self

    def set_env(self, env_name: str, env: Any) -> None:
        """Forget it."""


class PartCompiler(Compiler):
    """Compiles to a :class:`Part`."""

    def compile_extra(self, func: Any) -> Any:
        """Compile a function, for others to call."""
        self.state.library = Part(self.state.targetctx.codegen(), func.__qualname__)  # type: ignore[no-untyped-call]
        collects = gc.isenabled()
        gc.disable()  # a compiler makes many objects that live long: looking through them took a tenth of the time
        try:
            return super().compile_extra(func)  # type: ignore[no-untyped-call]
        finally:
            if collects:
                gc.enable()
