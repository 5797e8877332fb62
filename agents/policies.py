"""Decision makers by name: a rule, or the folder of a trained policy or of a tuned index."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from agents.protocols import Negotiator, Prioritizer
from agents.rules import NEGOTIATORS, PRIORITIZERS, RuleError, conditional, index, negotiator, prioritizer, split

SHIPPED: Final = "policies"
"""What names of policies that come with Parley begin with: policies/job_shop."""
SHIPPED_FOLDER: Final = Path(__file__).resolve().parent / "shipped"
"""Where these are."""
OWN_FOLDER: Final = Path("results")
"""Below the current folder: what commands write there has names as well, but those that come with Parley are taken first."""
PRIORITIZER: Final = "prioritizer"
NEGOTIATOR: Final = "negotiator"
RULES: Final[dict[str, Mapping[str, object]]] = {PRIORITIZER: PRIORITIZERS, NEGOTIATOR: NEGOTIATORS}


class PolicyError(ValueError):
    """A name that is neither a rule's nor a policy's; the message says what would be right."""


def load_prioritizer(name: str) -> Prioritizer:
    """Return the rule called ``name`` (``spt``, ``spt+r``), or what was trained or tuned, in the folder ``name``.

    Raises:
        PolicyError: where it is neither; where the folder holds something else, it is an ArtifactError or a RuleError.
    """
    policy: Prioritizer = _load("prioritizer", name, prioritizer)
    return policy


def load_negotiator(name: str) -> Negotiator:
    """Return the rule called ``name`` (``drf``), or what is in the folder ``name``; errors as above."""
    policy: Negotiator = _load("negotiator", name, negotiator)
    return policy


def load(name: str | Path, role: str | None = None) -> Any:
    """Return what decides by that name: a prioritizer or a negotiator, ready for ``agents.evaluation.play`` or a world of one's own.

    Args:
        name: a rule's, a shipped policy's (``policies/job_shop``) or a folder.
        role: 'prioritizer' or 'negotiator'; may be left out where the name has but one.

    Raises:
        PolicyError, ArtifactError, RuleError: there is no such thing, or of both roles, or it is damaged.
    """
    name = str(name)
    if role is None:
        roles = [each for each in RULES if is_rule(each, name)]
        if not roles and (folder := policy_folder(name)) is not None:
            roles = [each for each in RULES if (folder / each).is_dir()]
            if not roles and not (folder / index.FILE).is_file():
                from agents.networks.artifact import load as load_artifact

                return load_artifact(folder)
        if len(roles) > 1:
            raise PolicyError(
                f"{name}: is a {' and a '.join(roles)}; say which one, as in load({name!r}, {roles[0]!r})"
            )
        role = roles[0] if roles else "prioritizer"  # an index plays both
    if role not in RULES:
        raise PolicyError(f"role is {role!r}, must be {' or '.join(RULES)}")
    return load_prioritizer(name) if role == "prioritizer" else load_negotiator(name)


def policy_folder(name: str) -> Path | None:
    """Return the folder that holds a trained policy: that of a training run, of its policy, or of a shipped one; None: no such folder."""
    shipped = [SHIPPED_FOLDER / name.removeprefix(f"{SHIPPED}/")] if name.startswith(f"{SHIPPED}/") else []
    for folder in (Path(name), *shipped, OWN_FOLDER / name):
        if folder.is_dir():
            return folder / "policy" if (folder / "policy").is_dir() else folder
    return None


def shipping_folder(suite: str) -> Path:
    """Return where a policy is shipped: beside those that come with Parley; where Parley is installed, among the own results."""
    return (
        SHIPPED_FOLDER if (Path(__file__).resolve().parents[1] / "pyproject.toml").is_file() else OWN_FOLDER / SHIPPED
    ) / suite


def roles_in(folder: Path) -> list[str]:
    """Return the roles that the policy in a folder plays: an index plays both, networks stand in a folder each."""
    return [role for role in RULES if (folder / index.FILE).is_file() or (folder / role).is_dir()]


def is_rule(role: str, name: str) -> bool:
    """Whether ``name`` is a rule for ``role``, "prioritizer" or "negotiator"."""
    return (split(name)[0] if role == "prioritizer" else name) in RULES[role]


def _load(role: str, name: str, rule: Callable[[str], Any]) -> Any:
    if not is_rule(role, name) and (folder := policy_folder(name)) is not None:
        if (folder / index.FILE).is_file():
            return conditional.load(folder / index.FILE)
        from agents.networks.artifact import load  # torch comes with it: only where somebody asks for a trained policy

        return load(folder, role)
    if os.sep in name:
        raise PolicyError(f"{role} {name}: no such folder, must be that of a trained policy or the name of a rule")
    try:
        return rule(name)
    except RuleError as error:
        raise PolicyError(f"{error}, or the folder of a trained policy") from None
