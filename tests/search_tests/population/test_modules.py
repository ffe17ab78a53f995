"""Models that can't be stacked: trained one by one, with the same promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from search.population import Population, Run
from search.population.averages import averaging_weights
from search.population.device_data import DeviceData
from search.population.engines import make_engine
from search.population.make import trains_together
from search.population.modules import ModuleEngine, make_optimizer
from search.population.settings import stack_kind
from search.population.stacked_engine import StackedEngine
from search.population.stream import BatchStream
from search.proxies import build_proxy
from search.proxies.counter_random import sample_keys, step_keys, uniform
from search.proxies.proxy import SGD, AdamW, Proxy, Split
from search.runs.run import Measurement
from search.runs.seeds import run_generators
from tests.search_tests.population.conftest import MakeRun


class NextToken(nn.Module):
    """A logit for every place; drops out while it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(97, 6)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(6, 97)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.table(tokens)))  # type: ignore[no-any-return]


def mirrored(inputs: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Half of the samples backwards."""
    turned = uniform(keys, draw=0) < 0.5
    return torch.where(turned[:, None, None], inputs.flip(-1), inputs)


def conv_model() -> nn.Module:
    return nn.Sequential(nn.Conv1d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(20, 3))


def test_what_trains_one_by_one_is_known_beforehand(features_proxy: Proxy) -> None:
    assert trains_together(features_proxy)
    assert not trains_together(replace(features_proxy, model=conv_model))
    assert not trains_together(None), "a script of one's own"


@pytest.fixture
def conv_proxy(features_proxy: Proxy) -> Proxy:
    return replace(features_proxy, model=conv_model)


@pytest.fixture
def adamw_proxy(tokens_proxy: Proxy) -> Proxy:
    return replace(tokens_proxy, optimizer=AdamW(weight_decay=0.1, beta2=0.95))


@pytest.fixture
def places_proxy(tokens_proxy: Proxy) -> Proxy:
    def split(of: Split) -> Split:
        return Split(inputs=of.inputs, targets=(of.inputs + 1) % 97)

    return replace(
        tokens_proxy,
        model=NextToken,
        optimizer=AdamW(),
        train=split(tokens_proxy.train),
        validation=split(tokens_proxy.validation),
        test=split(tokens_proxy.test),
    )


def trained(proxy: Proxy, runs: list[Run], slots: int) -> dict[object, list[Measurement]]:
    population = Population(proxy, slots=slots)
    waiting = list(runs)
    found: dict[object, list[Measurement]] = {run.key: [] for run in runs}
    while waiting or population.active:
        while waiting and population.free_slots:
            population.admit(waiting.pop(0))
        for measurement in population.advance():
            found[measurement.key].append(measurement)
    return found


def engine_of(proxy: Proxy) -> object:
    data = DeviceData(proxy, torch.device("cpu"))
    return make_engine(proxy, data, n_slots=2, kind=stack_kind({}, proxy))


def test_the_engine_is_chosen_by_what_is_trained(
    conv_proxy: Proxy, adamw_proxy: Proxy, places_proxy: Proxy, tokens_proxy: Proxy
) -> None:
    assert isinstance(engine_of(tokens_proxy), StackedEngine)
    for proxy in (conv_proxy, adamw_proxy, places_proxy):
        assert isinstance(engine_of(proxy), ModuleEngine)


@pytest.mark.parametrize("kind", ["conv_proxy", "adamw_proxy", "places_proxy"])
def test_a_runs_numbers_do_not_depend_on_its_neighbours(
    kind: str, make_run: MakeRun, request: pytest.FixtureRequest
) -> None:
    proxy: Proxy = request.getfixturevalue(kind)
    runs = [make_run(i, total_steps=20 + 7 * i, lr=0.05, averaged_steps=(20 + 7 * i,)) for i in range(5)]
    together = trained(proxy, runs, slots=3)
    for run in runs:
        assert trained(proxy, [run], slots=1)[run.key] == together[run.key]


def test_plain_sgd_modules_agree_with_the_stack(tokens_proxy: Proxy, make_run: MakeRun) -> None:
    class Same(nn.Module):
        """What can be stacked, hidden from the one who stacks."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = tokens_proxy.model()

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.inner(tokens)  # type: ignore[no-any-return]

    run = make_run(0, total_steps=20, averaged_steps=(20,), test_at_end=True)
    (stacked,) = trained(tokens_proxy, [run], slots=1)[run.key]
    (alone,) = trained(replace(tokens_proxy, model=Same), [run], slots=1)[run.key]
    assert alone.metrics == pytest.approx(dict(stacked.metrics), abs=1e-5, rel=0)


@pytest.mark.parametrize(
    "optimizer", [AdamW(weight_decay=0.1, beta2=0.95), SGD(momentum=0.9, weight_decay=0.01)]
)
def test_it_trains_as_plain_torch_does(conv_proxy: Proxy, make_run: MakeRun, optimizer: SGD | AdamW) -> None:
    proxy = replace(conv_proxy, optimizer=optimizer)
    run = make_run(0, total_steps=15, lr=0.02)
    (measured,) = trained(proxy, [run], slots=2)[run.key]
    generators = run_generators(run.seed)
    model = proxy.build_model(generators.weights_seed)
    torch_optimizer = make_optimizer(optimizer, list(model.parameters()))
    for lr, batch in zip(run.lr_table, BatchStream(proxy, generators.order).take(15), strict=True):
        torch_optimizer.param_groups[0]["lr"] = float(lr)
        loss = nn.functional.cross_entropy(model(proxy.train.inputs[batch]), proxy.train.targets[batch])
        torch_optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch_optimizer.step()
    with torch.no_grad():
        logits = model(proxy.validation.inputs)
        expected = nn.functional.cross_entropy(logits, proxy.validation.targets).item()
    assert measured.metrics["val_loss"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(momentum=0.9, nesterov=True),
        SGD(momentum=0.0, nesterov=True, clip_norm=0.1),
        AdamW(clip_norm=0.05),
    ],
)
def test_smoothing_clipping_and_augmentation_are_what_they_say(
    conv_proxy: Proxy, make_run: MakeRun, optimizer: SGD | AdamW
) -> None:
    proxy = replace(conv_proxy, optimizer=optimizer, label_smoothing=0.2, augment=mirrored)
    run = make_run(0, total_steps=20, lr=0.05)
    (measured,) = trained(proxy, [run], slots=2)[run.key]
    generators = run_generators(run.seed)
    model = proxy.build_model(generators.weights_seed)
    torch_optimizer = make_optimizer(optimizer, list(model.parameters()))
    for step, batch in enumerate(BatchStream(proxy, generators.order).take(20)):
        torch_optimizer.param_groups[0]["lr"] = float(run.lr_table[step])
        keys = step_keys(torch.tensor(generators.weights_seed), torch.tensor(step))
        inputs = mirrored(proxy.train.inputs[batch], sample_keys(keys, len(batch)))
        logits, targets = model(inputs), proxy.train.targets[batch]
        log_p = logits.log_softmax(1)
        likely = log_p.gather(1, targets[:, None])[:, 0]
        loss = -(0.8 * likely + 0.2 * log_p.mean(1)).mean()
        torch_optimizer.zero_grad()
        loss.backward()
        if optimizer.clip_norm is not None:
            gradients = [p.grad for p in model.parameters() if p.grad is not None]
            norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
            for gradient in gradients:
                gradient.mul_((optimizer.clip_norm / (norm + 1e-6)).clamp(max=1.0))
        torch_optimizer.step()
    with torch.no_grad():
        logits = model(proxy.validation.inputs)
    expected = nn.functional.cross_entropy(logits, proxy.validation.targets).item()
    assert measured.metrics["val_loss"] == pytest.approx(expected, abs=1e-5)


