"""Tests of the networks: what they may not depend on, and that ragged sets compute what padded ones would."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.learning.config import Network, Update
from agents.learning.ppo import RolePPO
from agents.networks import ILLEGAL, NEGOTIATOR, PRIORITIZER, Brain, Spec
from agents.reader import Standardiser
from agents.sets import Sets, gather, pool, spread, to_actions
from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, NUM_NEGOTIATION

UPDATE = Update("ppo", 1, 64, 1e-3, 1e-3, 0.2, 0.0, 0.0, 0.5, 0.5, 2.0, 0.6)


def awake(brain: Brain) -> Brain:
    """Undo the zero at the start, so that outputs say something."""
    torch.manual_seed(0)
    for weight in brain.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return brain


@pytest.fixture
def brain() -> Brain:
    """A prioritizer's network with random weights."""
    return awake(Brain(Spec.default(PRIORITIZER, 16)))


def random_sets(counts: list[int], may_pass: list[bool] | None = None) -> Sets:
    """Raw sets with so many candidates each."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(sum(counts), NUM_CANDIDATE)).astype(np.float32)
    context = random.normal(size=(len(counts), NUM_CONTEXT)).astype(np.float32)
    passes = torch.tensor(may_pass or [False] * len(counts))
    return Sets.of(torch.from_numpy(rows), torch.tensor(counts), torch.from_numpy(context), passes)


def test_starts_indifferent() -> None:
    """Protects the start: every legal candidate is as likely as every other, and the middle level is the likeliest bid."""
    brain = Brain(Spec.default(PRIORITIZER, 16))
    log_p = brain(brain.reader(random_sets([2, 4])))
    np.testing.assert_allclose(log_p.detach().exp().numpy(), [[0.5, 0.5, 0, 0, 0], [0.25, 0.25, 0.25, 0.25, 0]], atol=1e-6)
    brain = Brain(Spec.default(NEGOTIATOR, 16, levels=9))
    bids = brain(brain.reader(Sets.without_rows(torch.randn(3, NUM_NEGOTIATION))))
    assert bids.argmax(dim=1).tolist() == [4, 4, 4]


def test_is_equivariant(brain: Brain) -> None:
    """Protects against positions: shuffling candidates shuffles their probabilities and changes nothing else."""
    sets = random_sets([7])
    order = torch.randperm(7)
    shuffled = sets._replace(rows=sets.rows[order])
    plain, moved = (brain(brain.reader(s)).detach() for s in (sets, shuffled))
    assert plain[0, :7].std() > 0.1
    torch.testing.assert_close(moved[0, :7], plain[0, :7][order])


def test_decisions_do_not_see_each_other(brain: Brain) -> None:
    """Protects the ragged layout: a decision's probabilities are the same alone and among others, passing included."""
    sets = brain.reader(random_sets([3, 1, 6, 2], [False, True, False, True]))
    together = brain(sets).detach()
    for n, count in enumerate([3, 1, 6, 2]):
        alone = brain(sets.select(torch.tensor([n]))).detach()
        legal = count + int(sets.may_pass[n])
        torch.testing.assert_close(together[n, :legal], alone[0, :legal])
        assert (together[n, legal:] <= ILLEGAL / 2).all()
        assert together[n].exp().sum().item() == pytest.approx(1.0)


def test_pooling_equals_plain_torch() -> None:
    """Protects the compiled pooling: values and gradients equal those of plain torch, with empty sets among them."""
    sets = random_sets([3, 0, 5, 1])
    values = torch.rand(9, 4, requires_grad=True)
    weights = torch.randn(2, 4, 4)
    mean, largest = pool(values, sets)
    (mean * weights[0] + largest * weights[1]).sum().backward()
    plain = values.detach().clone().requires_grad_()
    parts = plain.split([3, 0, 5, 1])
    none = torch.zeros(4)
    expected = (
        torch.stack([part.mean(dim=0) if len(part) else none for part in parts]),
        torch.stack([part.amax(dim=0) if len(part) else none for part in parts]),
    )
    (expected[0] * weights[0] + expected[1] * weights[1]).sum().backward()
    torch.testing.assert_close((mean, largest), expected)
    torch.testing.assert_close(values.grad, plain.grad)
    vectors = torch.randn(4, 2, requires_grad=True)
    spread(vectors, sets).sum().backward()
    assert vectors.grad is not None
    assert vectors.grad[:, 0].tolist() == [3.0, 0.0, 5.0, 1.0]


def test_flat_and_ragged_views_agree() -> None:
    """Protects the two forms of one observation: SB3's flat vector with a mask gives the values and probabilities of the sets."""
    policy = RolePPO(PRIORITIZER, 5, 16, Network(16, 16, []), UPDATE, "cpu").policy
    awake(policy.brain)
    random = np.random.default_rng(3)
    candidates = random.normal(size=(4, 5, NUM_CANDIDATE)).astype(np.float32)
    context = random.normal(size=(4, NUM_CONTEXT)).astype(np.float32)
    mask = np.array([[1, 1, 0, 0, 0, 0], [0, 1, 0, 1, 1, 0], [1, 0, 0, 0, 0, 1], [1, 1, 1, 1, 1, 1]], bool)
    actions, places = np.array([1, 4, 5, 5]), np.array([1, 2, 1, 5])
    rows, numbers, counts = gather(candidates, mask[:, :-1], np.arange(4))
    parts = (rows, counts, context, mask[:, -1])
    sets = policy.brain.reader(Sets.of(*(torch.from_numpy(part) for part in parts)))
    flat = torch.from_numpy(np.concatenate((candidates.reshape(4, -1), context), axis=1))
    ragged = policy.evaluate_actions(sets, torch.from_numpy(places))
    dense = policy.evaluate_actions(flat, torch.from_numpy(actions), torch.from_numpy(mask))
    torch.testing.assert_close(dense, ragged)
    assert to_actions(places, numbers, counts, 5).tolist() == actions.tolist()
    for _ in range(20):
        drawn, _, log_p = policy(flat, action_masks=mask)
        assert mask[np.arange(4), drawn.numpy()].all()
        assert (log_p > ILLEGAL / 2).all()


def test_column_that_never_varied_is_not_read() -> None:
    """Protects transfer: a column that was constant in training reads as 0 whatever it is later."""
    standardiser = Standardiser(("a", "c"), ("a", "b", "c"))
    standardiser.set_moments(np.array([1.0, 2.0]), np.array([0.5, 0.0]))
    read = standardiser.standardise(standardiser.tame(torch.tensor([[0.0, 7.0, 100.0]])))
    assert read.tolist() == [[-2.0, 0.0]]


@pytest.mark.parametrize("column", ["units", "time_scale", "nonsense"])
def test_spec_refuses_columns(column: str) -> None:
    """Protects generality: raw columns, and columns that do not exist, cannot be read by a network."""
    with pytest.raises(ValueError, match=column):
        Brain(Spec(PRIORITIZER, (column,) if column != "time_scale" else ("wait",), ("queue", column), 8, 0))
