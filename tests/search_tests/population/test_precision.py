"""Models that compute in bfloat16 or TF32: near float32, weights and optimizer in float32, bits as ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from search.errors import UsageError
from search.launch.way import chosen_way
from search.population import Population, Run
from search.population.chain import UnsupportedLayerError
from search.population.choice import choose_way
from search.population.make import choose_training, make_population
from search.proxies.precision import check_precision, computed_in, precision_problem
from search.proxies.proxy import Proxy
from search.proxies.registry import build_proxy, declared_proxy
from search.spec.population import AUTO, ONE_BY_ONE, STACKED, VMAP, Way
from search.spec.proxy import DeclaredProxy
from tests.search_tests.population.models import EXPLODING_LR, NETS
from tests.search_tests.population.test_equality_law import train
from tests.search_tests.studies import study_spec

MakeRun = Callable[..., Run]
CPU = torch.device("cpu")
ROUNDING = 2**-8
"""Of a number in bfloat16."""


def in_bf16(net: str) -> Proxy:
    return replace(NETS[net], precision="bf16")


@pytest.mark.parametrize("way", [ONE_BY_ONE, VMAP])
@pytest.mark.parametrize("net", ["batch_norm", "group_norm", "decoder"])
def test_bf16_is_near_float32_and_not_the_same(net: str, way: Way, make_run: MakeRun) -> None:
    run = make_run(0, total_steps=12, lr=0.01, averaged_steps=(12,))
    ((exact,), (rounded,)) = (
        train(Population(proxy, slots=2, way=way), [run])[0] for proxy in (NETS[net], in_bf16(net))
    )
    for name in ("train_loss", "val_loss", "averaged_val_loss"):
        assert rounded.metrics[name] == pytest.approx(exact.metrics[name], rel=10 * ROUNDING)
        assert rounded.metrics[name] != exact.metrics[name]


@pytest.mark.parametrize("way", [ONE_BY_ONE, VMAP])
def test_weights_and_moments_stay_float32(way: Way, make_run: MakeRun) -> None:
    population = Population(in_bf16("decoder"), slots=1, way=way)
    population.admit(make_run(0, total_steps=9))
    population.advance(3)
    floating = [part.dtype for part in _tensors(population.state(0)["engine"]) if part.is_floating_point()]
    assert set(floating) == {torch.float32}


@pytest.mark.parametrize("net", ["batch_norm", "decoder"])
def test_a_run_in_bf16_is_the_same_in_any_company(net: str, make_run: MakeRun) -> None:
    proxy = in_bf16(net)
    runs = [
        make_run(key, total_steps=5 + 2 * (key % 3), lr=EXPLODING_LR[net] if key == 2 else 0.02)
        for key in range(6)
    ]
    measured = train(Population(proxy, slots=4, way=VMAP), runs)
    for run in runs:
        assert measured[run.key] == train(Population(proxy, slots=1, way=VMAP), [run])[run.key]


def test_stacked_layers_know_no_bf16(features_proxy: Proxy) -> None:
    proxy = replace(features_proxy, precision="bf16")
    with pytest.raises(UnsupportedLayerError, match="stacked layers compute in float32"):
        make_population(proxy, slots=2, way=STACKED)
    assert choose_way(proxy, slots=2, device="cpu").way in (VMAP, ONE_BY_ONE)
    chosen = choose_training(proxy, AUTO, slots=2, device="cpu")
    assert chosen is not None
    assert chosen.text("net").startswith("net in bf16: ")


def test_a_study_gives_any_proxy_a_precision_which_its_fingerprint_knows() -> None:
    exact, rounded = (build_proxy("char_lm_mlp", it) for it in ({}, {"precision": "bf16"}))
    assert (exact.precision, rounded.precision) == ("float32", "bf16")
    assert exact.fingerprint != rounded.fingerprint
    assert build_proxy("char_lm_mlp", {"precision": "float32"}).fingerprint == exact.fingerprint
    assert build_proxy("char_lm_mlp", {"precision": "tf32"}).fingerprint != rounded.fingerprint


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        (
            "char_lm_mlp",
            "fp16",
            r"proxy char_lm_mlp: precision must be one of float32, tf32, bf16 but got 'fp16'",
        ),
        ("char_lm_mlp", 16, "but got 16"),
        ("noisy_quadratic", "bf16", "precision: its loss is computed in float64; leave it out"),
    ],
)
def test_what_is_no_precision_is_refused(name: str, given: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        declared_proxy(name, {"precision": given})


def test_a_device_that_has_it_not_is_named() -> None:
    assert [precision_problem(it, "cpu") for it in ("float32", "bf16")] == ["", ""]
    assert "tf32 needs an NVIDIA GPU" in precision_problem("tf32", "cpu")
    assert precision_problem("bf16", "meta").endswith("on meta; float32 will do")


def test_a_study_whose_device_has_it_not_is_refused_before_it_is_made() -> None:
    spec = study_spec(proxy={"name": "char_lm_mlp", "precision": "tf32"})
    assert isinstance(spec.proxy, DeclaredProxy)
    proxy = build_proxy(spec.proxy.name, spec.proxy.arguments)
    with pytest.raises(UsageError, match=r"proxy\.precision: tf32 needs an NVIDIA GPU .*, not cpu"):
        chosen_way(spec, proxy, "study.toml", "cpu")


def test_tf32_is_asked_of_torch_and_taken_back() -> None:
    before = torch.backends.cuda.matmul.fp32_precision
    with computed_in(check_precision("tf32"), CPU):
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
    assert torch.backends.cuda.matmul.fp32_precision == before


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [tensor for part in parts for tensor in _tensors(part)]