def test_optimizers_are_made_as_they_were_declared() -> None:
    weight = [nn.Parameter(torch.zeros(3))]
    adamw = make_optimizer(AdamW(weight_decay=0.1, beta1=0.8, beta2=0.95, eps=1e-6), weight)
    assert isinstance(adamw, torch.optim.AdamW)
    group = adamw.param_groups[0]
    assert (group["betas"], group["eps"], group["weight_decay"]) == ((0.8, 0.95), 1e-6, 0.1)


def test_averages_are_those_of_the_weights(conv_proxy: Proxy, make_run: MakeRun) -> None:
    """One step: the average is the weights; its loss is that of the run."""
    run = make_run(0, total_steps=1, averaged_steps=(1,))
    (measured,) = trained(conv_proxy, [run], slots=1)[run.key]
    assert measured.metrics["averaged_val_loss"] == pytest.approx(measured.metrics["val_loss"], abs=1e-6)
    assert float(averaging_weights(torch.zeros(1, dtype=torch.int64).numpy(), 1)[0, 0]) == 1.0


def test_every_place_counts_in_loss_and_error(places_proxy: Proxy, make_run: MakeRun) -> None:
    run = make_run(0, total_steps=400, lr=0.1)
    (measured,) = trained(places_proxy, [run], slots=1)[run.key][-1:]
    untrained = Population(places_proxy, slots=1).untrained(run.seed)
    assert untrained["val_error"] > 0.9
    assert measured.metrics["val_error"] < 0.1


