"""Stacked layers under each optimizer: the numbers of a plain loop, and the same bits in any company."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean
from typing import Any

import pytest
import torch

from search.population import Population, Run, fused_optimizers
from search.population.fused_optimizers import flat_optimizer
from search.population.settings import stack_kind
from search.proxies.proxy import SGD, AdamW, Optimizer, Proxy
from search.spec.population import STACKED
from tests.search_tests.population.company import (
    assert_the_same_in_company,
    left_as_alone,
    uneven_runs,
)
from tests.search_tests.population.conftest import PROXIES, MakeRun
from tests.search_tests.population.test_vmapped import judged, plain_training

TOLERANCE = 1e-5
OPTIMIZERS: Mapping[str, Optimizer] = {
    "nesterov": SGD(momentum=0.9, nesterov=True),
    "nesterov of no momentum": SGD(nesterov=True),
    "clipped": SGD(momentum=0.8, weight_decay=0.01, clip_norm=0.3),
    "clipped nesterov": SGD(momentum=0.9, weight_decay=1e-3, nesterov=True, clip_norm=0.5),
    "adamw": AdamW(weight_decay=0.1),
    "clipped adamw": AdamW(beta1=0.8, beta2=0.95, eps=1e-6, clip_norm=0.4),
}
OWN: Mapping[str, tuple[dict[str, float], ...]] = {
    "sgd": ({}, {"weight_decay": 0.02}, {"momentum": 0.5}, {"batch_size": 11, "momentum": 0.0}),
    "adamw": ({}, {"weight_decay": 0.3}, {"weight_decay": 0.0}, {"batch_size": 11}),
}
"""Settings of a run's own."""


@pytest.fixture(params=OPTIMIZERS)
def optimizer(request: pytest.FixtureRequest) -> Optimizer:
    """Each of them in turn."""
    return OPTIMIZERS[request.param]


def with_optimizer(name: str, optimizer: Optimizer) -> Proxy:
    return replace(PROXIES[name], optimizer=optimizer, fingerprint=f"{name} {optimizer}")


def lr_of(optimizer: Optimizer) -> float:
    return 0.1 if isinstance(optimizer, SGD) else 0.01


def assert_equals_plain_torch(proxy: Proxy, run: Run) -> None:
    population = Population(proxy, slots=3, way=STACKED)
    population.admit(run)
    (measurement,) = population.advance()
    model, losses = plain_training(proxy, run)
    loss, error = judged(model, proxy.validation)
    expected = {"val_loss": loss, "val_error": error, "train_loss": fmean(losses)}
    assert measurement.metrics == pytest.approx(expected, abs=TOLERANCE, rel=0)


@pytest.mark.parametrize("name", ["tokens", "curves"])
def test_twenty_steps_equal_plain_torch(name: str, optimizer: Optimizer, make_run: MakeRun) -> None:
    proxy = with_optimizer(name, optimizer)
    for key, own in enumerate(OWN[optimizer.name]):
        assert_equals_plain_torch(proxy, make_run(key, total_steps=20, lr=lr_of(optimizer), **own))


PICTURES_TOO = ("clipped nesterov", "clipped adamw")
"""A step knows its weights as rows, whatever layers they are of."""


@pytest.mark.parametrize(
    ("name", "kind"),
    [*(("tokens", kind) for kind in OPTIMIZERS), *(("pictures", kind) for kind in PICTURES_TOO)],
)
def test_a_run_is_the_same_in_any_company(name: str, kind: str, make_run: MakeRun) -> None:
    """Bit for bit: refills, other settings, uneven horizons, averages, neighbours that go to infinity."""
    optimizer = OPTIMIZERS[kind]
    runs = uneven_runs(make_run, lr=lr_of(optimizer), too_high=1e35, own=OWN[optimizer.name])
    assert_the_same_in_company(with_optimizer(name, optimizer), runs)


def test_withdrawing_a_run_moves_all_that_is_another_ones(optimizer: Optimizer, make_run: MakeRun) -> None:
    proxy = with_optimizer("features", optimizer)
    population = Population(proxy, slots=3, way=STACKED)
    runs = [make_run(key, total_steps=9, averaged_steps=(9,), lr=lr_of(optimizer)) for key in range(3)]
    for run in runs:
        population.admit(run)
    population.advance(4)
    left_as_alone(proxy, population, runs)


def test_a_run_goes_on_from_its_state(optimizer: Optimizer, make_run: MakeRun) -> None:
    proxy = with_optimizer("tokens", optimizer)
    run = make_run(0, total_steps=9, lr=lr_of(optimizer))
    first, other = (Population(proxy, slots=2, way=STACKED) for _ in range(2))
    first.admit(run)
    first.advance(4)
    other.admit(make_run(1, total_steps=30))
    other.resume(run, first.state(run.key))
    assert other.advance() == first.advance()


@pytest.mark.parametrize("fused", [True, False])
def test_steps_of_rows_are_those_of_torch(
    optimizer: Optimizer, fused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways to step, whatever the device: slots with settings of their own, in two blocks."""
    monkeypatch.setattr(fused_optimizers, "FUSED_DEVICES", ("cpu",) if fused else ())
    draws = torch.Generator().manual_seed(0)
    weights = [torch.randn(3, width, generator=draws) for width in (32, 48)]
    gradients = [torch.zeros_like(block) for block in weights]
    settings = [replace(optimizer, weight_decay=decay) for decay in (0.0, 0.1, 0.3)]
    kind = stack_kind({"weight_decay": 0.1}, PROXIES["tokens"])
    stepped = flat_optimizer(optimizer, kind, weights=weights, gradients=gradients)
    plain = [[torch.nn.Parameter(block[slot].clone()) for block in weights] for slot in range(3)]
    own = [_torch_optimizer(one, parameters) for one, parameters in zip(settings, plain, strict=True)]
    for slot, one in enumerate(settings):
        stepped.load(slot, one)
    lrs = 0.1 / (1.0 + torch.arange(12.0).view(4, 3))
    for planned, rates in zip(stepped.plan(lrs.double().numpy()), lrs, strict=True):
        for block in gradients:
            block.copy_(torch.randn(block.shape, generator=draws))
        for slot, (parameters, step) in enumerate(zip(plain, own, strict=True)):
            for parameter, block in zip(parameters, gradients, strict=True):
                parameter.grad = block[slot].clone()
            if optimizer.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(parameters, optimizer.clip_norm)
            step.param_groups[0]["lr"] = float(rates[slot])
            step.step()
        stepped.step(3, planned)
    for slot, parameters in enumerate(plain):
        for parameter, block in zip(parameters, weights, strict=True):
            torch.testing.assert_close(block[slot], parameter.detach(), rtol=0, atol=1e-6)


def _torch_optimizer(settings: Optimizer, parameters: list[torch.nn.Parameter]) -> Any:
    """Torch's own, neither fused nor for many tensors at once."""
    if isinstance(settings, AdamW):
        betas = (settings.beta1, settings.beta2)
        return torch.optim.AdamW(
            parameters, betas=betas, eps=settings.eps, weight_decay=settings.weight_decay, foreach=False
        )
    return torch.optim.SGD(
        parameters,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        nesterov=settings.nesterov and settings.momentum > 0,
        foreach=False,
    )
