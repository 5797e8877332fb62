"""One world as PettingZoo's ParallelEnv: every agent has two seats, its prioritizer and its negotiator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from operator import add
from typing import Any, ClassVar, Final

import numpy as np
from gymnasium import logger
from gymnasium.spaces import Space
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from envs import seats
from envs.arguments import MAX_SEED, as_integer
from envs.columns import NUM_CANDIDATE, NUM_CONTEST, NUM_CONTEXT, NUM_NEGOTIATION
from envs.default_scenario import default_scenario
from envs.engine.codes import Phase
from envs.engine.tick import DECLINE
from envs.players import Negotiator, Partner, Prioritizer
from envs.render import frame
from envs.render.text import Teller
from envs.scenario import Scenario
from envs.workloads.instance import Instance, WorkloadError
from envs.world import Outputs, World, draw_instances

MOST_AGENTS: Final = 4096
"""Of an environment: every seat has spaces of its own, which take time and memory."""
_NEGOTIATE, _OVER = (
    int(Phase.NEGOTIATE),
    int(Phase.OVER),
)  # Python 3.11 takes microseconds to look a member of an enum up
_PICK, _CONTEXT, _CONTEST = (
    slice(NUM_CANDIDATE),
    slice(NUM_CANDIDATE, -NUM_CONTEST),
    slice(-NUM_CONTEST, None),
)
"""Parts of what a negotiator sees."""

Observations = dict[str, Any]
Infos = dict[str, dict[str, Any]]


class TaskManagement(ParallelEnv):
    """Agents prioritise tasks and negotiate shared resources; one step is one round (docs/world.md, section 6).

    Seats are ``prioritizer_0..A-1``, then ``negotiator_0..A-1``. All act at every step; a seat without a choice has only
    the no-op, its last action. A prioritizer plays a candidate 0..K-1, or the no-op K, which is pass where that is legal;
    a negotiator bids a level 0..levels-1, or plays the no-op ``levels``. Both seats of an agent get the agent's reward,
    and all seats end together.

    Observations are ``{'observation': ..., 'action_mask': [actions] int8}``: of a prioritizer ``{'candidates': [K, F],
    'context': [C]}``, of a negotiator ``{'pick': [F], 'context': [C], 'contest': [D]}``, float32 (docs/columns.md). They
    are the caller's to keep. ``infos[seat]`` has 'illegal_actions', how many the seat has played in this episode, 'terms', unweighted
    costs of the team in this episode as in ``Outputs.terms``, and 'time', seconds of world time. An illegal action does not raise unless
    asked to: a prioritizer's is handled as docs/world.md says, a negotiator's is the lowest bid. Rewards and
    'terms' are for learning: they are what time has cost by realised durations, so whoever reads them while it plays knows more
    than agents do (docs/world.md, section 6).

    All seats live from reset to the end. Where an episode's instance has fewer agents than the environment, the seats of the others
    are idle: they see zeros, have only the no-op, and are paid 0. So clients that look for every possible agent at each step find it.

    With a ``role``, only its seats are there: the other role follows a policy between the steps, and rewards have its rounds in them.

    An environment can be copied deeply and pickled at any step; the copy goes on by itself, to the same bits.

    Args:
        scenario: what is played; by default ``default_scenario()``.
        max_cycles: steps after which an episode is truncated, instead of the scenario's ``limits.max_rounds``.
        render_mode: 'human' prints the situation after every step; ``render()`` returns it as text in mode 'ansi', and the
            episode so far as a picture [H, W, 3] uint8 in mode 'rgb_array'.
        flat: observations are one vector, their parts one after the other, and the mask is ``infos[seat]['action_mask']``.
        equal: all seats have equal spaces, for learners that share one network among them or read no Dict in a Dict: observations are
            ``{'observation': [W], 'action_mask': [M]}``, or with ``flat`` [W]. Vectors end in zeros, and masks in actions that are never
            legal.
        agents: A, for workloads whose instances differ in it: the largest, up to 4096. By default that of one of its instances.
        illegal: 'count' illegal actions, or 'raise' a ValueError, with nothing moved.
        role: 'prioritizer' or 'negotiator', whose seats alone are there; by default both.
        other: then plays the other role, by ``bid`` or ``pick`` as in ``envs.players``; by default bids are equal, or whatever is shown
            first is picked.
        reward_scale: what rewards are multiplied by.

    Raises:
        TypeError, ValueError: an argument is not what it must be.
        WorkloadError: an instance has more than A agents.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "task_management_v0",
        "render_modes": ["human", "ansi", "rgb_array"],
        "is_parallelizable": True,
    }

    def __init__(
        self,
        scenario: Scenario | None = None,
        max_cycles: int | None = None,
        render_mode: str | None = None,
        flat: bool = False,
        agents: int | None = None,
        illegal: str = "count",
        equal: bool = False,
        role: str | None = None,
        other: Prioritizer | Negotiator | None = None,
        reward_scale: float = 1.0,
    ) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(
                f"render_mode is {render_mode!r}, must be None or one of {', '.join(self.metadata['render_modes'])}"
            )
        scenario = default_scenario() if scenario is None else scenario
        if not isinstance(scenario, Scenario):
            raise TypeError(f"scenario is {scenario!r}, must be a Scenario")
        if illegal not in seats.ILLEGAL:
            raise ValueError(f"illegal is {illegal!r}, must be one of {', '.join(seats.ILLEGAL)}")
        if role is None and other is not None:
            raise ValueError(
                "other plays the role that is not role: say which role this is for, as in role='prioritizer'"
            )
        self._partner = None if role is None else Partner(role, other)
        if self._partner is not None:
            scenario = self._partner.rules(scenario)
        if max_cycles is not None:
            max_cycles = as_integer("max_cycles", max_cycles, 1, 2**31 - 1)
            scenario = replace(scenario, limits=replace(scenario.limits, max_rounds=max_cycles))
        self.scenario = scenario
        self.render_mode = render_mode
        self.flat = flat
        self.equal = equal
        self._scale = seats.as_scale(reward_scale)
        self.agents: list[str] = []
        self._seeds: Any = np.random.PCG64()
        instance = draw_instances(scenario, 1, 0)[0]
        self._most = as_integer("agents", instance.num_agents if agents is None else agents, 1, MOST_AGENTS)
        forbids = illegal == "raise"
        asked = {
            "prioritizer": (scenario.candidates + 1, DECLINE),
            "negotiator": (scenario.negotiation.levels + 1, seats.LOWEST_BID),
        }
        named = list(asked) if role is None else [role]
        widest = max(asked[name][0] for name in named)
        roles = {
            name: seats.Role(name, self._most, actions, instead, forbids, widest if equal else actions)
            for name, (actions, instead) in asked.items()
        }
        self._prioritizers, self._negotiators = roles.values()
        self._roles = [roles[name] for name in named]
        self.possible_agents = [seat for own in self._roles for seat in own.seats]
        self._action_spaces = {seat: space for own in self._roles for seat, space in own.action_spaces.items()}
        is_vector = flat or equal
        views = {
            self._prioritizers: seats.prioritizer_space(scenario.candidates, is_vector),
            self._negotiators: seats.negotiator_space(is_vector),
        }
        if equal:
            whole = seats.common([views[own] for own in self._roles])
            views, self._width = dict.fromkeys(self._roles, whole), len(whole.low)
        self._observation_spaces = {
            seat: views[own] if flat else seats.masked(views[own], own.width)
            for own in self._roles
            for seat in own.seats
        }
        contexts = [seats.CONTEXT_BOUNDS] * self._most
        negotiations = [seats.CANDIDATE_BOUNDS, seats.CONTEXT_BOUNDS, seats.CONTEST_BOUNDS] * self._most
        self.state_space = seats.box(seats.bounds(1, (0,)), *contexts, *negotiations)
        self._everybody_waits = np.zeros((self._most, self._negotiators.actions), np.int8)
        self._everybody_waits[:, -1] = 1
        self._pay: list[float] = []
        """What the agents of the instance have earned since the last step; sums of a few numbers are many times faster in lists."""
        self._enter(instance, 0)

    def _enter(self, instance: Instance, seed: int) -> None:
        """Make the world that plays ``instance``: ``world`` is the episode's World, of one world."""
        if instance.num_agents > self._most:
            raise WorkloadError(
                f"{instance.name}: has {instance.num_agents} agents, the environment {self._most}: make it with agents=..."
            )
        self.world = World(
            self.scenario, 1, seed, instances=[instance], auto_reset=False, record=self.render_mode is not None
        )
        self._teller = Teller(instance)
        self._picks = np.zeros((1, instance.num_agents), np.int32)
        self._bids = np.zeros((1, instance.num_agents))

    def observation_space(self, agent: str) -> Space[Any]:
        """Return what the seat sees."""
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> Space[Any]:
        """Return what the seat may play."""
        return self._action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observations, Infos]:
        """Start an episode.

        Args:
            seed: 0..2^64-1, determines instance and episode: those of ``World(scenario, 1, seed)``. By default the next of
                the sequence that the last given seed started; of a random one, if none was given.
            options: none are known; ignored.
        """
        if seed is None:
            seed = int(self._seeds.random_raw())
        else:
            seed = as_integer("seed", seed, 0, MAX_SEED)
            self._seeds = np.random.PCG64(seed)
        instance = draw_instances(self.scenario, 1, seed)[0]
        if instance is not self.world.instances[0]:
            self._enter(instance, seed)
        self._teller = Teller(instance)
        self.world.reset(seed)
        self.agents = list(self.possible_agents)
        self._offences = dict.fromkeys(self.agents, 0)
        out = self.world.out
        self._pay = out.reward[0].tolist() if out.phase.item(0) == _OVER else [0.0] * instance.num_agents
        self._let_others_play()
        seen = self._look()
        self._show()
        return seen

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[Observations, dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Play one round, and on to the next choice or the end; a seat that is not in ``actions`` plays its no-op.

        An episode without any choice is over before its first step, which then only tells its rewards.

        Raises:
            ValueError: ``actions`` is no mapping, has a seat that does not live, or an illegal action where these raise.
        """
        if not self.agents:
            raise ValueError("nobody lives: reset before the first step, and after the last of an episode")
        if not isinstance(actions, Mapping):
            raise ValueError(f"actions is {actions!r}, must be a mapping from seats to actions")
        if not actions.keys() <= self._offences.keys():
            raise ValueError(
                f"{[seat for seat in actions if seat not in self._offences]} do not live, the seats are {', '.join(self.agents)}"
            )
        for own in self._roles:
            own.take(actions, self._picks[0] if own is self._prioritizers else self._bids[0], self._offences)
        out = self.world.out
        if out.phase.item(0) != _OVER:
            self.world.step(self._picks, self._bids)
            self._earn(out)
            self._let_others_play()
        live, scale = self.agents, self._scale
        pay = [earned * scale for earned in self._pay] + [0.0] * (self._most - len(self._pay))
        self._pay = [0.0] * len(self._pay)
        terminated, truncated = out.terminated.item(0), out.truncated.item(0)
        observations, infos = self._look()
        if terminated or truncated:
            self.agents = []
        self._show()
        rewards = dict(zip(live, pay * len(self._roles), strict=True))
        return observations, rewards, dict.fromkeys(live, terminated), dict.fromkeys(live, truncated), infos

    def _let_others_play(self) -> None:
        """Where there is but one role, play on until it is asked or the episode is over; what that costs is paid at the next step."""
        if self._partner is not None:
            for out in self._partner.rounds(self.world, self._picks, self._bids):
                self._earn(out)

    def _earn(self, out: Outputs) -> None:
        """Add what the last round was worth to what agents are paid next."""
        self._pay = list(map(add, self._pay, out.reward[0].tolist()))

    def _look(self) -> tuple[Observations, Infos]:
        """Copy what the seats see, once for all of a role: their observations are views of the copies."""
        out = self.world.out
        time, terms = out.time.item(0), out.terms[0].copy()
        observations: Observations = {}
        infos: Infos = {
            seat: {"illegal_actions": illegal, "terms": terms, "time": time} for seat, illegal in self._offences.items()
        }
        for own in self._roles:
            masks = self._masks(own)
            own.allow(masks)
            if self.flat or self.equal:
                self._show_vectors(own, masks, observations, infos)
            # The seats end first: an array that is asked for a row too many writes an error message, which takes as long as five rows.
            elif own is self._prioritizers:
                candidates, contexts = self._padded(out.candidates[0]), self._padded(out.context[0])
                for seat, rows, context, mask in zip(own.seats, candidates, contexts, masks, strict=False):
                    view = {"candidates": rows, "context": context}
                    observations[seat] = {"observation": view, "action_mask": mask}
            else:
                rows = self._padded(out.negotiation[0])
                picks, contexts, contests = rows[:, _PICK], rows[:, _CONTEXT], rows[:, _CONTEST]
                for seat, pick, context, contest, mask in zip(
                    own.seats, picks, contexts, contests, masks, strict=False
                ):
                    view = {"pick": pick, "context": context, "contest": contest}
                    observations[seat] = {"observation": view, "action_mask": mask}
        return observations, infos

    def _show_vectors(
        self, role: seats.Role, masks: NDArray[np.int8], observations: Observations, infos: Infos
    ) -> None:
        """Write what each seat of a role sees as one vector, and where masks stand then."""
        out = self.world.out
        if role is self._prioritizers:
            parts = self._padded(out.candidates[0]).reshape(self._most, -1), self._padded(out.context[0])
            vectors = np.concatenate(parts, axis=1)
        else:
            vectors = self._padded(out.negotiation[0])
        if self.equal:
            vectors, masks = seats.widened(vectors, self._width), seats.widened(masks, role.width)
        for seat, view, mask in zip(role.seats, vectors, masks, strict=False):
            if self.flat:
                observations[seat] = view
                infos[seat]["action_mask"] = mask
            else:  # not in both places: TorchRL breaks where it finds two
                observations[seat] = {"observation": view, "action_mask": mask}

    def _masks(self, role: seats.Role) -> NDArray[np.int8]:
        """Return which actions of a role are legal [its agents, its actions]."""
        out = self.world.out
        if role is self._prioritizers:
            masks = self._padded(out.mask[0]).view(np.int8)
            if len(self._pay) < self._most:
                masks[len(self._pay) :, -1] = 1
            return masks
        masks = self._everybody_waits.copy()
        if out.phase.item(0) == _NEGOTIATE:
            (asked,) = out.acting[0].nonzero()
            masks[asked] = 1
            masks[asked, -1] = 0
        return masks

    def _padded(self, array: NDArray[seats.Number]) -> NDArray[seats.Number]:
        """Copy what the agents of the instance see, with zeros for those that it does not have."""
        if len(array) == self._most:
            return array.copy()
        padded = np.zeros((self._most, *array.shape[1:]), array.dtype)
        padded[: len(array)] = array
        return padded

    def state(self) -> NDArray[np.float32]:
        """Return a view of the whole world for central critics: [1 + A C + A G].

        World time in seconds, then every agent's context, then every negotiator's observation; 0 for seats without a choice.
        """
        state = np.zeros(self.state_space.shape, np.float32)
        out = self.world.out
        here, contexts = out.context.shape[1], 1 + self._most * NUM_CONTEXT
        state[0] = out.time[0]
        state[1 : 1 + here * NUM_CONTEXT] = out.context[0].ravel()
        state[contexts : contexts + here * NUM_NEGOTIATION] = out.negotiation[0].ravel()
        return state

    def _show(self) -> None:
        """Tell the teller what is new, at every step: a long episode then takes no longer per step than a short one."""
        if self.render_mode in ("human", "ansi"):
            self._teller.hear(self.world.new_events(0))
        if self.render_mode == "human":
            self.render()

    def render(self) -> str | NDArray[np.uint8] | None:
        """Show the episode so far, in the way that ``render_mode`` says."""
        if self.render_mode is None:
            logger.warn("render() shows nothing: make the environment with a render_mode")
            return None
        if self.render_mode == "rgb_array":
            return frame(self.world.instances[0], self.world.log(0))
        situation = self._teller.tell(float(self.world.out.time[0]))
        if self.render_mode == "ansi":
            return situation
        print(situation)
        return None
