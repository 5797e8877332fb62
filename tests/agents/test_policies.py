"""Decision makers by name: rules and trained policies, mixed freely."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import agents
from agents.evaluation.play import draw_episodes, play
from agents.networks.architecture import NEGOTIATOR, PRIORITIZER, Brain, Spec
from agents.networks.artifact import ArtifactError, TrainedNegotiator, TrainedPrioritizer, save
from agents.policies import PolicyError, is_rule, load_negotiator, load_prioritizer
from agents.rules import Index, RuleNegotiator, RulePrioritizer
from envs.scenario import Scenario
from envs.workloads.generators.synthetic import SyntheticWorkload
from experiments.plumbing.cli import UsageError, names
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in which both roles were trained."""
    folder = tmp_path_factory.mktemp("run") / "policy"
    save(folder / PRIORITIZER, Brain(Spec.default(PRIORITIZER, 8)), {})
    save(folder / NEGOTIATOR, Brain(Spec.default(NEGOTIATOR, 8, levels=16)), {})
    return folder


def test_names(run_folder: Path) -> None:
    """Protects both kinds of name: a rule, the folder of a run, the folder of one role."""
    assert isinstance(load_prioritizer("spt+r"), RulePrioritizer)
    assert isinstance(load_negotiator("drf"), RuleNegotiator)
    assert isinstance(load_prioritizer(str(run_folder)), TrainedPrioritizer)
    assert isinstance(load_negotiator(str(run_folder)), TrainedNegotiator)
    assert isinstance(load_negotiator(str(run_folder / NEGOTIATOR)), TrainedNegotiator)


def test_load(run_folder: Path) -> None:
    """Protects the one call of a notebook: what has one role needs none to be said, and what has two says so."""
    assert isinstance(agents.load("policies/job_shop"), TrainedPrioritizer)
    assert isinstance(agents.load(run_folder / NEGOTIATOR), TrainedNegotiator)
    assert isinstance(agents.load(run_folder, "negotiator"), TrainedNegotiator)
    assert isinstance(agents.load("policies/shared_cluster_index"), Index)
    assert isinstance(agents.load("fdd_mwkr"), RulePrioritizer)
    assert isinstance(agents.load("drf"), RuleNegotiator)
    with pytest.raises(
        PolicyError, match=r"is a prioritizer and a negotiator; say which one, as in load\(.*, 'prioritizer'\)"
    ):
        agents.load(run_folder)
    with pytest.raises(PolicyError, match="role is 'prioritiser', must be prioritizer or negotiator"):
        agents.load("drf", "prioritiser")
    with pytest.raises(PolicyError, match="no such"):
        agents.load("policies/no_such")
    with pytest.raises(AttributeError, match="has no attribute 'lood'"):
        agents.lood  # noqa: B018


def test_loading_is_light() -> None:
    """Protects whoever imports one part of agents: neither torch nor the world comes with the package."""
    code = "import agents, sys; print(sorted({'torch', 'numba', 'numpy', 'envs'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"


def test_is_rule() -> None:
    """Protects the choice of the baseline: only prioritizers reserve."""
    assert is_rule("prioritizer", "spt")
    assert is_rule("prioritizer", "spt+r")
    assert not is_rule("negotiator", "drf+r")
    assert not is_rule("prioritizer", "results/run")


def test_wrong_role(run_folder: Path) -> None:
    """Protects from a negotiator in a prioritizer's place."""
    with pytest.raises(ArtifactError, match="negotiator"):
        load_prioritizer(str(run_folder / NEGOTIATOR))


def test_role_that_was_not_trained(tmp_path: Path) -> None:
    """Protects who names a policy of one role for the other: its role is named, and what would be right."""
    save(tmp_path / PRIORITIZER, Brain(Spec.default(PRIORITIZER, 4)), {})
    with pytest.raises(
        ArtifactError, match="has no negotiator, only a prioritizer; give a rule, or a policy that has one"
    ):
        load_negotiator(str(tmp_path))


def test_run_instead_of_its_policy(run_folder: Path) -> None:
    """Protects who names the folder of a run: its policy is meant."""
    assert type(load_prioritizer(str(run_folder.parent))) is type(load_prioritizer(str(run_folder)))


@pytest.mark.parametrize("given", ["", None, ["spt", ""], []])
def test_no_name(given: object) -> None:
    """Protects from reading the current folder where no name was given."""
    with pytest.raises(UsageError, match=r"must name a rule or the folder of a trained policy"):
        names(OmegaConf.create({"prioritizer": given}), "prioritizer")


def test_roles_mix(run_folder: Path) -> None:
    """Protects cross-play: a trained policy in either role plays with a rule in the other, and the checker agrees."""
    scenario = Scenario(workload=SyntheticWorkload(jobs=6))
    episodes = draw_episodes(scenario, 2, 0)
    for prioritizer, negotiator in ((str(run_folder), "drf"), ("wsrpt", str(run_folder))):
        results = play(scenario, episodes, load_prioritizer(prioritizer), load_negotiator(negotiator))
        assert (results.objective > 0).all()
