"""How a proxy's runs are trained: chosen by what it holds and by timing, and told in a line."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from search.population import choice, form_linear
from search.population.chain import UnsupportedLayerError
from search.population.choice import Choice, choose_way, fastest, keeps_bits
from search.population.make import choose_training, make_population, trains_together
from search.population.vmapped import UnsupportedModelError
from search.proxies.noisy_quadratic import noisy_quadratic
from search.proxies.proxy import AdamW, Proxy
from search.spec.population import AUTO, ONE_BY_ONE, STACKED, VMAP, Way
from tests.search_tests.population.conftest import PROXIES
from tests.search_tests.population.models import NETS


class Branching(nn.Linear):
    """Its forward depends on a number."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) if input.sum() > 0 else super().forward(-input)


class Attending(nn.Module):
    """Attention with torch's own dropout in it."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(15, 3, dropout=dropout, batch_first=True)
        self.last = nn.Linear(15, 3)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(1)[:, None]
        attended: Tensor = self.attention(tokens, tokens, tokens, need_weights=False)[0]
        logits: Tensor = self.last(attended[:, 0])
        return logits


def test_random_numbers_that_are_not_ours_are_named_with_the_way_out(features_proxy: Proxy) -> None:
    """And not by torch's advice on arguments of vmap."""
    proxy = replace(features_proxy, model=lambda: Attending(0.1))
    with pytest.raises(
        UnsupportedModelError, match=r"than by nn.Dropout, .* \(its dropout = 0.0\) it may be$"
    ):
        make_population(proxy, slots=2, way=VMAP)
    make_population(replace(features_proxy, model=lambda: Attending(0.0)), slots=2, way=VMAP)


def test_stacked_layers_come_first(features_proxy: Proxy) -> None:
    assert choose_way(features_proxy, slots=4, device="cpu") == Choice(STACKED, 4)


def test_company_that_is_slower_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measured gain is the same kind of number either way; the bar decides."""
    monkeypatch.setattr(choice, "LEAST_GAIN", 0.0)
    chosen = choose_way(NETS["decoder"], slots=3, device="cpu")
    assert chosen.way == VMAP
    assert chosen.gain is not None
    monkeypatch.setattr(choice, "LEAST_GAIN", 1e9)
    alone = choose_way(NETS["decoder"], slots=3, device="cpu")
    assert (alone.way, alone.obstacle) == (ONE_BY_ONE, "")
    assert "3 at once would be" in alone.text("decoder")


def test_stacked_layers_that_are_no_perceptrons_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "LEAST_GAIN", 0.0)
    chosen = choose_way(PROXIES["curves"], slots=3, device="cpu")
    assert chosen.way in (STACKED, VMAP)
    assert chosen.gain is not None


def test_a_perceptron_with_another_optimizer_is_timed_too(
    features_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Studies that were made before any way was tried out go on one by one."""
    proxy = replace(features_proxy, optimizer=AdamW())
    monkeypatch.setattr(choice, "LEAST_GAIN", 0.0)
    chosen = choose_way(proxy, slots=3, device="cpu")
    assert chosen.way in (STACKED, VMAP)
    assert chosen.gain is not None
    assert not trains_together(proxy)


@pytest.mark.parametrize(
    ("seconds", "way"),
    [
        ({STACKED: 1.0, VMAP: 2.0, ONE_BY_ONE: 3.0}, STACKED),
        ({STACKED: 1.05, VMAP: 1.0, ONE_BY_ONE: 3.0}, STACKED),  # within the error of a few steps
        ({STACKED: 1.3, VMAP: 1.0, ONE_BY_ONE: 3.0}, VMAP),
        ({STACKED: 1.0, ONE_BY_ONE: 1.05}, ONE_BY_ONE),
        ({VMAP: 2.0, ONE_BY_ONE: 1.0}, ONE_BY_ONE),
    ],
)
def test_the_fastest_is_taken_and_stacked_layers_where_it_hardly_matters(
    seconds: dict[Way, float], way: Way
) -> None:
    assert fastest(seconds)[0] == way


