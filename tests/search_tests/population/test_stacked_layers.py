"""Stacked layers of each kind, label smoothing, changed samples: plain torch's numbers, in any company."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import fmean

import pytest
from torch import nn

from search.population import Population
from search.population.settings import with_batch_size
from search.proxies.proxy import SGD, AdamW, Proxy
from search.spec.population import STACKED
from tests.search_tests.population.company import (
    assert_the_same_in_company,
    left_as_alone,
    uneven_runs,
)
from tests.search_tests.population.conftest import PROXIES, MakeRun
from tests.search_tests.population.models import mirrored
from tests.search_tests.population.test_equality_law import train
from tests.search_tests.population.test_vmapped import judged, plain_training

TOLERANCE = 1e-5


def _images(*layers: nn.Module) -> nn.Sequential:
    """Samples of 3 x 5 as images of one channel."""
    return nn.Sequential(nn.Flatten(), nn.Unflatten(1, (1, 3, 5)), *layers)


def _norms() -> nn.Sequential:
    return _images(
        nn.Conv2d(1, 17, 2, padding=1, bias=False),
        nn.BatchNorm2d(17, momentum=0.3),
        nn.ReLU(),
        nn.MaxPool2d((2, 3), stride=(2, 1), padding=1),
        nn.Conv2d(17, 6, 2),
        nn.Tanh(),
        nn.BatchNorm2d(6, eps=1e-3),
        nn.Conv2d(6, 4, 1),
        nn.BatchNorm2d(4, affine=False),
        nn.Tanh(),
        nn.Flatten(),
        nn.BatchNorm1d(4 * 2 * 5),
        nn.Linear(4 * 2 * 5, 3),
    )


def _pools() -> nn.Sequential:
    return _images(
        nn.Conv2d(1, 5, 3, padding=2),
        nn.AvgPool2d(2, stride=1, padding=1, count_include_pad=False),
        nn.ReLU(),
        nn.MaxPool2d(2, dilation=2, stride=1, ceil_mode=True),
        nn.Conv2d(5, 7, 2),
        nn.AvgPool2d((1, 3), ceil_mode=True, divisor_override=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(7, 3),
    )


def _curves() -> nn.Sequential:
    # Without biases before a norm: their gradient is zero but for rounding, and AdamW makes steps of it.
    return nn.Sequential(
        nn.Conv1d(3, 16, 3, padding=2, bias=False),
        nn.AvgPool1d(2, stride=1),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.MaxPool1d(3, stride=2, padding=1),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(16, 8, bias=False),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Linear(8, 3),
    )


def _features() -> nn.Sequential:
    """Normalised before anything is trained."""
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(15), nn.Linear(15, 9), nn.ReLU(), nn.Linear(9, 3))


def _drops() -> nn.Sequential:
    """Activations that are no whole vectors long, dropouts numbered through, layers within layers."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Sequential(nn.Linear(15, 19), nn.GELU(), nn.Dropout(0.2)),
        nn.Sequential(nn.Sequential(nn.Linear(19, 7), nn.SiLU()), nn.Identity(), nn.Dropout(0.0)),
        nn.Linear(7, 9),
        nn.Dropout(0.5),
        nn.LeakyReLU(0.2),
        nn.Linear(9, 11),
        nn.GELU(approximate="tanh"),
        nn.Linear(11, 5),
        nn.ELU(0.7),
        nn.Linear(5, 3),
    )


def _dropped_images() -> nn.Sequential:
    """Changed samples; dropout of what lies places first."""
    return _images(
        nn.Conv2d(1, 5, 3, padding=1),
        nn.GELU(),
        nn.Dropout(0.3),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(10, 3),
    )


def _proxy(name: str, model: Callable[[], nn.Module], **changes: object) -> Proxy:
    return replace(PROXIES["even_batch"], name=name, model=model, fingerprint=name, **changes)  # type: ignore[arg-type]


NETS = {
    "norms": _proxy(
        "norms", _norms, optimizer=SGD(momentum=0.9, weight_decay=1e-3), label_smoothing=0.1, batch_size=13
    ),
    "pools": _proxy("pools", _pools, optimizer=SGD(momentum=0.9, nesterov=True, clip_norm=1.0)),
    "curves": _proxy("curves", _curves, optimizer=AdamW(weight_decay=0.1), label_smoothing=0.2),
    "drops": _proxy("drops", _drops, batch_size=7, optimizer=AdamW()),
    "dropped images": _proxy("dropped images", _dropped_images, augment=mirrored, batch_size=9),
    "features": _proxy("features", _features, batch_size=9, optimizer=SGD(momentum=0.5)),
}
LR = {"norms": 0.02, "pools": 0.1, "curves": 0.01, "features": 0.1, "drops": 0.01, "dropped images": 0.1}


@pytest.fixture(params=NETS)
def net(request: pytest.FixtureRequest) -> str:
    """Each of them in turn."""
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("own", [{}, {"weight_decay": 0.02}, {"batch_size": 16}])
def test_twenty_steps_equal_plain_torch(net: str, make_run: MakeRun, own: dict[str, float]) -> None:
    proxy, run = NETS[net], make_run(0, total_steps=20, lr=LR[net], test_at_end=True, **own)
    (measurement,) = train(Population(proxy, slots=3, way=STACKED), [run])[0]
    model, losses = plain_training(proxy, run)
    (loss, error), (test_loss, test_error) = judged(model, proxy.validation), judged(model, proxy.test)
    expected = {"val_loss": loss, "val_error": error, "train_loss": fmean(losses)}
    expected |= {"test_loss": test_loss, "test_error": test_error}
    assert measurement.metrics == pytest.approx(expected, abs=TOLERANCE, rel=0)


def test_a_run_is_the_same_in_any_company(net: str, make_run: MakeRun) -> None:
    """Bit for bit: refills, other settings, uneven horizons, averages, neighbours that go to infinity."""
    own: tuple[dict[str, float], ...] = ({}, {"weight_decay": 0.02}, {"batch_size": 11}, {"batch_size": 16})
    assert_the_same_in_company(NETS[net], uneven_runs(make_run, lr=LR[net], too_high=1e38, own=own))


def test_running_statistics_follow_a_run_to_another_slot_and_into_its_state(
    net: str, make_run: MakeRun
) -> None:
    proxy = NETS[net]
    runs = [make_run(key, total_steps=9, averaged_steps=(9,), lr=LR[net]) for key in range(3)]
    population, other = (Population(proxy, slots=3, way=STACKED) for _ in range(2))
    for run in runs:
        population.admit(run)
    population.advance(4)
    other.admit(make_run(9, total_steps=30))
    other.resume(runs[2], population.state(2))
    assert other.advance() == left_as_alone(proxy, population, runs)[2]


def test_a_batch_of_one_value_has_no_statistics(make_run: MakeRun) -> None:
    """As torch says itself, where a plain loop would train it."""
    proxy = with_batch_size(NETS["features"], 1)
    population = Population(proxy, slots=1, way=STACKED)
    population.admit(make_run(0))
    with pytest.raises(ValueError, match="more than one value"):
        population.advance()
