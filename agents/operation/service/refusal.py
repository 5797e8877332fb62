"""What a request is answered with where it gets nothing: a status, and problems in the form that situations have theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi.responses import JSONResponse

from agents.operation.site.problems import Problem


class Refusal(Exception):
    """Ends a request."""

    def __init__(self, status: int, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        """Take the HTTP status, what is wrong and what would be right, and further headers."""
        self.status, self.problem, self.headers = status, problem, headers
        super().__init__(str(problem))

    def answer(self) -> JSONResponse:
        """Return the response."""
        return problems_answer(self.status, [self.problem], self.headers)


def problems_answer(status: int, problems: Sequence[Problem], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return a response that tells problems."""
    content = {"kind": "problems", "problems": [problem.as_json() for problem in problems]}
    return JSONResponse(content, status_code=status, headers=headers)
