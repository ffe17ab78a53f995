"""Steps that go round a ring, in fixed numbers of slots, as on a GPU: the same numbers, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from search.population import Measurement, Population, Run, fused_optimizers, ring, stacked_engine
from search.population.judging import SplitJudge, scores
from search.population.layers import Parameter, StackedEmbedding
from search.population.replayed import Round
from search.population.ring import RING_STEPS, StepRing, bucket, filled_up
from search.population.workspace import Workspace
from search.proxies.proxy import AdamW, Proxy, Split
from search.spec.population import STACKED, VMAP, Way
from tests.search_tests.population.conftest import PROXIES
from tests.search_tests.population.models import EXPLODING_LR, NETS
from tests.search_tests.population.test_equality_law import train
from tests.search_tests.population.test_stacked_layers import NETS as STACKED_NETS

MakeRun = Callable[..., Run]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _stepped_as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """By operations on all slots."""
    monkeypatch.setattr(fused_optimizers, "FUSED_DEVICES", ())


@pytest.fixture
def _ringed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU that trains as a GPU does."""
    monkeypatch.setattr(ring, "RINGED_DEVICES", ("cpu",))
    monkeypatch.setattr(ring, "BUCKETS", (1, 3))


def test_slots_behind_the_last_run_train_nothing() -> None:
    samples, lrs = filled_up(torch.ones(5, 3, 2, dtype=torch.int64), np.ones((5, 3)), bucket(3, 20))
    assert samples.shape == (5, 8, 2)
    assert (samples[:, 3:] == 0).all()
    assert lrs.sum(axis=0).tolist() == [5.0] * 3 + [0.0] * 5


def test_a_ring_has_one_of_a_few_sizes_or_all_slots() -> None:
    assert [bucket(n, 600) for n in (1, 2, 8, 100, 512, 513, 600)] == [1, 8, 8, 128, 512, 600, 600]
    assert [bucket(n, 3) for n in (1, 2, 3)] == [1, 3, 3]


RINGED: tuple[tuple[Proxy, Way, float], ...] = (
    (PROXIES["tokens"], STACKED, 1e25),
    (PROXIES["pictures"], STACKED, 1e25),
    (replace(PROXIES["tokens"], optimizer=AdamW(clip_norm=0.5)), STACKED, 1e35),
    (STACKED_NETS["curves"], STACKED, 1e38),
    (STACKED_NETS["dropped images"], STACKED, 1e38),
    (NETS["batch_norm"], VMAP, EXPLODING_LR["batch_norm"]),
    (NETS["decoder"], VMAP, EXPLODING_LR["decoder"]),
)


