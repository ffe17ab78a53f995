"""What populations are measured beside trains the same: plain loops, and the same models in JAX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from plain_training import PlainTraining

from search.population import Run
from search.population.make import make_population
from search.population.on_device import on_device
from search.proxies.proxy import Proxy
from search.proxies.registry import build_proxy
from tests.search_tests.needs import NEEDS_FASHION_MNIST

MakeRun = Callable[..., Run]
SMALL = {
    "char_gpt": {},
    "code_gpt": {"width": 32, "context": 16},
    "fashion_resnet": {"width": 4, "train_images": 200, "validation_images": 100, "batch_size": 20},
    "mnist1d_cnn": {},
}
"""Arguments with which twenty steps take a moment."""
NAMES = [pytest.param(n, marks=NEEDS_FASHION_MNIST) if n == "fashion_resnet" else n for n in SMALL]
TOLERANCE = 1e-5


def small(name: str) -> Proxy:
    proxy = build_proxy(name, SMALL[name])
    return replace(proxy, test=proxy.validation)  # the official test set takes longer than the training


@pytest.mark.parametrize("name", NAMES)
def test_twenty_steps_equal_a_plain_loop(name: str, make_run: MakeRun) -> None:
    proxy = small(name)
    run = make_run(0, total_steps=20, lr=0.003 if name.endswith("gpt") else 0.05)
    population = make_population(proxy, slots=2)
    population.admit(run)
    (measured,) = population.advance()
    training = PlainTraining(proxy, run.seed)
    batches = training.batches.take(20)
    losses = [float(training.step(batch, float(lr))) for batch, lr in zip(batches, run.lr_table, strict=True)]
    assert measured.metrics["train_loss"] == pytest.approx(np.mean(losses), abs=TOLERANCE)
    assert measured.metrics["val_loss"] == pytest.approx(training.judged(proxy.validation), abs=TOLERANCE)


@pytest.mark.parametrize("name", ["char_lm_mlp", NAMES[0]])
def test_jax_trains_the_same_models(name: str) -> None:
    pytest.importorskip("jax", reason="JAX is not installed")
    import jax.numpy as jnp
    from jax_models import make_train, start, weights_of

    from search.runs.seeds import run_generators

    proxy = build_proxy(name, {**SMALL.get(name, {}), **({"norm": "batch"} if "resnet" in name else {})})
    proxy = replace(proxy, augment=None)
    seeds, lrs = [(0, 1, k) for k in range(2)], np.array([[0.001, 0.01]] * 3)
    trainings = [PlainTraining(proxy, seed) for seed in seeds]
    samples = torch.stack([training.batches.take(3) for training in trainings], dim=1)
    expected = [[float(t.step(samples[i, k], lrs[i, k])) for k, t in enumerate(trainings)] for i in range(3)]
    used, places = np.unique(samples.numpy(), return_inverse=True)
    state = start(weights_of(proxy, [run_generators(seed).weights_seed for seed in seeds]))
    inputs, targets = (jnp.asarray(part[used].numpy()) for part in (proxy.train.inputs, proxy.train.targets))
    _, losses = make_train(proxy)(
        state,
        inputs,
        targets,
        jnp.asarray(places.reshape(samples.shape)),
        jnp.asarray(lrs, dtype=jnp.float32),
    )
    assert np.asarray(losses) == pytest.approx(np.array(expected), abs=5 * TOLERANCE)


def test_windows_that_share_their_tokens_share_them_on_a_device_too() -> None:
    split = build_proxy("char_gpt", {}).train
    moved = on_device(split, "meta")
    assert (moved.inputs.shape, moved.inputs.stride()) == (split.inputs.shape, split.inputs.stride())
    n_tokens = len(split) + split.inputs.shape[1]
    assert moved.inputs.untyped_storage().nbytes() <= 8 * n_tokens
