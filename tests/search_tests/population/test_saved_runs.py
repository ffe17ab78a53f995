"""A run that goes on from a state on the disk has the numbers of an unbroken one. Comparisons are by `==`."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from search.checkpoints.generations import generations, write_generation
from search.checkpoints.study_folder import StudyCheckpoints
from search.population import Measurement, Population, Run, saved_runs
from search.population.saved_runs import SavedRuns, bits_belong_to
from search.proxies.proxy import Proxy
from search.proxies.registry import AnyProxy, declared_proxy
from search.spec.population import ONE_BY_ONE, VMAP, Way
from tests.search_tests.population.models import NETS

MakeRun = Callable[..., Run]
BOUND_TO = {"proxy": "p", "way of training": "w"}


@pytest.fixture
def checkpoints(tmp_path: Path) -> StudyCheckpoints:
    return StudyCheckpoints(tmp_path / "study", max_bytes=10**9)


@pytest.fixture
def saved(checkpoints: StudyCheckpoints) -> SavedRuns:
    return SavedRuns(checkpoints, {name: _Text(value) for name, value in BOUND_TO.items()})


class _Text(str):
    """As fingerprints are, and torch's version is."""


def trained(population: Population, key: object) -> list[Measurement]:
    measured: list[Measurement] = []
    while key in population.active:
        measured += [found for found in population.advance() if found.key == key]
    return measured


def advanced(population: Population, n_steps: int) -> None:
    """So many steps, in pieces."""
    while n_steps > 0:
        population.advance(max_steps=1)
        n_steps -= 1


def goes_on(
    saved: SavedRuns, proxy: AnyProxy, way: Way, run: Run, other: Callable[[int], Run], at_step: int
) -> list[Measurement]:
    """The measurements of a run that is saved in one population and goes on in another, among other runs."""
    first = Population(proxy, slots=3, way=way)
    for each in (other(1), run):
        first.admit(each)
    advanced(first, at_step)
    saved.begin(run)
    saved.save(run, first.state(run.key))
    advanced(first, 2)  # lost
    second = Population(proxy, slots=4, way=way)
    second.admit(other(2))
    advanced(second, 3)
    second.admit(other(3))
    found = saved.find(run)
    assert found.state is not None
    assert not found.problem
    return second.resume(run, found.state) + trained(second, run.key)


@pytest.mark.parametrize("params", [{}, {"momentum": 0.7, "weight_decay": 0.05}, {"batch_size": 11}])
@pytest.mark.parametrize("at_step", [1, 7, 19])
def test_stacked_layers_go_on(
    saved: SavedRuns, proxy: Proxy, make_run: MakeRun, at_step: int, params: dict[str, Any]
) -> None:
    def run(key: int) -> Run:
        return make_run(key, report_steps=(5, 12, 23), averaged_steps=(12,), test_at_end=True, **params)

    alone = Population(proxy, slots=1)
    alone.admit(run(0))
    assert goes_on(saved, proxy, "auto", run(0), run, at_step) == trained(alone, 0)


@pytest.mark.parametrize("way", [VMAP, ONE_BY_ONE])
@pytest.mark.parametrize("net", NETS)
def test_any_model_goes_on(saved: SavedRuns, make_run: MakeRun, net: str, way: Way) -> None:
    """With running statistics, dropout, augmentation, momenta, averages."""

    def run(key: int) -> Run:
        return make_run(
            key, lr=0.05, total_steps=17, report_steps=(4, 9, 17), averaged_steps=(9,), test_at_end=True
        )

    alone = Population(NETS[net], slots=1, way=way)
    alone.admit(run(0))
    assert goes_on(saved, NETS[net], way, run(0), run, 6) == trained(alone, 0)


