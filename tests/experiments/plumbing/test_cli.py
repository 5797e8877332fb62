"""The command line: what it builds, and what a user who makes a mistake gets to see."""

from __future__ import annotations

import errno
import math
import shlex
import signal
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_type_hints

import hydra
import numba
import pytest
from numba.core import event
from omegaconf import DictConfig, OmegaConf

from agents.learning.config import Learner
from envs import compiling, default_scenario
from envs.scenario import Scenario
from experiments.plumbing import building, cli, registry, training
from experiments.plumbing.manual import choices, settings_of
from experiments.plumbing.settings import Evaluate, Report, Ship, Train
from tests.conftest import ROOT

SCENARIOS = sorted(path.stem for path in (ROOT / "conf" / "scenario").glob("*.yaml"))
WORKLOADS = choices("workload")
EXPERIMENTS = sorted(path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml"))


def compose(*overrides: str) -> DictConfig:
    """The config of evaluate with these overrides."""
    with hydra.initialize_config_module("conf", version_base="1.3"):
        return hydra.compose("evaluate", list(overrides))


def keys(node: Any, prefix: str = "") -> set[str]:
    """Dotted names of everything in a config node."""
    plain = OmegaConf.to_container(node) if isinstance(node, DictConfig) else node
    inner = {name for key, part in plain.items() if isinstance(part, dict) for name in keys(part, f"{prefix}{key}.")}
    return inner | {f"{prefix}{key}" for key in plain if key != "name"}


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_composes(name: str) -> None:
    """Protects conf/scenario: each comes with its workload and builds; nothing has to be read to build it."""
    config = compose(f"scenario={name}")
    if OmegaConf.is_missing(config.workload, "path"):
        config.workload.path = "file.sm"
    assert isinstance(cli.make_scenario(config), Scenario)


@pytest.mark.parametrize("name", WORKLOADS)
def test_workload_config_is_complete(name: str) -> None:
    """Protects conf/workload: it lists every parameter of its class, so that each can be set on the command line."""
    config = compose(f"workload={name}").workload
    parameters = fields(building.find(registry.WORKLOADS[config.name]))
    assert keys(config) == {field.name for field in parameters}
    required = {field.name for field in parameters if field.default is MISSING and field.default_factory is MISSING}
    assert {key for key in config if OmegaConf.is_missing(config, key)} == required


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_config_is_complete(name: str) -> None:
    """Protects conf/scenario: it lists every parameter of the scenario and of its parts."""
    config = compose(f"scenario={name}").scenario
    expected = {field.name for field in fields(Scenario)} - {"workload"}
    types = get_type_hints(Scenario)
    for key in expected & {key for key in config if isinstance(config[key], DictConfig)}:
        expected |= {f"{key}.{field.name}" for field in fields(types[key])}
    assert keys(config) == expected


def test_whole_numbers_may_have_an_exponent() -> None:
    """Protects who writes 1e5 for a hundred thousand."""
    assert cli.make_scenario(compose("scenario.limits.max_rounds=1e5")).limits.max_rounds == 100_000
    assert cli.integer(compose("episodes=1e3"), "episodes", 1) == 1000


def test_workload_on_the_command_line_wins() -> None:
    """Protects the order: a scenario brings a workload, the user may choose another."""
    assert compose("scenario=job_shop").workload.name == "random_job_shop"
    assert compose("scenario=job_shop", "workload=synthetic").workload.name == "synthetic"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiments_have_the_last_word(name: str) -> None:
    """Protects conf/experiment: what an experiment says of the learner or of the score is what is run."""
    with hydra.initialize_config_module("conf", version_base="1.3"):
        config = hydra.compose("train", [f"experiment={name}"])
    said = OmegaConf.load(ROOT / "conf" / "experiment" / f"{name}.yaml")
    del said["defaults"]
    assert OmegaConf.merge(config, said) == config


def run(task: Any, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run ``task`` as ``parley evaluate`` with these arguments."""
    monkeypatch.setattr(sys, "argv", ["parley evaluate", *arguments])
    cli.run(task, "evaluate")


def build(config: DictConfig) -> None:
    """A task that needs what most tasks need."""
    cli.integer(config, "episodes", 1)
    building.settings(config, Evaluate)
    cli.make_scenario(config).workload.instance(0)


MISTAKES = [
    (["workload.jbos=3"], "Could not override 'workload.jbos'. Key 'jbos' is not in struct (did you mean jobs?)"),
    (["workload=synthetc"], "swf_logs synthetic uncertain_workflow wfformat (did you mean synthetic?)"),
    (["threads=0"], "threads is 0, must be an integer in 1..256"),
    (["workload=nosuch"], "Could not find 'workload/nosuch' Available options in 'workload': "),
    (["workload.jobs=0"], "SyntheticWorkload.jobs is 0, must be an integer in 1..10000000"),
    (["workload.jobs=abc"], "workload.jobs is 'abc', must be an integer"),
    (["scenario.objective.flow=-1"], "Objective.flow is -1.0, must be in 0..1e+12"),
    (["+scenario.foo=1"], "scenario.foo is unknown, must be one of objective, "),
    (["+workload.foo=1"], "workload.foo is unknown, must be one of agents, jobs, "),
    (["workload=job_shop"], "workload.path is missing, must be given"),
    (["workload=job_shop", "workload.path=nosuch.txt"], "nosuch.txt: cannot be read: No such file or directory"),
    (["episodes=0"], "episodes is 0, must be an integer >= 1"),
    (["episodes=1.5"], "episodes is 1.5, must be an integer"),
    (["workload=null"], "must be a string or a list. Got NoneType (command line: workload=null)"),
    (["hydra=null"], "must be a string or a list. Got NoneType (command line: hydra=null)"),
    (["~workload"], "workload is None, must be a mapping; on the command line, choose workload=NAME"),
    (["scenario.objective=null"], "scenario.objective is None, must be a mapping"),
    (["scenario.allow_pass=maybe"], "scenario.allow_pass is 'maybe', must be true or false"),
    (["scenario.knowledge.learn=1"], "scenario.knowledge.learn is 1, must be true or false"),
    (["scenario.limits.max_rounds=1.5"], "scenario.limits.max_rounds is 1.5, must be an integer"),
    (["scenario.candidates=true"], "scenario.candidates is True, must be an integer"),
    (["scenario.cooperation=a"], "scenario.cooperation is 'a', must be a number"),
    (["workload.shape=3"], "workload.shape is 3, must be text"),
    (["workload.shared_capacity=3"], "workload.shared_capacity is 3, must be a list, each entry an integer"),
    (["workload.weights=[1,null]"], "workload.weights[1] is None, must be a number"),
    (["+workload._target_=subprocess.Popen"], "workload._target_ is 'subprocess.Popen', must be absent"),
    (
        ["+scenario.limits._target_=envs.scenario.Objective"],
        "scenario.limits._target_ is 'envs.scenario.Objective', must be absent",
    ),
    (["workload.name=subprocess.Popen"], "workload.name is 'subprocess.Popen', must be one of flexible_job_shop, "),
    (["workload.name=synthetc"], "workload.name is 'synthetc' (did you mean synthetic?), must be one of "),
    (["+workload.jbos=3"], "workload.jbos is unknown (did you mean jobs?), must be one of agents, "),
    (["workload.agents=100000"], "SyntheticWorkload.agents is 100000, must be an integer in 1..10000"),
    (
        ["workload.jobs=5000000", "workload.tasks_max=9"],
        "jobs x tasks x eligible agents may be 10000000, here 45000000",
    ),
    (
        ["workload.jobs=[3"],
        "'workload.jobs=[3' cannot be read: a list is [a,b], a mapping {a:1}; if its value is a text, quote it",
    ),
    (["out=a=b"], """for Hydra and for the shell: 'out='"'"'a=b'"'"''"""),
    (["out=it's"], "'out='\"'\"'it\\'\"'\"'s'\"'\"''"),
    (
        ["b.json"],
        """'b.json' is no setting, must be KEY=VALUE; a value with blanks in it needs quotes: 'KEY='"'"'a b'"'"''""",
    ),
    (["+x=1"], "x is unknown, must be one of threads, prioritizer, negotiator, episodes, "),
    (["+epsiodes=1"], "epsiodes is unknown (did you mean episodes?), must be one of "),
    (["+learner.worlds=3"], "learner is unknown, must be one of "),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=[" ".join(arguments) for arguments, _ in MISTAKES])
def test_mistakes_of_the_user(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Protects users from tracebacks: one line that says what is wrong, exit code 2, and nothing written anywhere."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        run(build, *arguments, monkeypatch=monkeypatch)
    captured = capsys.readouterr()
    assert exit_.value.code == 2
    assert captured.out == ""
    assert captured.err.startswith("parley evaluate: error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert list(tmp_path.iterdir()) == []


def test_infinity_is_written_as_in_recipes(tmp_path: Path) -> None:
    """Protects who types what a recipe says: YAML's .inf is a number on the command line, of new runs and of resumed ones, as inf is."""
    with hydra.initialize_config_module("conf", version_base="1.3"):
        for written in (".inf", "inf"):
            config = hydra.compose("train", [f"learner.seconds={written}", "learner.decisions=5"])
            assert building.make(config, "learner").seconds == math.inf
            (tmp_path / training.CONFIG).write_text(
                OmegaConf.to_yaml(hydra.compose("train", ["folder=x"])), encoding="utf-8"
            )
            told = ["resume=x", f"learner.seconds={written}", "learner.decisions=7"]
            resumed = building.make(training.saved_config(tmp_path, told, hydra.compose("train", told)), "learner")
            assert (resumed.seconds, resumed.decisions) == (math.inf, 7)


def test_absent_file(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Protects the name of the file in errors of the operating system."""
    with pytest.raises(SystemExit):
        run(lambda config: Path("no/such").read_bytes(), monkeypatch=monkeypatch)
    assert capsys.readouterr().err == "parley evaluate: error: no/such: No such file or directory\n"


def test_interruption(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Protects who presses Ctrl-C, and again, from a traceback, and scripts from taking it for a success."""
    ignored: list[Any] = []
    monkeypatch.setattr(cli.signal, "signal", lambda *arguments: ignored.append(arguments))
    for stop, told in ((KeyboardInterrupt(), "interrupted\n"), (KeyboardInterrupt("a hint"), "interrupted; a hint\n")):

        def task(config: DictConfig, stop: KeyboardInterrupt = stop) -> None:
            raise stop

        with pytest.raises(SystemExit) as exit_:
            run(task, monkeypatch=monkeypatch)
        assert exit_.value.code == 130
        assert capsys.readouterr().err == f"parley evaluate: {told}"
    assert ignored == [(signal.SIGINT, signal.SIG_IGN)] * 2


@pytest.mark.parametrize(
    "name", ["run", "my run", "Läufe/ä ö", "it's", 'say "so"', "a=b,c", "${HOME}", "[x]{y}", "c:\\new\\", "\\'", "~x"]
)
def test_interrupted_run_is_resumable(name: str) -> None:
    """Protects who presses Ctrl-C once the run has a checkpoint: a shell, and Hydra then, take the told command as it was meant."""
    with pytest.raises(KeyboardInterrupt) as stop, training.resumable(Path(name)):
        raise KeyboardInterrupt
    told = str(stop.value)
    assert told.startswith("go on with: parley train ")
    (argument,) = shlex.split(told.removeprefix("go on with: parley train "))
    with hydra.initialize_config_module("conf", version_base="1.3"):
        assert hydra.compose("train", [argument]).resume == str(Path(name))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "not YAML: "),
        ("[1, 2]", "is a list, must be the config that a run wrote"),
        ("a: 1", "has no scenario, must be the file that the run wrote"),
        ("{scenario: {}, workload: {}, learner: {}, device: cpu, threads: 1, score: {}}", "has no seed"),
        ("\x00", "not YAML: "),
    ],
)
def test_damaged_config_of_a_run(text: str, told: str, tmp_path: Path) -> None:
    """Protects resuming: a config that was edited or torn is named, with what is wrong."""
    (tmp_path / training.CONFIG).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=f"config.yaml: {told}"):
        training.saved_config(tmp_path)


