"""Suites of published problems: the frame that runs them, on shops small enough to check, and what users may get wrong."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.networks.architecture import PRIORITIZER, Brain, Spec
from agents.networks.artifact import save
from envs.scenario import Objective, Scenario
from envs.workloads.readers.flexible_job_shop import FlexibleJobShopWorkload
from envs.workloads.readers.job_shop import JobShopWorkload
from envs.workloads.readers.psplib import ProjectWorkload
from experiments.bounds.analytic import critical_path, lower_bound
from experiments.bounds.answers import Answer, Answers, digest_of
from experiments.plumbing.cli import UsageError
from experiments.suites.instances import FAMILY, best_known, check_known, contests
from experiments.suites.project import Design
from experiments.suites.stochastic_job_shop import INSTANCE, ORACLE, SUITE, oracle
from experiments.suites.suite import TO_BOUND
from tests.experiments.studies.measuring import cells, measured

SHOP = "2 2\n0 3 1 2\n1 4 0 1\n"
"""Machine 1 has 6 s of work and can begin at once: that is the bound, and the optimum."""
WIDE = "3 2\n0 3 1 2\n1 4 0 1\n0 2 1 2\n"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders of two training runs that learned nothing."""
    folders = [tmp_path_factory.mktemp("run") for _ in range(2)]
    for seed, folder in enumerate(folders):
        torch.manual_seed(seed)
        save(folder / "policy" / PRIORITIZER, Brain(Spec.default(PRIORITIZER, 4)), {})
    return folders


@pytest.fixture
def shops(tmp_path: Path) -> Path:
    """A folder of three job shops, of which one has a best known value."""
    folder = tmp_path / "shops"
    folder.mkdir()
    for name, text in (("aa01", SHOP), ("aa02", WIDE), ("bb1", SHOP)):
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    (folder / "bks_mine.json").write_text(
        '{"instances": {"aa01": {"upper_bound": 5}, "elsewhere": 3}}', encoding="utf-8"
    )
    return folder


@pytest.mark.parametrize("value", ["0", "-5", '"55"', "true", "1e999"])
def test_best_known_values_are_positive(value: str, shops: Path) -> None:
    """Protects tables from nonsense: what no makespan can be is refused by file and name."""
    (shops / "bks_mine.json").write_text(f'{{"aa01": {value}}}', encoding="utf-8")
    with pytest.raises(UsageError, match=r"bks_mine\.json: .*aa01 has .*, no number > 0"):
        best_known(shops)


@pytest.mark.parametrize("text", ['{"aa01": 5, "aa01": 6}', '{"aa01": NaN}'])
def test_best_known_values_mean_one_thing(text: str, shops: Path) -> None:
    """Protects tables from a choice that nobody made: a name that stands twice is refused."""
    (shops / "bks_mine.json").write_text(text, encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"bks_mine\.json: .*(key 'aa01' stands twice in one object|NaN is no number of JSON)"
    ):
        best_known(shops)


def test_packed_instances(shops: Path) -> None:
    """Protects folders of packed files: they are found and read, and their best known values by their names."""
    (shops / "aa01.txt").unlink()
    (shops / "aa01.txt.gz").write_bytes(gzip.compress(SHOP.encode()))
    scenario = Scenario(JobShopWorkload(str(shops / "bb1.txt")), Objective(makespan=1.0))
    made = contests(shops, (".txt",), JobShopWorkload, scenario, lambda name: name, lambda i: (9.0, True))
    assert [
        (contest.classes[FAMILY], contest.reference.tolist()) for contest in made if contest.reference is not None
    ] == [
        (["aa01", f"bb1, {TO_BOUND}"], [5.0, 9.0]),
        ([f"aa02, {TO_BOUND}"], [9.0]),
    ]


