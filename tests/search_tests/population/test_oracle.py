"""The stack against an ordinary module under `torch.optim.SGD`, one model, one batch at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import fmean

import pytest
import torch
from torch import nn

from search.population import Population, Run
from search.population.settings import with_batch_size
from search.population.stream import BatchStream
from search.proxies import build_proxy
from search.proxies.proxy import SGD, Proxy, Split
from search.runs.seeds import run_generators
from search.spec.population import STACKED

MakeRun = Callable[..., Run]
TOLERANCE = 1e-5


def plain_training(
    proxy: Proxy, run: Run, after_step: Callable[[nn.Module], object] = lambda model: None
) -> tuple[nn.Module, list[float]]:
    """The run, trained the ordinary way: its model at the end and the loss of each batch."""
    generators = run_generators(run.seed)
    model = proxy.build_model(generators.weights_seed)
    settings = proxy.optimizer
    assert isinstance(settings, SGD)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=1.0,
        momentum=run.params.get("momentum", settings.momentum),
        weight_decay=run.params.get("weight_decay", settings.weight_decay),
    )
    losses = []
    proxy = with_batch_size(proxy, run.params.get("batch_size", proxy.batch_size))
    for lr, batch in zip(
        run.lr_table, BatchStream(proxy, generators.order).take(run.total_steps), strict=True
    ):
        optimizer.param_groups[0]["lr"] = float(lr)
        logits = model(proxy.train.inputs[batch])
        loss = nn.functional.cross_entropy(logits, proxy.train.targets[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        after_step(model)
        losses.append(loss.item())
    return model, losses


@torch.no_grad()
def judged(model: nn.Module, split: Split) -> tuple[float, float]:
    logits = model(split.inputs)
    loss = nn.functional.cross_entropy(logits, split.targets).item()
    return loss, (logits.argmax(1) != split.targets).double().mean().item()


def assert_equals_oracle(proxy: Proxy, run: Run) -> None:
    population = Population(proxy, slots=3, way=STACKED)
    population.admit(run)
    (measurement,) = population.advance()
    model, losses = plain_training(proxy, run)
    val_loss, val_error = judged(model, proxy.validation)
    test_loss, test_error = judged(model, proxy.test)
    assert measurement.metrics == pytest.approx(
        {
            "val_loss": val_loss,
            "val_error": val_error,
            "test_loss": test_loss,
            "test_error": test_error,
            "train_loss": fmean(losses),
        },
        abs=TOLERANCE,
        rel=0,
    )


def test_twenty_steps_equal_plain_torch(proxy: Proxy, make_run: MakeRun) -> None:
    assert_equals_oracle(proxy, make_run(0, total_steps=20, test_at_end=True))


@pytest.mark.parametrize(
    "settings",
    [{"weight_decay": 0.1}, {"momentum": 0.5}, {"momentum": 0.0, "weight_decay": 0.0}, {"batch_size": 13}],
)
def test_settings_of_a_runs_own_equal_plain_torch(
    proxy: Proxy, make_run: MakeRun, settings: dict[str, float]
) -> None:
    assert_equals_oracle(proxy, make_run(0, total_steps=20, test_at_end=True, **settings))


@pytest.mark.parametrize("weight_decay", [0.0, 0.05])
@pytest.mark.parametrize("name", ["char_lm_mlp", "digits_mlp", "mnist1d_cnn"])
def test_built_in_proxies_equal_plain_torch(name: str, weight_decay: float, make_run: MakeRun) -> None:
    proxy = build_proxy(name, {"weight_decay": weight_decay})
    # A split whose error moves by one sample would hide nothing: the models agree to 1e-7.
    assert_equals_oracle(proxy, make_run(1, total_steps=20, lr=0.1, test_at_end=True))


def test_the_untrained_model_is_the_modules_own(proxy: Proxy) -> None:
    seed = (3, 1, 4)
    model = proxy.build_model(run_generators(seed).weights_seed)
    loss, error = judged(model, proxy.validation)
    untrained = Population(proxy, slots=1, way=STACKED).untrained(seed)
    assert untrained == pytest.approx({"val_loss": loss, "val_error": error}, abs=TOLERANCE, rel=0)


def test_momentum_zero_is_no_special_case(tokens_proxy: Proxy, make_run: MakeRun) -> None:
    proxy = replace(tokens_proxy, optimizer=SGD(momentum=0.0, weight_decay=0.1))
    assert_equals_oracle(proxy, make_run(0, total_steps=20, test_at_end=True))
