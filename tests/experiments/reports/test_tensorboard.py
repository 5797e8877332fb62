"""What TensorBoard makes of runs, by the plugins' own readers: a table in which several compare, and their pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, get_experiment, list_session_groups
from tensorboard.plugins.hparams.backend_context import Context

from experiments.reports import tensorboard


def test_runs_compare_in_the_table_of_hyperparameters(tmp_path: Path) -> None:
    """Protects comparisons: TensorBoard's own table has a line per run, columns for what differs, and sorts them by a score."""
    picture = np.full((9, 16, 3), 200, np.uint8)
    for name, rate, gap in (("a", 1e-3, -1.0), ("b", 3e-4, -2.0), ("c", 1e-4, float("nan"))):
        config = {"learner": {"rate": rate, "roles": ["prioritizer"]}, "seed": 0, "folder": name}
        tensorboard.note(
            tmp_path / name, config, "x: 1", {"gap_percent": gap, "objective": 3.0}, {"schedule": picture}, 70
        )
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(tmp_path))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(tmp_path))
    context, request = Context(TBContext(data_provider=provider, logdir=str(tmp_path))), RequestContext()
    asked = api_pb2.GetExperimentRequest(include_metrics=True)
    experiment: Any = get_experiment.Handler(request, context, "", asked).run()
    columns = {info.name for info in experiment.hparam_infos}
    assert {"learner.rate", "seed"} <= columns
    assert not any(name.startswith("folder") for name in columns)
    assert {"score/gap_percent", "score/objective"} <= {info.name.tag for info in experiment.metric_infos}
    wanted = api_pb2.ListSessionGroupsRequest(
        start_index=0,
        slice_size=10,
        allowed_statuses=[
            api_pb2.STATUS_SUCCESS,
            api_pb2.STATUS_UNKNOWN,
            api_pb2.STATUS_RUNNING,
            api_pb2.STATUS_FAILURE,
        ],
        col_params=[api_pb2.ColParams(metric=api_pb2.MetricName(tag="score/gap_percent"), order=api_pb2.ORDER_ASC)],
    )
    groups = list_session_groups.Handler(request, context, "", wanted).run().session_groups
    rows = [(group.name, group.hparams["learner.rate"].number_value) for group in groups]
    assert sorted(rows) == [("a", 1e-3), ("b", 3e-4), ("c", 1e-4)]
    assert [name for name, _ in rows if name != "c"] == ["b", "a"]
