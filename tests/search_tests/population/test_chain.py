"""Classes whose forward is a chain of layers train in stacked layers; any other forward is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from search.population import Population, Run
from search.population.chain import Chain, UnsupportedLayerError
from search.proxies.proxy import Proxy
from search.spec.population import AUTO, STACKED
from tests.search_tests.population.conftest import PROXIES
from tests.search_tests.population.test_equality_law import train
from tests.search_tests.population.test_vmapped import judged, plain_training

MakeRun = Callable[..., Run]
MEAN = "AdaptiveAvgPool2d(output_size=1)"
IMAGES = torch.randn(6, 1, 6, 6, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """As people write one: functions, methods, a layer that serves twice, a flat view of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))
        self.pool = nn.MaxPool2d(2, stride=1)
        self.second = nn.Conv2d(4, 6, 2)
        self.wide, self.head = nn.Linear(6 * 1 * 3, 8), nn.Linear(8, 3)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.pool(functional.relu(self.first(images)))
        hidden = functional.gelu(self.second(hidden))
        hidden = functional.dropout(hidden.view(hidden.size(0), -1), 0.2, training=self.training)
        return self.head(torch.tanh(self.wide(hidden)))  # type: ignore[no-any-return]


class Calls(nn.Module):
    """A forward of one's own over two layers."""

    def __init__(self, forward: Callable[[Calls, Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.linear, self.scale = nn.Conv2d(1, 4, 3), nn.Linear(4, 3), nn.Parameter(torch.ones(4))
        self.pool = nn.AvgPool2d(2)
        self._own = forward

    def forward(self, samples: Tensor) -> Tensor:
        return self._own(self, samples)


def mean(images: Tensor) -> Tensor:
    return images.mean((2, 3))


def steps(forward: Callable[[Calls, Tensor], Tensor]) -> list[str]:
    chain = Chain.of(Calls(forward), IMAGES)
    return [step if isinstance(step, str) else str(step) for step in chain.steps.values()]


@pytest.mark.parametrize(
    ("forward", "between"),
    [
        (lambda m, x: m.linear(mean(m.conv(x))), [MEAN]),
        (
            lambda m, x: m.linear(functional.adaptive_avg_pool2d(m.conv(x), 1).flatten(1)),
            [MEAN],
        ),
        (
            lambda m, x: m.linear(functional.max_pool2d(m.conv(x).relu(), 4).view(-1, 4)),
            ["ReLU", "Max"],
        ),
        (lambda m, x: m.linear(torch.flatten(m.pool(m.pool(m.conv(x))), 1)), ["pool", "pool"]),
        (lambda m, x: m.linear(functional.avg_pool2d(m.conv(x), 4).reshape(x.shape[0], -1)), ["AvgPool2d"]),
    ],
)
def test_what_a_forward_calls_is_known(
    forward: Callable[[Calls, Tensor], Tensor], between: list[str]
) -> None:
    first, *middle, flat, last = steps(forward)
    assert (first, last) == ("conv", "linear")
    assert flat.startswith("Flatten")
    assert [name.startswith(wanted) for name, wanted in zip(middle, between, strict=True)] == [True] * len(
        between
    )


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda m, x: m.linear(mean(m.conv(x)) * m.scale), "no chain of layers: it takes scale by itself"),
        (lambda m, x: m.linear(mean(m.conv(x)) + mean(m.conv(x))), r"calls conv \(at conv_1\)"),
        (lambda m, x: m.linear(mean(m.conv(x if x.sum() > 0 else -x))), "no chain of layers: symbol"),
        (lambda m, x: m.linear(mean(functional.dropout(m.conv(x)))), r"it calls dropout \(at dropout\)"),
        (lambda m, x: (m.linear(mean(m.conv(x))), x)[1], "something else than its last layer"),
        (
            lambda m, x: m.linear(mean(functional.relu(m.conv(x))) if m.training else mean(m.conv(x))),
            "other layers in training",
        ),
        # A view of the batch as it is when it is traced, with samples of two in one row.
        (
            lambda m, x: m.linear(functional.avg_pool2d(m.conv(x), 2).view(-1, 4)),
            "other numbers than",
        ),
    ],
)
def test_a_forward_that_does_anything_else_is_refused(
    forward: Callable[[Calls, Tensor], Tensor], message: str
) -> None:
    with pytest.raises(UnsupportedLayerError, match=message):
        Chain.of(Calls(forward), IMAGES)


def _net_proxy() -> Proxy:
    def images(inputs: Tensor) -> Tensor:
        return inputs.view(-1, 1, 3, 5)

    proxy = PROXIES["even_batch"]
    train, validation, test = (
        replace(split, inputs=images(split.inputs)) for split in (proxy.train, proxy.validation, proxy.test)
    )
    return replace(
        proxy, name="net", fingerprint="net", model=Net, train=train, validation=validation, test=test
    )


def test_a_class_trains_as_it_would_by_itself_and_in_any_company(make_run: MakeRun) -> None:
    proxy = _net_proxy()
    runs = [make_run(key, total_steps=20, lr=1e38 if key == 2 else 0.05) for key in range(5)]
    measured = train(Population(proxy, slots=3, way=STACKED), runs)
    for run in runs:
        assert measured[run.key] == train(Population(proxy, slots=1, way=STACKED), [run])[run.key]
    model, _ = plain_training(proxy, runs[0])
    expected = judged(model, proxy.validation)[0]
    assert measured[0][0].metrics["val_loss"] == pytest.approx(expected, abs=1e-5, rel=0)


def test_studies_from_before_ways_were_tried_out_go_on_one_by_one(make_run: MakeRun) -> None:
    proxy = replace(_net_proxy(), model=lambda: nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(15, 3))))
    population = Population(proxy, slots=1, way=AUTO)
    population.admit(make_run(0, total_steps=2))
    population.advance(1)
    assert "random_state" in population.state(0)["engine"]
