"""Tests of the networks: what they may not depend on, and that ragged sets compute what padded ones would."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.learning.baseline import HINDSIGHT
from agents.learning.config import Network, Update
from agents.learning.ppo import RolePPO
from agents.networks.architecture import NEGOTIATOR, PRIORITIZER, Brain, Spec
from agents.networks.reader import Standardiser
from agents.networks.sets import ILLEGAL, Sets, gather, to_actions
from agents.rules.index import Index
from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, NUM_NEGOTIATION

UPDATE = Update("ppo", 1, 64, 1e-3, 1e-3, 1e-3, 0.2, 0.0, 0.0, 0.5, 0.5, 2.0, 0.6)


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
    np.testing.assert_allclose(
        log_p.detach().exp().numpy(), [[0.5, 0.5, 0, 0, 0], [0.25, 0.25, 0.25, 0.25, 0]], atol=1e-6
    )
    brain = Brain(Spec.default(NEGOTIATOR, 16, levels=9))
    bids = brain(brain.reader(Sets.without_rows(torch.randn(3, NUM_NEGOTIATION))))
    assert bids.argmax(dim=1).tolist() == [4, 4, 4]


def test_levels_without_order() -> None:
    """Protects the head that the ordinal one is compared with: indifferent at the start, its level a mean, any level may become likely."""
    brain = Brain(Spec.default(NEGOTIATOR, 16, levels=9, ordinal=False))
    sets = brain.reader(Sets.without_rows(torch.randn(3, NUM_NEGOTIATION)))
    assert brain.actor.mu(sets).tolist() == pytest.approx([4.0] * 3)
    np.testing.assert_allclose(brain(sets).detach().exp().numpy(), np.full((3, 9), 1 / 9), rtol=1e-5)
    with torch.no_grad():
        brain.actor.head.score.bias[[0, 8]] = 5.0
    assert brain(sets)[0].exp()[[0, 8]].sum() > 0.9
    with pytest.raises(ValueError, match="guides ordinal bids only"):
        Spec.default(NEGOTIATOR, 16, levels=9, guide={"wait": 1.0}, ordinal=False)


@pytest.mark.parametrize("role", [PRIORITIZER, NEGOTIATOR])
def test_hindsight_reaches_the_critic_alone(role: str) -> None:
    """Protects honesty: what nobody can know while playing changes values, never decisions, and is in no artifact."""
    policy = RolePPO(role, 5, 16, Network(16, 16, [], None, gain=8.0, ordinal=True), UPDATE, "cpu").policy
    torch.nn.init.normal_(policy.critic.value.weight)
    policy.critic.set_moments(np.zeros(HINDSIGHT), np.ones(HINDSIGHT))
    reader = policy.brain.reader
    counts, passes = torch.tensor([2, 4]), torch.tensor([False, False])
    sets = Sets.of(torch.randn(6, reader.rows.size), counts, torch.randn(2, reader.context.size), passes)
    told = sets._replace(hindsight=torch.randn(2, HINDSIGHT))
    actions = torch.zeros(2)
    (value, *decided), (informed, *same) = (
        policy.evaluate_actions(sets, actions),
        policy.evaluate_actions(told, actions),
    )
    assert (value != informed).all()
    for one, other in zip(decided, same, strict=True):
        assert torch.equal(one, other)
    assert not [name for name in policy.brain.state_dict() if "critic" in name]


def test_guided_starts_as_the_index() -> None:
    """Protects the start from a tuned index: an untrained guided prioritizer ranks as it does, and so does a negotiator."""
    weights = {
        "wsrpt": 1.0,
        "startable": 0.5,
        "duration": -2.0,
        "age_release": 0.1,
        "log_area": 0.2,
        "root_shared_demand": 0.3,
    }
    random = np.random.default_rng(0)
    seen = random.random((20, NUM_NEGOTIATION)).astype(np.float32)
    ranked = Index(weights).bid(seen)
    assert len(set(ranked)) == len(ranked)
    brain = Brain(Spec.default(NEGOTIATOR, 16, 16, guide=weights))
    levels = brain.actor.mu(brain.reader(Sets.without_rows(torch.from_numpy(seen))))
    assert levels.argsort().tolist() == ranked.argsort().tolist()
    brain = Brain(Spec.default(PRIORITIZER, 16, guide=weights))
    sets = Sets.of(
        torch.from_numpy(seen[:, :NUM_CANDIDATE]),
        torch.tensor([20]),
        torch.zeros(1, NUM_CONTEXT),
        torch.tensor([False]),
    )
    assert brain(brain.reader(sets))[0, :20].argsort().tolist() == ranked.argsort().tolist()


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


def test_kernels_equal_plain_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the compiled passes: probabilities, values and all gradients are those of plain torch, which other devices take."""
    policy = RolePPO(PRIORITIZER, 5, 16, Network(16, 16, [], None, gain=8.0, ordinal=True), UPDATE, "cpu").policy
    awake(policy.brain)
    torch.nn.init.normal_(policy.critic.value.weight)
    raw = random_sets([3, 1, 6, 2, 0, 4], [False, True, False, True, True, False])
    index, actions = torch.tensor([5, 1, 4, 0, 5, 2]), torch.tensor([2, 1, 0, 0, 3, 5])

    def outcome() -> list[torch.Tensor]:
        policy.zero_grad()
        found = policy.evaluate_actions(policy.brain.reader(raw.select(index)), actions)
        terms = [part for part in found if part is not None]
        sum((part * torch.linspace(-1.0, 2.0, 6)).sum() for part in terms).backward()  # type: ignore[union-attr]  # no int: it has terms
        return [
            *(part.detach() for part in terms),
            *(weight.grad for weight in policy.parameters() if weight.grad is not None),
        ]

    compiled = outcome()
    monkeypatch.setattr("agents.networks.sets._is_reached", lambda tensor: False)
    plain = outcome()
    assert len(compiled) == 3 + len(list(policy.parameters()))
    assert all(part.abs().sum() > 0 for part in compiled)
    torch.testing.assert_close(compiled, plain, rtol=1e-4, atol=1e-5)