def test_compilation_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Protects first-time users, of Python too, from a quarter of a minute of silence; other functions are compiled without a word."""

    def compiled(module: str) -> Any:
        def function(x: int) -> int:
            return x

        function.__module__ = module
        return numba.njit(function)

    with event.install_listener("numba:compile", compiling.Told()):
        compiled("elsewhere")(1)
        compiled("agentsmith")(1)
        assert capsys.readouterr().err == ""
        for _ in range(2):
            compiled("envs.engine.tick")(1)
        assert (
            capsys.readouterr().err.count("parley: compiling the engine, which takes a quarter of a minute, this once")
            >= 1
        )
        for _ in range(2):
            compiled("agents.networks.kernels")(1)
        assert "parley: compiling what policies compute with" in capsys.readouterr().err


def test_the_world_tells_of_its_compilation(tmp_path: Path) -> None:
    """Protects who uses Parley from Python: importing the world is enough, and each is told once."""
    code = "import numba, envs\nfor x in (1, 1.0):\n    f = lambda x: x\n    f.__module__ = 'envs.engine.tick'\n    numba.njit(f)(x)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stderr == "parley: compiling the engine, which takes a quarter of a minute, this once\n"


@pytest.mark.parametrize("defect", [ValueError("a defect"), KeyError("a defect"), RuntimeError("a defect")])
def test_defects_keep_their_traceback(defect: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects developers: what no user can have caused is not hidden behind one line."""

    def task(config: DictConfig) -> None:
        raise defect

    with pytest.raises(type(defect), match="a defect"):
        run(task, monkeypatch=monkeypatch)