def test_torchs_own_random_numbers_stay_as_they_were(places_proxy: Proxy, make_run: MakeRun) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    run = make_run(0, total_steps=10)
    trained(places_proxy, [run], slots=1)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: nn.Conv1d(3, 3, 1), r"logits of shape \(2, 3, 5\) for targets of \(2,\)"),
        (lambda: nn.Sequential(nn.Conv1d(9, 4, 1)), "expected input"),
    ],
)
def test_a_model_that_does_not_fit_its_data_is_refused(
    features_proxy: Proxy, model: Callable[[], nn.Module], message: str
) -> None:
    with pytest.raises((ValueError, RuntimeError), match=message):
        Population(replace(features_proxy, model=model), slots=1)


def test_adamw_takes_no_momentum(adamw_proxy: Proxy, make_run: MakeRun) -> None:
    with pytest.raises(ValueError, match=r"momentum: .* there are: batch_size, weight_decay"):
        Population(adamw_proxy, slots=1).admit(make_run(0, total_steps=5, momentum=0.9))
    run = make_run(0, total_steps=5, weight_decay=0.5)
    assert trained(adamw_proxy, [run], slots=1)[run.key][-1].last


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta1": 1.0}, "beta1 must lie"),
        ({"beta2": -0.1}, "beta2 must lie"),
        ({"weight_decay": -1.0}, "weight_decay must be finite"),
        ({"eps": 0.0}, "eps must be"),
        ({"clip_norm": 0.0}, "clip_norm must be finite, > 0, or None"),
    ],
)
def test_settings_of_adamw_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AdamW(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["char_gpt", "mnist1d_cnn"])
def test_built_in_proxies_learn(name: str, make_run: MakeRun) -> None:
    proxy = build_proxy(name, {})
    lr = 0.005 if name == "char_gpt" else 0.1
    run = make_run(0, total_steps=60, lr=lr)
    population = Population(proxy, slots=1)
    untrained = population.untrained(run.seed)
    (measured,) = trained(proxy, [run], slots=1)[run.key]
    assert measured.metrics["val_loss"] < 0.9 * untrained["val_loss"]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("char_gpt", {"width": 50, "heads": 4}, "width must be a multiple of heads, 4, but got 50"),
        ("char_gpt", {"layers": 0}, "layers must be at least 1 but got 0"),
        ("mnist1d_cnn", {"channels": 0}, "channels must be at least 1 but got 0"),
        ("mnist1d_cnn", {"batch_size": 0}, "batch_size must lie in"),
    ],
)
def test_arguments_out_of_range_are_refused(name: str, arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_proxy(name, arguments)