@pytest.mark.parametrize(("proxy", "way", "exploding_lr"), RINGED)
def test_a_run_gives_the_same_round_a_ring(
    proxy: Proxy,
    way: Way,
    exploding_lr: float,
    make_run: MakeRun,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whole rounds and single steps, refills, averages, empty slots, a neighbour that explodes; judged in
    twos, though three and one report at a time."""
    runs = [
        make_run(
            key,
            total_steps=13 + 8 * (key % 3),
            report_steps=(4, 13 + 8 * (key % 3)),
            averaged_steps=(4,) if key == 5 else (),
            lr=exploding_lr if key == 3 else 0.02,
            test_at_end=key == 2,
        )
        for key in range(6)
    ]
    alone = {run.key: train(Population(proxy, slots=1, way=way), [run])[run.key] for run in runs}
    request.getfixturevalue("_ringed")
    monkeypatch.setattr(stacked_engine, "JUDGED_AT_ONCE", 2)
    in_company = train(Population(proxy, slots=4, way=way), runs)
    assert {key: [*map(_to_a_sum, found)] for key, found in in_company.items()} == {
        key: [*map(_to_a_sum, found)] for key, found in alone.items()
    }
    assert train(Population(proxy, slots=4, way=way), runs[::-1]) == in_company


def _to_a_sum(measured: Measurement) -> Measurement:
    """Without what the order of a sum in float64 makes of a mean."""
    return replace(
        measured, metrics={name: float(f"{value:.12g}") for name, value in measured.metrics.items()}
    )


class _Counter:
    """A step that adds its part to a number, and tells what it was before."""

    def __init__(self) -> None:
        self.number = torch.zeros(1)

    def step(self, part: Tensor) -> Tensor:
        before = self.number.clone().view(1, 1)
        self.number += part
        return before

    def ring(self, capture: Callable[[Round], Round] | None) -> StepRing:
        return StepRing(self.step, [self.number], CPU, capture)


def _parts(n_steps: int) -> Tensor:
    return torch.arange(1.0, n_steps + 1)[:, None]


def _warmed_up(one_round: Round) -> Round:
    one_round()
    one_round()
    return one_round


@pytest.mark.usefixtures("_ringed")
@pytest.mark.parametrize("capture", [None, _warmed_up])
@pytest.mark.parametrize("n_steps", [3, RING_STEPS, 2 * RING_STEPS + 7])
def test_what_a_capture_tries_out_leaves_no_trace(
    capture: Callable[[Round], Round] | None, n_steps: int
) -> None:
    counter = _Counter()
    losses = counter.ring(capture).run(_parts(n_steps))
    sums = np.cumsum(np.arange(n_steps + 1))
    assert losses.flatten().tolist() == sums[:-1].tolist()
    assert counter.number.item() == sums[-1]


def _lazy(one_round: Round) -> Round:
    return lambda: None


def _refused(one_round: Round) -> Round:
    one_round()
    raise RuntimeError("operation not permitted when stream is capturing\nand more")


@pytest.mark.usefixtures("_ringed")
@pytest.mark.parametrize(
    ("capture", "why"),
    [(_lazy, "a replay gives other numbers"), (_refused, "operation not permitted .*capturing$")],
)
def test_a_replay_that_is_not_the_steps_is_not_taken(capture: Callable[[Round], Round], why: str) -> None:
    counter = _Counter()
    with pytest.warns(RuntimeWarning, match=f"without a graph: {why}"):
        losses = counter.ring(capture).run(_parts(RING_STEPS))
    assert losses.flatten().tolist() == np.cumsum(np.arange(RING_STEPS)).tolist()


@pytest.mark.usefixtures("_ringed")
def test_memory_that_runs_out_in_a_capture_is_told() -> None:
    def full(one_round: Round) -> Round:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError):
        _Counter().ring(full).run(_parts(RING_STEPS))


@pytest.mark.parametrize("capture", [None, _warmed_up])
def test_models_in_one_place_are_judged_again_and_again(capture: Callable[[Round], Round] | None) -> None:
    split = Split(inputs=torch.arange(10.0), targets=torch.arange(10))
    place = torch.tensor([[1.0], [2.0]])

    def judge(inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return place * inputs, place * inputs > targets

    judged = SplitJudge(judge, split, n_rows=4, capture=capture)
    first = judged.sums()
    place[0] = 3.0
    assert scores([first, judged.sums()], len(split)) == [
        {"loss": 4.5, "error": 0.0},
        {"loss": 9.0, "error": 0.9},
        {"loss": 13.5, "error": 0.9},
        {"loss": 9.0, "error": 0.9},
    ]


@pytest.mark.parametrize("kept", [0.0, 0.9, torch.tensor([0.9, 0.5]).view(2, 1, 1)])
def test_gradients_of_an_embedding_are_the_same_by_product(kept: float | Tensor) -> None:
    """Which an accelerator takes, where adding up by number is not the same every time."""
    torch.manual_seed(0)
    value = torch.randn(2, 11, 16)
    tables = [Parameter(value, torch.ones_like(value)) for _ in range(2)]
    tokens, gradient = torch.randint(11, (2, 5, 3)), torch.randn(2, 5, 48)
    added, multiplied = (StackedEmbedding("table", table) for table in tables)
    for layer in (added, multiplied):
        layer.forward(tokens, Workspace(CPU), training=True)
    added.backward(gradient, Workspace(CPU), kept=kept)
    multiplied.add_up_by_product(gradient, kept)
    torch.testing.assert_close(tables[1].fed, tables[0].fed)