def test_a_folder_of_instances(runs: list[Path], shops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects users' own folders: classes by name and size, best known values where given and else a bound, kept apart, all checked."""
    out = tmp_path / "out.json"
    listed = f"runs=[{','.join(map(str, runs))}]"
    found = measured(monkeypatch, out, "suite=job_shop", listed, f"path={shops}", "search=[{samples:3},{choices:2}]")
    assert [one["name"] for one in found["contestants"]] == [
        "spt",
        "mwkr",
        "fdd_mwkr",
        "learned",
        "learned, best of 3",
        "learned, lookahead 2",
        f"{found['best_rules']}, best of 3",
        f"{found['best_rules']}, lookahead 2",
    ]
    assert [one["kind"] for one in found["contestants"]][-4:] == ["searched"] * 2 + ["rule, searched"] * 2
    assert found["schedules_checked"] == 3 * (3 + 2 * 3 + 2)
    assert len({each["cluster"] for each in found["episodes"]}) == 3
    assert {each["instance"]: each["reference"] for each in found["episodes"]} == {
        "aa01.txt": 5,
        "bb1.txt": 6,
        "aa02.txt": 8,
    }
    assert found["searches"]["lookahead 2"]["choices"] == 2
    spt, learned, few = (np.array(found["contestants"][k]["makespan"]) for k in (0, 3, 4))
    assert spt.shape == (1, 3)
    assert learned.shape == (2, 3)
    assert (few <= learned).all()
    gap = 100 * (spt[0, 0] / 5 - 1)
    by_family, by_size = cells(out, "By family"), cells(out, "By size")
    assert by_family["aa"][:2] == by_family["all"][:2] == by_size["2x2"][:2] == ["1", f"{gap:.1f}"]
    assert set(by_family) >= {"aa, to bound", "bb, to bound", "all, to bound"}
    assert by_size["all, to bound"][0] == "2"
    assert "CP-SAT, 10 minutes" in out.with_suffix(".md").read_text(encoding="utf-8")


def test_best_known_values_of_other_instances(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Protects from silence: values of no instance are an error that names both; of some, the others are told; of all, nothing is."""
    names = ["aa01", "aa02", "bb1"]
    check_known(shops, {"aa01": 5.0, "elsewhere": 3.0}, names)
    assert capsys.readouterr().err == f"{shops}: no value is known of aa02, bb1; measured against a bound\n"
    check_known(shops, dict.fromkeys(names, 1.0), names)
    check_known(shops, {}, names)
    assert capsys.readouterr().err == ""
    with pytest.raises(
        UsageError,
        match=r"shops: values are known of AA1, aa01\.txt, and of no instance there, which are aa01, aa02, bb1",
    ):
        check_known(shops, {"AA1": 5.0, "aa01.txt": 3.0}, names)


@pytest.mark.parametrize(("suite", "file"), [("job_shop", "bks_mine.json"), ("stochastic_job_shop", "results.csv")])
def test_references_of_other_instances_are_refused(
    suite: str,
    file: str,
    shops: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Protects the heading: no table is 'above the best known' of instances of which nothing is known, in any suite."""
    (shops / file).write_text(
        '{"nosuch": 5}' if file.endswith("json") else f"{INSTANCE},{ORACLE}\nnosuch.npz,5\n", encoding="utf-8"
    )
    if suite == "stochastic_job_shop":
        (shops / "bks_mine.json").unlink()
        times = np.array([[[4, 1, 6, 2], [9, 3, 9, 6]], [[5, 5, 5, 5], [1, 0, 8, 1]]])
        np.savez(shops / "2x2_0.npz", affectations=np.array([[0, 1], [1, 0]]), durations=times)
    with pytest.raises(SystemExit) as exit_:
        measured(monkeypatch, tmp_path / "out.json", f"suite={suite}", f"path={shops}")
    assert exit_.value.code == 2
    assert "values are known of nosuch, and of no instance there" in capsys.readouterr().err


def test_rules_alone(shops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects a suite without a policy: the rules play, one of them is the best, and a folder without best known values has one table."""
    (shops / "bks_mine.json").unlink()
    monkeypatch.setattr("experiments.suites.runs.SHIPPED", "no/such")
    found = measured(monkeypatch, tmp_path / "out.json", "suite=job_shop", f"path={shops}")
    assert [one["name"] for one in found["contestants"]] == ["spt", "mwkr", "fdd_mwkr"]
    best = next(one for one in found["contestants"] if one["name"] == found["best_rules"])
    assert best["to_best_rules"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert best["mean"] == min(one["mean"] for one in found["contestants"])
    assert "all, to bound" not in cells(tmp_path / "out.json", "By family")


def test_gaps_of_the_field(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the protocol: on classical shops rules leave the gaps that an independent builder of schedules leaves."""
    (tmp_path / "jsp").mkdir()
    for path in [*(data_dir / "jsp" / "instances").glob("abz*.txt"), data_dir / "jsp" / "bks_dev.json"]:
        shutil.copy(path, tmp_path / "jsp")
    monkeypatch.setattr("experiments.suites.runs.SHIPPED", "no/such")
    measured(monkeypatch, tmp_path / "out.json", "suite=job_shop", f"path={tmp_path / 'jsp'}")
    assert cells(tmp_path / "out.json", "By family")["abz"] == ["5", "25.1", "16.6", "14.6"]


@pytest.mark.parametrize(
    ("shop", "bound"),
    [
        (SHOP, 6),
        ("1 3\n0 3 1 2 2 9\n", 14),  # a job
        ("2 2\n0 5 1 1\n0 5 1 9\n", 15),  # machine 1 waits for 5 s and works for 10
        ("2 2\n0 5 1 2\n0 5 1 3\n", 12),  # machine 0 works for 10 s, and 2 s come behind it
    ],
)
def test_bound_of_job_shops(shop: str, bound: float, tmp_path: Path) -> None:
    """Protects gaps to bounds: the longest job, or the busiest machine between its least head and its least tail."""
    (tmp_path / "shop.txt").write_text(shop, encoding="utf-8")
    assert lower_bound(Objective(makespan=1.0), JobShopWorkload(str(tmp_path / "shop.txt")).instance(0)) == bound


def test_bound_with_alternatives(tmp_path: Path) -> None:
    """Protects gaps of flexible shops: where everything runs everywhere, the bound is the shortest work of all on all machines."""
    (tmp_path / "shop.fjs").write_text("3 2\n1 2 1 4 2 5\n1 2 1 4 2 6\n1 2 1 4 2 7\n", encoding="utf-8")
    assert lower_bound(Objective(makespan=1.0), FlexibleJobShopWorkload(str(tmp_path / "shop.fjs")).instance(0)) == 6


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ('{"a": 3, "b": {"ub": 4}}', {"a": 3.0, "b": 4.0}),
        ('{"_source": "x", "instances": {"a": {"lower_bound": 1}}}', {}),
    ],
)
def test_best_known(text: str, known: dict[str, float], tmp_path: Path) -> None:
    """Protects from wrong references: numbers and objects are read, beside the folder too; a lower bound is no best known value."""
    (tmp_path / "bks.json").write_text(text, encoding="utf-8")
    (tmp_path / "instances").mkdir()
    assert best_known(tmp_path) == best_known(tmp_path / "instances") == known


def test_damaged_best_known(tmp_path: Path) -> None:
    """Protects users of their own data: the file is named."""
    (tmp_path / "bks.json").write_text('{"instances": {"a": "many"}}', encoding="utf-8")
    with pytest.raises(UsageError, match=r"bks.json: must give for each name its best known value"):
        best_known(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data=no/such"], "data=no/such is no folder"),
        (["path=no/such"], "path: no/such is no folder, must hold the instances"),
        (["path=."], "has no file *.txt"),
        (
            ["path=.", "runs=[no/such]"],
            "runs has no/such, which holds no policy: must be the folder of a training run or of a shipped",
        ),
        (["path=.", "search=[{choises:3}]"], "search has what is no search: "),
        (["path=.", "search=[{samples:0}]"], "search.samples is 0, must be a whole number >= 1"),
        (["path=.", "search=[{samples:2.5}]"], "search.samples is 2.5, must be a whole number >= 1"),
        (["path=.", "search=[{samples:4,seed:1},{samples:4,seed:2}]"], "search lists 'best of 4' twice"),
        (["path=.", "search=[3]"], "search is [3], must be a list such as [{samples:128},{choices:3}]"),
    ],
)
def test_mistakes_of_the_user(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Protects users: one line and exit code 2, before anything is played."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        measured(monkeypatch, tmp_path / "out.json", "suite=job_shop", *arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_flexible_job_shops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects flexible shops: machines numbered from 1 or from 0 are told apart, and a name says of which of Hurink's sets a file is."""
    (tmp_path / "mk77.fjs").write_text("2 2 1.5\n2 1 1 3 2 1 9 2 4\n1 1 1 2\n", encoding="utf-8")
    (tmp_path / "la77_rdata.fjs").write_text("2 2 1.5\n2 1 0 3 2 0 9 1 4\n1 1 0 2\n", encoding="utf-8")
    monkeypatch.setattr("experiments.suites.runs.SHIPPED", "no/such")
    found = measured(monkeypatch, tmp_path / "out.json", "suite=flexible_job_shop", f"path={tmp_path}")
    assert {(each["instance"], each["family"], each["reference"]) for each in found["episodes"]} == {
        ("mk77.fjs", "mk, to bound", 7),
        ("la77_rdata.fjs", "rdata, to bound", 7),
    }
    assert found["contestants"][0]["makespan"] == [[9.0, 9.0]]  # spt: job 1 first, then 3 and 4 s
    (tmp_path / "mk78.fjs").write_text("1 2\n1 1 3 2\n", encoding="utf-8")
    with pytest.raises(SystemExit):
        measured(monkeypatch, tmp_path / "out.json", "suite=flexible_job_shop", f"path={tmp_path}")


@pytest.mark.parametrize(("asked", "plays"), [(["search=[{samples:2},{choices:2,futures:2}]"], True), ([], False)])
def test_search_under_uncertainty(
    asked: list[str], plays: bool, runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects searches that were asked for: where something is uncertain those that look ahead play, and none that nobody asked for."""
    times = np.array([[[4, 1, 6, 2], [9, 3, 9, 6]], [[5, 5, 5, 5], [1, 0, 8, 1]]])
    np.savez(tmp_path / "2x2_0.npz", affectations=np.array([[0, 1], [1, 0]]), durations=times)
    out = tmp_path / "out.json"
    found = measured(monkeypatch, out, "suite=stochastic_job_shop", f"path={tmp_path}", f"runs=[{runs[0]}]", *asked)
    kinds = {one["name"]: one["kind"] for one in found["contestants"]}
    assert [name for name, kind in kinds.items() if kind == "learned"] == ["learned"]
    assert [name for name, kind in kinds.items() if kind == "searched"] == (["learned, lookahead 2"] if plays else [])


def test_stochastic_job_shops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the oracle: its makespan where results.csv has it, a bound on realised durations elsewhere, kept apart; both by hand."""
    times = np.array([[[4, 1, 6, 2], [9, 3, 9, 6]], [[5, 5, 5, 5], [1, 0, 8, 1]]])
    for name in ("2x2_0", "2x2_1"):
        np.savez(tmp_path / f"{name}.npz", affectations=np.array([[0, 1], [1, 0]]), durations=times)
    (tmp_path / "results.csv").write_text("instance name,SPT,OR-Tools realistic\n2x2_0.npz,20,13.5\n", encoding="utf-8")
    monkeypatch.setattr("experiments.suites.runs.SHIPPED", "no/such")
    found = measured(monkeypatch, tmp_path / "out.json", "suite=stochastic_job_shop", f"path={tmp_path}")
    assert {(each["instance"], each["size"], each["reference"]) for each in found["episodes"]} == {
        ("2x2_0.npz", "2x2", 13.5),
        ("2x2_1.npz", "2x2, to bound", 14),  # machine 1 works for 14 s; by their means it would be 11
    }
    assert found["contestants"][0]["makespan"] == [[pytest.approx(14), pytest.approx(14)]]
    (tmp_path / "results.csv").write_text("instance name,OR-Tools realistic\n2x2_0.npz,soon\n", encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"results.csv: must give 'instance name' and 'OR-Tools realistic', seconds > 0"
    ):
        oracle(tmp_path)


def test_projects(tmp_path: Path, runs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects PSPLIB's protocol: j30 above the optimum, larger ones above the critical path even where more is known, all counted."""
    text = (
        "5 1\n2\n0 0 2 2 3\n3 2 1 4\n4 1 1 5\n2 1 1 5\n0 0 0\n"  # critical path 5; 2 units: 3 then 4 and 2 beside it, 7
    )
    for name in ("j301_1", "j601_1"):
        (tmp_path / f"{name}.rcp").write_text(text, encoding="utf-8")
    (tmp_path / "bks.json").write_text('{"j301_1": 7, "j601_1": 7}', encoding="utf-8")
    found = measured(
        monkeypatch,
        tmp_path / "out.json",
        "suite=project",
        f"runs=[{runs[0]}]",
        f"path={tmp_path}",
        "search=[{samples:4}]",
    )
    assert {(each["instance"], each["family"], each["size"], each["reference"]) for each in found["episodes"]} == {
        ("j301_1.rcp", "j30", "3", 7),
        ("j601_1.rcp", "j60, to bound", "3, to bound", 5),
    }
    assert found["contestants"][0]["makespan"] == [[7, 7]]
    assert cells(tmp_path / "out.json", "By family")["all"][:2] == ["2", "20.0"]
    assert cells(tmp_path / "out.json", "Against lft")["j30"][0].startswith("+0.0")
    i = ProjectWorkload(str(tmp_path / "j301_1.rcp")).instance(0)
    optimum = Answer("p", digest_of(i), 7.0, 7.0, 1.0, [0, 0, 0], [0.0, 3.0, 3.0])
    Answers(Objective(makespan=1.0), {optimum.digest: optimum}).write(tmp_path / "known.json", {})
    told = [
        "suite=project",
        f"path={tmp_path}",
        f"bounds={tmp_path / 'known.json'}",
        "search=[{samples:30,justify:true}]",
    ]
    found = measured(monkeypatch, tmp_path / "out.json", *told, f"runs=[{runs[0]}]")
    assert {(each["family"], each["reference"]) for each in found["episodes"]} == {("j30", 7), ("j60", 7)}
    assert [one["makespan"] for one in found["contestants"][-2:]] == [
        [[7, 7]],
        [[7, 7]],
    ]  # the policy and the best rule, searched


def test_generated_projects() -> None:
    """Protects the likeness to PSPLIB's sets: so many combinations, each in turn, each of the size that it says."""
    assert {size: len(Design(size).cells) for size in (30, 60, 120)} == {30: 48, 60: 48, 120: 60}
    design = Design(30)
    assert [design.instance(seed).num_tasks for seed in (0, 48)] == [30, 30]
    assert (design.cells[0].strengths, design.cells[47].strengths) == ((0.2,), (1.0,))
    assert not np.array_equal(design.instance(0).option_nominal, design.instance(48).option_nominal)


def test_real_projects(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the protocol: on real projects rules leave the gaps that an independent builder of schedules leaves."""
    (tmp_path / "rcpsp").mkdir()
    for path in [*(data_dir / "rcpsp" / "patterson" / "j30").glob("*.rcp"), data_dir / "rcpsp" / "bks_dev.json"]:
        shutil.copy(path, tmp_path / "rcpsp")
    monkeypatch.setattr("experiments.suites.runs.SHIPPED", "no/such")
    measured(monkeypatch, tmp_path / "out.json", "suite=project", f"path={tmp_path / 'rcpsp'}")
    assert cells(tmp_path / "out.json", "By family")["j30"] == ["15", "9.0", "10.2", "9.5"]


def test_critical_path(tmp_path: Path) -> None:
    """Protects gaps of projects: the longest path counts, not the work of an agent that does several things at once."""
    (tmp_path / "p.rcp").write_text("5 1\n2\n0 0 2 2 3\n3 2 1 4\n4 1 1 5\n2 1 1 5\n0 0 0\n", encoding="utf-8")
    assert critical_path(ProjectWorkload(str(tmp_path / "p.rcp")).instance(0)) == 5


def test_workflows(runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects workflows: HEFT plays what it plans where all is known, noise is the same for all, and tables are against HEFT."""
    (tmp_path / "flows").mkdir()
    for name, runtimes in (("deep-1", [8.0, 4.0, 2.0, 1.0]), ("wide-1", [3.0, 5.0, 7.0, 2.0])):
        edges = [(0, 1), (1, 2), (2, 3)] if name == "deep-1" else [(0, 1), (0, 2), (0, 3)]
        tasks = [
            {
                "id": str(t),
                "name": f"step{t}",
                "runtime": runtime,
                "parents": [str(before) for before, after in edges if after == t],
            }
            for t, runtime in enumerate(runtimes)
        ]
        (tmp_path / "flows" / f"{name}.json").write_text(json.dumps({"workflow": {"tasks": tasks}}), encoding="utf-8")
    out = tmp_path / "out.json"
    listed, search = f"runs=[{','.join(map(str, runs))}]", "search=[{samples:4,choices:2,futures:0}]"
    found = measured(monkeypatch, out, "suite=workflow", listed, f"path={tmp_path / 'flows'}", search)
    spans = {one["name"]: np.array(one["makespan"]) for one in found["contestants"]}
    references = np.array([each["reference"] for each in found["episodes"]])
    searched = ["learned, best of 4, lookahead 2", f"{found['best_rules']}, best of 4, lookahead 2"]
    assert list(spans)[-4:] == ["HEFT", "learned", *searched]
    assert {each["cluster"] for each in found["episodes"]} == {"deep-1", "wide-1"}
    assert (spans["learned"].shape, spans["HEFT"].shape) == ((2, 24), (1, 24))
    gained = spans["learned"] - spans["learned, best of 4, lookahead 2"]
    assert (gained[:, :8] >= 0).all()
    assert gained[:, :8].any()
    assert not gained[:, 8:].any()  # nothing is searched where durations are uncertain
    assert [each["durations"] for each in found["episodes"][::8]] == ["certain", "sigma 0.2", "sigma 0.5"]
    np.testing.assert_allclose(spans["HEFT"][0, :8], references[:8])
    assert (references[:8] == references[8:16]).all()
    assert (spans["HEFT"][0, 8:] != references[8:]).all()
    assert found["best_rules"] != "HEFT"
    by_durations = cells(out, "By durations")
    assert by_durations["certain"][by_durations[""].index("HEFT")] == "0.0"
    gap = 100 * ((spans["spt"] / references)[:, 8:].mean() / (spans["HEFT"] / references)[:, 8:].mean() - 1)
    against = cells(out, "Against HEFT")
    assert against["uncertain"][:2] == ["16", "HEFT"]
    assert against["uncertain"][against[""].index("spt")].split()[0] == f"{gap:+.1f}"
    gaps = [
        [float(gap.split()[0]) for gap in row]
        for name, row in cells(out, "Gap to the lower bound").items()
        if name in spans
    ]
    assert len(gaps) == len(spans)
    assert min(map(min, gaps)) >= 0.0
    with pytest.raises(SystemExit):
        measured(monkeypatch, out, "suite=workflow", f"path={tmp_path}", "search=[{samples:0}]")


def test_nothing_to_measure_against(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects tables from nan: a workflow whose tasks all take 0 s is refused by its name, before anybody plays."""
    tasks = [{"id": str(t), "name": "step", "runtime": 0, "parents": []} for t in range(2)]
    (tmp_path / "idle.json").write_text(json.dumps({"workflow": {"tasks": tasks}}), encoding="utf-8")
    with pytest.raises(SystemExit) as exit_:
        measured(monkeypatch, tmp_path / "out.json", "suite=workflow", f"path={tmp_path}")
    assert exit_.value.code == 2
    assert "idle" in (error := capsys.readouterr().err)
    assert "scores would be measured against 0 s, must be more" in error


@pytest.mark.parametrize("size", ["6x6", "10x10"])
def test_published_values_of_stochastic_job_shops(size: str, data_dir: Path) -> None:
    """Protects the comparison: the published values are the means of what the set's own results say."""
    with (data_dir / "jsp_stochastic" / size / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    means = {
        name: np.mean([float(row[name]) / float(row[ORACLE]) for row in rows]) for name in rows[0] if name != INSTANCE
    }
    gaps = {name: round(100 * (mean - 1), 1) for name, mean in means.items()}
    published = {each.method: each.value for each in SUITE.published if each.row == size}
    assert published["Wheatley"] == gaps["model"]
    assert published["planned on expected durations (OR-Tools)"] == gaps["OR-Tools averagistic"]
    assert published["their best rule"] == min(gaps[rule] for rule in ("SPT", "MWKR", "MOPNR", "FDD/MWKR"))


def test_ctrl_c_leaves_the_table(
    runs: list[Path], shops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects who stops a long search: those who played by then are told, and no file is written over."""

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.plumbing.searching.plan", stopped)
    monkeypatch.setattr("experiments.plumbing.cli.signal.signal", lambda *_: None)
    out = tmp_path / "out.json"
    with pytest.raises(SystemExit) as exit_:
        measured(monkeypatch, out, "suite=job_shop", f"runs=[{runs[0]}]", f"path={shops}", "search=[{samples:3}]")
    told = capsys.readouterr()
    assert exit_.value.code == 130
    assert all(name in told.out for name in ("spt", "mwkr", "learned"))
    assert "best of 3" not in told.out
    assert "no file was written" in told.err
    assert not out.exists()