def test_draws_by_probability(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects exploration: actions come as often as their probability says, and no rounding draws one that is not legal."""
    policy = RolePPO(PRIORITIZER, 5, 16, Network(16, 16, [], None, gain=8.0, ordinal=True), UPDATE, "cpu").policy
    awake(policy.brain)
    sets = policy.brain.reader(random_sets([3, 5], [True, False])).select(torch.arange(2).repeat(20_000))
    places, log_p = policy.act(sets)
    expected = policy.brain(sets).detach()
    torch.testing.assert_close(log_p, expected.gather(1, places[:, None]).squeeze(1).detach())
    for n, legal in enumerate((4, 5)):
        often = torch.bincount(places[n::2], minlength=6) / 20_000
        torch.testing.assert_close(often, expected[n].exp(), rtol=0, atol=0.015)
        assert often[legal:].sum() == 0
    monkeypatch.setattr(torch, "rand", lambda *shape, device: torch.full(shape, 1 - 2.0**-24, device=device))
    assert policy.act(sets)[0][:2].tolist() == [3, 4]


def test_flat_and_ragged_views_agree() -> None:
    """Protects the two forms of one observation: SB3's flat vector with a mask gives the values and probabilities of the sets."""
    policy = RolePPO(PRIORITIZER, 5, 16, Network(16, 16, [], None, gain=8.0, ordinal=True), UPDATE, "cpu").policy
    awake(policy.brain)
    random = np.random.default_rng(3)
    candidates = random.normal(size=(4, 5, NUM_CANDIDATE)).astype(np.float32)
    context = random.normal(size=(4, NUM_CONTEXT)).astype(np.float32)
    mask = np.array([[1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 1], [1, 1, 1, 1, 1, 1]], bool)
    actions, places = np.array([1, 2, 5, 5]), np.array([1, 2, 1, 5])
    rows, counts = gather(candidates, mask[:, :-1], np.arange(4))
    parts = (rows, counts, context, mask[:, -1])
    sets = policy.brain.reader(Sets.of(*(torch.from_numpy(part) for part in parts)))
    flat = torch.from_numpy(np.concatenate((candidates.reshape(4, -1), context), axis=1))
    ragged = policy.evaluate_actions(sets, torch.from_numpy(places))
    dense = policy.evaluate_actions(flat, torch.from_numpy(actions), torch.from_numpy(mask))
    torch.testing.assert_close(dense, ragged)
    assert to_actions(places, counts, 5).tolist() == actions.tolist()
    for _ in range(20):
        drawn, _, log_p = policy(flat, action_masks=mask)
        assert mask[np.arange(4), drawn.numpy()].all()
        assert (log_p > ILLEGAL / 2).all()


def test_masks_with_gaps_are_refused() -> None:
    """Protects who calls a policy with a mask of his own: no other candidate is silently taken for the one that is meant."""
    candidates = np.zeros((1, 3, NUM_CANDIDATE), np.float32)
    with pytest.raises(ValueError, match="the mask has a gap"):
        gather(candidates, np.array([[True, False, True]]), np.arange(1))


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
