"""Many novels on a real Ray cluster of two nodes: workers killed while they read, a lost node, equal artefacts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import dataset_main
from pipeline.config import PipelineConfig
from pipeline.engines.jobs import Failure, NovelJob, PipelineFactory, attempt
from pipeline.engines.work import NovelRead, ReadNovel
from pipeline.errors import ModelError, SettingError
from tests.pipeline.command_line import contents, run
from tests.pipeline.commands.test_dataset import TEST, TRAIN, write_csv
from tests.pipeline.engines.deadly import AlwaysKilled, HeldBack, KilledHalfWay

pytest.importorskip("ray", reason="Ray is not installed: pip install '.[ray]'")

from ray.cluster_utils import Cluster

from pipeline.engines.ray import RayEngine

pytestmark = pytest.mark.slow
_NODE = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": 80_000_000, "include_dashboard": False}
_PROMPT = {
    "worker_niceness": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 2,
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one processor each: two raylets on this machine."""
    two = Cluster(initialize_head=True, head_node_args={**_NODE, "_system_config": _PROMPT})
    two.add_node(**{name: value for name, value in _NODE.items() if name != "include_dashboard"})
    yield two
    two.shutdown()


@pytest.fixture
def factory(stand_in_config: PipelineConfig, tmp_path: Path) -> PipelineFactory:
    """The factory of the workers, with its own cache."""
    return PipelineFactory(stand_in_config, cache_dir=str(tmp_path / "cache"), threads=1)


def read_here(factory: PipelineFactory, library: Path, folder: Path) -> dict[str, bytes]:
    """Return the cache of one process that reads the novels one after the other, undisturbed."""
    pipeline = replace(factory, cache_dir=str(folder)).open()
    for path in sorted(library.glob("Novel*.txt")):
        assert isinstance(attempt(ReadNovel(path), pipeline), NovelRead)
    return contents(folder)


def test_killed_workers_cost_nothing_but_the_novel_that_kills_them(
    cluster: Any, factory: PipelineFactory, library: Path, tmp_path: Path
) -> None:
    signs = tmp_path / "signs"
    signs.mkdir()
    good = sorted(library.glob("Novel*.txt"))
    jobs: list[NovelJob[NovelRead]] = [
        KilledHalfWay(good[2], tmp_path / "died"),
        AlwaysKilled(tmp_path / "Poison.txt", signs),
        *(ReadNovel(path) for path in [*good, library / "Blank.txt"] if path != good[2]),
    ]
    with RayEngine(factory, address=cluster.address, workers=0, tries=2) as engine:
        assert (engine.workers, engine.nodes) == (2, 2)
        outcomes = list(engine.run(jobs))
    assert sorted(outcome.number for outcome in outcomes) == list(range(len(jobs)))
    failed = {outcome.path.name: outcome.result for outcome in outcomes if isinstance(outcome.result, Failure)}
    assert set(failed) == {"Poison.txt", "Blank.txt"}
    assert "killed or lost" in failed["Poison.txt"].reason and len(list(signs.iterdir())) == 2
    assert "holds no words" in failed["Blank.txt"].reason
    assert (tmp_path / "died").exists()
    assert contents(tmp_path / "cache") == read_here(factory, library, tmp_path / "undisturbed")


def test_tables_are_judged_to_the_same_bytes_on_a_cluster(
    cluster: Any, stand_in_reader: Path, stand_in_judge: Path, shelf: Path, tmp_path: Path
) -> None:
    tables = [
        "--train_csv",
        write_csv(tmp_path / "train.csv", TRAIN),
        "--test_csv",
        write_csv(tmp_path / "t.csv", TEST),
    ]
    machine = ["--model_dir", stand_in_reader, "--device", "cpu", "--dtype", "fp32", "--threads", "1"]
    machine += ["--judge_dir", stand_in_judge, "--ranker", stand_in_judge]
    asked = [*tables, *machine, "--novels_dir", shelf, "--folds", "2", "--repeats", "2"]
    ray = ["--engine", "ray", "--ray_address", cluster.address, "--workers", "1"]
    engines: dict[str, list[str]] = {"local": [], "ray": ray}
    for name, flags in engines.items():
        said = run(
            dataset_main, *asked, *flags, "--out_dir", tmp_path / name, "--cache_dir", tmp_path / f"{name}-cache"
        )
        assert said.status == 0, said.err
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    assert contents(tmp_path / "ray-cache") == contents(tmp_path / "local-cache")


def test_missing_weights_end_the_run_with_one_error(cluster: Any, factory: PipelineFactory, library: Path) -> None:
    config = replace(factory.config, reading=replace(factory.config.reading, model_dir="no/such/folder"))
    with (
        RayEngine(replace(factory, config=config), address=cluster.address, workers=1) as engine,
        pytest.raises(ModelError, match="no/such/folder"),
    ):
        list(engine.run([ReadNovel(library / "Novel 0.txt")]))


def test_workers_without_room_are_refused(cluster: Any, factory: PipelineFactory) -> None:
    with (
        pytest.raises(SettingError, match="3 workers of 1 processors each do not fit: the cluster has 2 processors"),
        RayEngine(factory, address=cluster.address, workers=3),
    ):
        pass


def test_lost_node_is_made_good_by_the_other(
    cluster: Any, factory: PipelineFactory, library: Path, tmp_path: Path
) -> None:
    """Last of the file: it takes a node away. Its worker's place is on the other node, once that has nothing to do."""
    good = sorted(library.glob("Novel*.txt"))

    def lose_a_node() -> bool:
        """Take it away once both workers are at a novel; the engine goes on meanwhile."""
        until = time.monotonic() + 60
        while len(list(tmp_path.glob("*.begun"))) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        both = time.monotonic() < until
        (lost,) = cluster.worker_nodes
        cluster.remove_node(lost, allow_graceful=False)
        (tmp_path / "go").touch()
        return both

    with RayEngine(factory, address=cluster.address, workers=2) as engine, ThreadPoolExecutor(1) as beside:
        losing = beside.submit(lose_a_node)
        found = list(engine.run([ReadNovel(good[0]), *(HeldBack(path, tmp_path) for path in good[1:3])]))
        assert losing.result()
    assert not [outcome.result.reason for outcome in found if isinstance(outcome.result, Failure)]
    assert {outcome.path for outcome in found} == set(good[:3])
