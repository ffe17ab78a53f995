"""Small proxies of awkward sizes: no width, batch or vocabulary is a multiple of anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import nn

from search.population import Run
from search.proxies.proxy import SGD, Proxy, RandomBatches, ShuffledEpochs, Split

MakeRun = Callable[..., Run]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """The equality law is promised for one torch thread, which is how workers train."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _tokens_model() -> nn.Sequential:
    return nn.Sequential(
        nn.Embedding(97, 7),
        nn.Flatten(),
        nn.Linear(35, 33),
        nn.ReLU(),
        nn.Linear(33, 21),
        nn.Tanh(),
        nn.Linear(21, 97),
    )


def _features_model() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(15, 19), nn.Tanh(), nn.Linear(19, 3, bias=False))


def _no_hidden_layer() -> nn.Sequential:
    return nn.Sequential(nn.Embedding(97, 4), nn.Flatten(), nn.Linear(20, 97))


def _curves_model() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(3, 5, 3, stride=2, padding=2, bias=False),
        nn.ReLU(),
        nn.Conv1d(5, 7, 2, dilation=2),
        nn.Flatten(),
        nn.Linear(14, 3),
    )


def _pictures_model() -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(),
        nn.Unflatten(1, (1, 3, 5)),
        nn.Conv2d(1, 17, (2, 3), padding=(1, 0)),
        nn.Tanh(),
        nn.Conv2d(17, 6, 3, stride=(1, 2), padding=1),
        nn.Conv2d(6, 4, 1, stride=2),
        nn.ReLU(),
        nn.Flatten(2),
        nn.Flatten(),
        nn.Linear(8, 9),
        nn.Tanh(),
        nn.Linear(9, 3),
    )


def _tokens(n: int) -> Split:
    generator = torch.Generator().manual_seed(n)
    inputs = torch.randint(97, (n, 5), generator=generator)
    return Split(inputs=inputs, targets=(inputs[:, 0] + inputs[:, 3]) % 97)


def _features(n: int) -> Split:
    generator = torch.Generator().manual_seed(n)
    inputs = torch.randn((n, 3, 5), generator=generator)
    return Split(inputs=inputs, targets=(inputs.sum((1, 2)).sign() + 1).long())


def _proxy(
    name: str, model: Callable[[], nn.Module], split: Callable[[int], Split], **changes: object
) -> Proxy:
    settings: dict[str, object] = {
        "batch_size": 7,
        "steps_per_epoch": 9,
        "optimizer": SGD(momentum=0.9, weight_decay=1e-3),
        "batches": RandomBatches(),
    }
    return Proxy(
        name=name,
        model=model,
        train=split(101),
        validation=split(297),
        test=split(300),
        fingerprint=name,
        **(settings | changes),  # type: ignore[arg-type]
    )


PROXIES = {
    "tokens": _proxy("tokens", _tokens_model, _tokens),
    "features": _proxy("features", _features_model, _features, batches=ShuffledEpochs()),
    "plain_sgd": _proxy("plain_sgd", _no_hidden_layer, _tokens, optimizer=SGD()),
    "even_batch": _proxy("even_batch", _features_model, _features, batch_size=8),
    "curves": _proxy("curves", _curves_model, _features, batches=ShuffledEpochs()),
    "pictures": _proxy("pictures", _pictures_model, _features, batch_size=9),
}


@pytest.fixture(params=PROXIES, scope="session")
def proxy(request: pytest.FixtureRequest) -> Proxy:
    """Each of the awkward proxies in turn."""
    return PROXIES[request.param]


@pytest.fixture(scope="session")
def tokens_proxy() -> Proxy:
    """The one with the most kinds of layers."""
    return PROXIES["tokens"]


@pytest.fixture(scope="session")
def features_proxy() -> Proxy:
    """The one with features, `N x 3 x 5`."""
    return PROXIES["features"]


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    """Makes a run: `make_run(key, total_steps=..., lr=..., report_steps=..., weight_decay=...)`."""

    def make(
        key: int,
        *,
        total_steps: int = 23,
        lr: float = 0.1,
        report_steps: tuple[int, ...] | None = None,
        averaged_steps: tuple[int, ...] = (),
        test_at_end: bool = False,
        **params: float,
    ) -> Run:
        return Run(
            key=key,
            lr_table=lr * (1.0 - np.arange(total_steps) / total_steps),
            seed=(0, 1, key),
            report_steps=(total_steps,) if report_steps is None else report_steps,
            averaged_steps=averaged_steps,
            test_at_end=test_at_end,
            params=params,
        )

    return make