def test_success_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the user's folder from Hydra's own outputs."""
    monkeypatch.chdir(tmp_path)
    run(build, monkeypatch=monkeypatch)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("seed=abc", "seed is 'abc'"),
        ("threads=100000", "in 1..256"),
        ("device=foo", "device=foo"),
        ("score.prioritizer=[nosuch]", "nosuch"),
        ("score.episodes=0", "score.episodes is 0"),
        ("learner=null", "Got NoneType"),
        ("learner.episodes.baseline=maybe", "learner.episodes.baseline is 'maybe', must be true or false"),
        ("learner.worlds=1000000", "worlds is 1000000, must be a whole number in 1..65536"),
        ("learner.discount.tau_gamma=a", "learner.discount.tau_gamma is 'a', must be a number or null"),
        ("folder=README.md", "README.md"),
        ("experiment=shared_cluster_ppo learner.network.ignore=[foo]", "'foo'"),
        (
            "experiment=shared_cluster_ppo learner.network.ordinal=false",
            "learner.network.ordinal is False, must be true where guide is set, or guide null",
        ),
        (
            "learner.evolution.start=nowhere",
            "learner.evolution.start is 'nowhere', must be null, or the folder of an index",
        ),
        ("learner.evolution.only=[foo]", "learner.evolution.only is ['foo'], must be among wsrpt, startable"),
        (
            "learner.network.guide=nowhere",
            "learner.network.guide is 'nowhere', must be null, or the folder of an index",
        ),
        ("learner.update.learning_rate=inf", "learning_rate"),
        ("scenario.candidates=abc", "scenario.candidates is 'abc'"),
    ],
)
def test_training_refuses_before_it_starts(setting: str, told: str, tmp_path: Path) -> None:
    """Protects hours: what training cannot use is refused in one line, with exit code 2, before anything is learned."""
    command = [sys.executable, "-m", "experiments", "train", f"folder={tmp_path / 'run'}", *setting.split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run" / "config.yaml").exists()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "file"), "file: No space left on device"),
        (OSError(errno.ENOSPC, "No space left on device"), "writing: No space left on device"),
        (OSError(errno.EROFS, "Read-only file system"), "writing: Read-only file system"),
        (OSError(errno.EBADF, "Bad file descriptor"), None),
    ],
)
def test_disk_errors_are_told(error: OSError, told: str | None) -> None:
    """Protects who runs out of disk: that is no defect, whether or not the system says of which file; other errors of streams are."""
    assert cli.explain(error) == told


def test_defaults_are_those_of_python(tmp_path: Path) -> None:
    """Protects who uses the library without Hydra: a learner that is told nothing is the one that no recipe changes."""
    with hydra.initialize_config_module("conf", version_base="1.3"):
        config = hydra.compose("train", ["~experiment"])
        assert building.make(config, "learner") == Learner()
        assert cli.make_scenario(config) == default_scenario()
        assert building.settings(config, Train) == Train()


@pytest.mark.parametrize(
    "dotted", [*registry.WORKLOADS.values(), *registry.NODES.values(), *registry.COMMANDS.values()]
)
def test_help_knows_every_setting(dotted: str) -> None:
    """Protects --help, which reads sources: it names the fields that there are, with the defaults that they have."""

    def flat(node: dict[str, Any], prefix: str = "") -> dict[str, Any]:
        inner = {key: value for key, value in node.items() if not isinstance(value, dict) or not value}
        found = {f"{prefix}{key}": value for key, value in inner.items()}
        for key in node.keys() - inner.keys():
            found |= flat(node[key], f"{prefix}{key}.")
        return found

    told = {setting.name: setting.default for setting in settings_of(dotted) if setting.name != "workload"}
    known = flat(building.defaults(building.find(dotted)))
    known = {key: value for key, value in known.items() if not key.startswith("rules.")} | (
        {"rules": None} if "rules" in told else {}
    )
    assert set(told) == set(known)
    for name, value in known.items():
        if isinstance(value, bool | int | str) and name not in ("max_rounds", "limits.max_rounds"):
            assert told[name] == (
                None if value == "???" else str(value).lower() if isinstance(value, bool) else str(value)
            )


@pytest.mark.parametrize(("kind", "name"), [(Ship, "suite"), (Report, "run")])
def test_what_must_be_given(kind: type[Any], name: str) -> None:
    """Protects who leaves out what has no default: one line instead of a traceback."""
    for config in ({}, {name: "???"}):
        with pytest.raises(building.ConfigError, match=f"{name} is missing, must be given"):
            building.settings(OmegaConf.create(config), kind)