def test_a_model_that_decides_by_its_numbers_trains_one_by_one(features_proxy: Proxy) -> None:
    proxy = replace(features_proxy, model=lambda: nn.Sequential(nn.Flatten(), Branching(15, 3)))
    chosen = choose_way(proxy, slots=2, device="cpu")
    assert chosen.way == ONE_BY_ONE
    assert "data-dependent control flow" in chosen.text(proxy.name)


def test_a_way_whose_bits_depend_on_the_company_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A linear layer that rounds otherwise in company; none of torch's is known to."""
    honest = form_linear.products

    def coupled(rows: Tensor, weights: Tensor, biases: Tensor | None) -> Tensor:
        return honest(rows, weights, biases) * (1.0 + 1e-3 * len(rows))

    monkeypatch.setattr(form_linear, "products", coupled)
    monkeypatch.setattr(choice, "LEAST_GAIN", 0.0)
    chosen = choose_way(NETS["decoder"], slots=2, device="cpu")
    assert (chosen.way, chosen.gain) == (ONE_BY_ONE, None)
    assert "would not be the bits" in chosen.obstacle


def test_an_accelerator_tells_where_bits_depend_on_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tried with runs in each other's places; `cpu:0` is a CPU that is not taken for one."""
    honest, place = form_linear.products, torch.arange(1.0, 5.0).view(-1, 1, 1)

    def by_place(rows: Tensor, weights: Tensor, biases: Tensor | None) -> Tensor:
        return honest(rows, weights, biases) * (1.0 + 1e-3 * place[: len(rows)])

    assert keeps_bits(NETS["decoder"], 3, VMAP, "cpu:0")
    monkeypatch.setattr(form_linear, "products", by_place)
    assert not keeps_bits(NETS["decoder"], 3, VMAP, "cpu:0")
    monkeypatch.setattr(choice, "LEAST_GAIN", 0.0)
    chosen = choose_way(NETS["decoder"], slots=3, device="cpu:0")
    assert chosen.way == VMAP
    assert chosen.text("net").endswith("; the last bits of a run depend on its place here")


def test_what_is_asked_for_is_taken_or_refused(features_proxy: Proxy) -> None:
    assert choose_training(NETS["curves"], VMAP, slots=2, device="cpu") == Choice(VMAP, 2)
    assert choose_training(features_proxy, ONE_BY_ONE, slots=2, device="cpu") == Choice(ONE_BY_ONE, 2)
    with pytest.raises(UnsupportedLayerError, match=r"layer 8, LayerNorm.*can't be stacked"):
        choose_training(NETS["curves"], STACKED, slots=2, device="cpu")
    proxy = replace(features_proxy, model=lambda: nn.Sequential(nn.Flatten(), Branching(15, 3)))
    with pytest.raises(UnsupportedModelError, match="can't be computed for many at once"):
        make_population(proxy, slots=2, way=VMAP)


def test_what_has_no_model_needs_no_way() -> None:
    assert choose_training(noisy_quadratic(n_eigenvalues=4), AUTO, slots=2, device="cpu") is None
    assert choose_training(None, AUTO, slots=1, device="cpu") is None


@pytest.mark.parametrize(("way", "together"), [(VMAP, True), (ONE_BY_ONE, False), (AUTO, False)])
def test_what_trains_together_follows_the_way(way: str, together: bool) -> None:
    assert trains_together(NETS["curves"], way) is together  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        (Choice(STACKED, 8), "net: 8 runs at once in stacked layers"),
        (Choice(VMAP, 8), "net: 8 runs at once by vmap"),
        (Choice(STACKED, 8, 3.44), "net: 8 runs at once in stacked layers, 3.4 times one by one"),
        (Choice(ONE_BY_ONE, 1), "net: runs one by one"),
        (Choice(ONE_BY_ONE, 8, 0.94), "net: runs one by one; 8 at once would be 0.9 times that"),
    ],
)
def test_the_line_tells_way_and_gain(chosen: Choice, text: str) -> None:
    assert chosen.text("net") == text
