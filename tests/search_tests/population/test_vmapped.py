"""Any model, many at once by `vmap`: the numbers of a plain loop, and the same bits in any company."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import fmean
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from search.population import Measurement, Population, Run
from search.population.dropout import CounterDropout
from search.population.modules import make_optimizer
from search.population.settings import optimizer_of, with_batch_size
from search.population.stream import BatchStream
from search.population.vmapped import UnsupportedModelError
from search.proxies import build_proxy
from search.proxies.counter_random import sample_keys, step_keys
from search.proxies.proxy import SGD, Proxy, Split
from search.runs.seeds import run_generators
from search.spec.population import ONE_BY_ONE, VMAP
from tests.search_tests.needs import NEEDS_FASHION_MNIST
from tests.search_tests.population.models import EXPLODING_LR, NETS

MakeRun = Callable[..., Run]
TOLERANCE = 1e-5
SETTINGS: tuple[dict[str, float], ...] = ({}, {"weight_decay": 0.02}, {"batch_size": 11}, {"batch_size": 16})


@pytest.fixture(params=NETS)
def net(request: pytest.FixtureRequest) -> str:
    """Each of the small models in turn."""
    return request.param  # type: ignore[no-any-return]


def train(proxy: Proxy, runs: list[Run], slots: int) -> dict[object, list[Measurement]]:
    population = Population(proxy, slots=slots, way=VMAP)
    waiting = list(runs)
    measured: dict[object, list[Measurement]] = {run.key: [] for run in runs}
    while waiting or population.active:
        while waiting and population.free_slots:
            population.admit(waiting.pop(0))
        for measurement in population.advance():
            measured[measurement.key].append(measurement)
    return measured


def plain_training(proxy: Proxy, run: Run) -> tuple[nn.Module, list[float]]:
    """The run as anybody would train it: its model at the end, and the loss of each batch."""
    generators = run_generators(run.seed)
    model = proxy.build_model(generators.weights_seed).train()
    settings = optimizer_of(run.params, proxy)
    optimizer = make_optimizer(settings, list(model.parameters()))
    proxy = with_batch_size(proxy, run.params.get("batch_size", proxy.batch_size))
    batches = BatchStream(proxy, generators.order).take(run.total_steps)
    losses, dropout = [], CounterDropout()
    for step, (lr, batch) in enumerate(zip(run.lr_table, batches, strict=True)):
        optimizer.param_groups[0]["lr"] = float(lr)
        key = step_keys(torch.tensor(generators.weights_seed), torch.tensor(step))
        inputs = proxy.train.inputs[batch]
        if proxy.augment is not None:
            inputs = proxy.augment(inputs, sample_keys(key, len(batch)))
        dropout.begin(key)
        with dropout:
            logits = model(inputs)
        targets = proxy.train.targets[batch]
        loss = functional.cross_entropy(
            logits.flatten(0, -2), targets.flatten(), label_smoothing=proxy.label_smoothing
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
        optimizer.step()
        losses.append(loss.item())
    return model, losses


@torch.no_grad()
def judged(model: nn.Module, split: Split) -> tuple[float, float]:
    logits, targets = model.eval()(split.inputs).flatten(0, -2), split.targets.flatten()
    loss = functional.cross_entropy(logits, targets).item()
    return loss, (logits.argmax(1) != targets).double().mean().item()


@pytest.mark.parametrize("settings", SETTINGS)
def test_twenty_steps_equal_plain_torch(net: str, make_run: MakeRun, settings: dict[str, float]) -> None:
    proxy = NETS[net]
    run = make_run(0, total_steps=20, lr=0.02, test_at_end=True, **settings)
    model, losses = plain_training(proxy, run)
    (val_loss, val_error), (test_loss, test_error) = (
        judged(model, proxy.validation),
        judged(model, proxy.test),
    )
    expected = {
        "val_loss": val_loss,
        "val_error": val_error,
        "test_loss": test_loss,
        "test_error": test_error,
        "train_loss": fmean(losses),
    }
    (measurement,) = train(proxy, [run], slots=3)[0]
    assert measurement.metrics == pytest.approx(expected, abs=TOLERANCE, rel=0)


def test_a_run_is_the_same_in_any_company(net: str, make_run: MakeRun) -> None:
    """Bit for bit: refills, other settings, uneven horizons, neighbours that go to infinity, averages."""
    proxy = NETS[net]
    runs = [
        make_run(
            key,
            total_steps=5 + 2 * (key % 3),
            report_steps=(3, 5 + 2 * (key % 3)),
            averaged_steps=(3,) if key % 3 == 1 else (),
            test_at_end=key % 2 == 0,
            lr=EXPLODING_LR[net] if key % 5 == 3 else 0.05,
            **SETTINGS[key % 4 if key > 8 else 0],
        )
        for key in range(14)
    ]
    measured = {slots: train(proxy, runs, slots) for slots in (3, 8)}
    for run in runs:
        own = train(proxy, [run], slots=1)[run.key]
        assert [measured[slots][run.key] for slots in measured] == [own, own]
    assert measured[8][3][-1].diverged_at_step is not None


def test_withdrawing_a_run_moves_all_that_is_another_ones(net: str, make_run: MakeRun) -> None:
    proxy = NETS[net]
    population = Population(proxy, slots=3, way=VMAP)
    runs = [make_run(key, total_steps=9, averaged_steps=(9,)) for key in range(3)]
    for run in runs:
        population.admit(run)
    population.advance(4)
    population.cancel(0)
    left = {measurement.key: [measurement] for measurement in population.advance()}
    assert left == {key: train(proxy, [runs[key]], slots=1)[key] for key in (1, 2)}


def test_one_by_one_draws_the_same_masks_and_changes(net: str, make_run: MakeRun) -> None:
    run = make_run(0, total_steps=20, lr=0.02, averaged_steps=(20,))
    population = Population(NETS[net], slots=1, way=ONE_BY_ONE)
    population.admit(run)
    (alone,) = population.advance()
    (together,) = train(NETS[net], [run], slots=2)[0]
    assert together.metrics == pytest.approx(dict(alone.metrics), abs=TOLERANCE, rel=0)


def test_a_study_of_momenta_trains_each_run_with_its_own(make_run: MakeRun) -> None:
    proxy = replace(NETS["group_norm"], optimizer=SGD(nesterov=True))
    runs = [make_run(key, total_steps=20, lr=0.02, momentum=m) for key, m in enumerate((0.0, 0.5, 0.95))]
    for run, (measurement,) in zip(runs, train(proxy, runs, slots=3).values(), strict=True):
        model, _ = plain_training(proxy, run)
        expected = judged(model, proxy.validation)[0]
        assert measurement.metrics["val_loss"] == pytest.approx(expected, abs=TOLERANCE, rel=0)


SMALL_PROXIES: tuple[Any, ...] = (
    ("char_gpt", {"context": 16, "width": 16}),
    ("code_gpt", {"context": 16, "width": 16, "layers": 1, "dropout": 0.1}),
    pytest.param("fashion_resnet", {"norm": "batch", "batch_size": 16}, marks=NEEDS_FASHION_MNIST),
    pytest.param("fashion_resnet", {"norm": "group", "batch_size": 16}, marks=NEEDS_FASHION_MNIST),
    ("mnist1d_cnn", {"batch_size": 30}),
)


@pytest.mark.parametrize(("name", "arguments"), SMALL_PROXIES)
def test_built_in_proxies_equal_plain_torch(name: str, arguments: dict[str, Any], make_run: MakeRun) -> None:
    proxy = build_proxy(name, arguments)
    few = Split(inputs=proxy.validation.inputs[:64], targets=proxy.validation.targets[:64])
    proxy = replace(proxy, validation=few)
    run = make_run(1, total_steps=20, lr=1e-3)
    model, losses = plain_training(proxy, run)
    (measurement,) = train(proxy, [run], slots=2)[1]
    loss, error = judged(model, few)
    expected = {"val_loss": loss, "val_error": error, "train_loss": fmean(losses)}
    assert measurement.metrics == pytest.approx(expected, abs=TOLERANCE, rel=0)


class _Branching(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) if input.sum() > 0 else super().forward(-input)


class _Noisy(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input + torch.randn_like(input) * self.training)


@pytest.mark.parametrize(("layer", "reason"), [(_Branching, "data-dependent"), (_Noisy, "random")])
def test_what_can_not_be_written_for_many_is_refused_with_its_reason(
    layer: type[nn.Linear], reason: str
) -> None:
    proxy = replace(NETS["curves"], model=lambda: nn.Sequential(nn.Flatten(), layer(96, 5)))
    with pytest.raises(UnsupportedModelError, match=f"curves's model can't be computed .*{reason}"):
        Population(proxy, slots=2, way=VMAP)