def test_a_loss_that_is_computed_goes_on(saved: SavedRuns, make_run: MakeRun) -> None:
    task = declared_proxy("noisy_quadratic", {}, device="cpu")

    def run(key: int) -> Run:
        return make_run(key, total_steps=300, report_steps=(40, 150, 300), test_at_end=True)

    alone = Population(task, slots=1)
    alone.admit(run(0))
    assert goes_on(saved, task, "auto", run(0), run, 170) == trained(alone, 0)


@pytest.fixture
def two_states(saved: SavedRuns, tokens_proxy: Proxy, make_run: MakeRun) -> Run:
    """A run of which the states after 6 and 10 steps are kept."""
    run, population = make_run(0), Population(tokens_proxy, slots=1)
    population.admit(run)
    saved.begin(run)
    for n_steps in (6, 4):
        advanced(population, n_steps)
        saved.save(run, population.state(0))
    return run


def test_a_damaged_state_gives_way_to_the_one_before_it_and_that_to_the_start(
    saved: SavedRuns, checkpoints: StudyCheckpoints, two_states: Run
) -> None:
    files = generations(checkpoints.of(two_states.identity))
    files[0].write_bytes(files[0].read_bytes()[:-9])
    found = saved.find(two_states)
    assert found.state is not None
    assert found.state["n_steps"] == 6
    assert found.problem == f"checkpoint {files[0].name} is not what was written: it goes on from step 6"
    files[1].with_name(files[1].name + ".sha256").write_text("0" * 64)
    found = saved.find(two_states)
    assert found.state is None
    assert found.problem.endswith(f"{files[1].name} is not what was written: it goes on from its first step")


class Evil:
    """What pickle would call."""

    def __reduce__(self) -> Any:
        return (exec, ("raise SystemExit('code of a checkpoint was run')",))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"format": 0}, "is of another version"),
        ([1, 2], "is of another version"),
        ({"format": 1, "bound_to": Evil()}, "can't be loaded (UnpicklingError)"),
        ({"format": 1, "bound_to": {**BOUND_TO, "proxy": "q"}}, "was trained with another proxy"),
    ],
)
def test_what_a_file_may_not_hold_is_said_and_not_run(
    saved: SavedRuns, checkpoints: StudyCheckpoints, two_states: Run, content: Any, problem: str
) -> None:
    """Though its hash is right."""
    stream = io.BytesIO()
    torch.save(content, stream)
    write_generation(checkpoints.of(two_states.identity), 20, stream.getvalue())
    found = saved.find(two_states)
    assert problem in found.problem
    assert found.state is not None
    assert found.state["n_steps"] == 10


def test_a_run_that_was_never_saved_has_none_and_no_problem(saved: SavedRuns, make_run: MakeRun) -> None:
    found = saved.find(make_run(5))
    assert (found.state, found.problem) == (None, "")


def test_bits_belong_to_a_version_of_torch_and_a_kind_of_device() -> None:
    found = bits_belong_to("p", way=VMAP, device=torch.device("cpu"))
    assert found["version of torch"] == torch.__version__
    assert found["kind of device"] == torch.backends.cpu.get_cpu_capability()


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_short_runs_are_not_saved_and_saving_takes_a_small_share_of_the_time(
    saved: SavedRuns, tokens_proxy: Proxy, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(saved_runs, "time", clock)
    run, other = make_run(0), make_run(1)
    population = Population(tokens_proxy, slots=1)
    population.admit(run)
    saved.begin(run)
    saved.begin(other)
    clock.now += 9.0
    assert not saved.is_worth_it(run)
    clock.now += 2.0
    assert saved.is_worth_it(run)
    assert not saved.is_due(run)
    clock.now += 50.0
    assert saved.is_due(run)

    def slow_write(*_: object) -> Path:
        clock.now += 3.0
        return Path()

    monkeypatch.setattr(saved_runs, "write_generation", slow_write)
    saved.save(run, population.state(0))
    assert not saved.is_due(other), "that took 3 s, 2% of 150"
    clock.now += 151.0
    assert saved.is_due(other)
    assert saved.is_due(run)
