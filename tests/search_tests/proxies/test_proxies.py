"""The built-in proxies: their data, their splits, their fingerprints, and how they are asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from search.proxies import build_proxy, builtin_proxies
from search.proxies.char_lm import reference_text, split_text, tokenize, windows
from search.proxies.proxy import SGD, Proxy, RandomBatches, ShuffledEpochs, Split
from tests.search_tests.needs import NEEDS_FASHION_MNIST

WITH_A_MODEL = [
    pytest.param(name, marks=NEEDS_FASHION_MNIST) if name == "fashion_resnet" else name
    for name in builtin_proxies()
    if name != "noisy_quadratic"
]


@pytest.mark.parametrize("name", WITH_A_MODEL)
def test_a_proxy_is_the_same_every_time_it_is_built(name: str) -> None:
    one, other = build_proxy(name, {}), build_proxy(name, {})
    assert one.fingerprint == other.fingerprint
    for split in ("train", "validation", "test"):
        assert torch.equal(getattr(one, split).inputs, getattr(other, split).inputs)
        assert torch.equal(getattr(one, split).targets, getattr(other, split).targets)


@pytest.mark.parametrize("name", WITH_A_MODEL)
def test_its_model_fits_its_data(name: str) -> None:
    proxy = build_proxy(name, {})
    logits = proxy.build_model(0)(proxy.train.inputs[:3])
    n_classes = logits.shape[-1]
    for split in (proxy.train, proxy.validation, proxy.test):
        assert 0 <= int(split.targets.min()) <= int(split.targets.max()) < n_classes


def test_char_lm_is_what_its_documentation_says() -> None:
    proxy = build_proxy("char_lm_mlp", {})
    assert (proxy.batch_size, proxy.steps_per_epoch, proxy.optimizer) == (32, 60, SGD(momentum=0.9))
    n_characters = len(set(reference_text()))
    assert proxy.parameter_count == n_characters * 16 + 129 * 128 + 129 * n_characters
    assert len(reference_text()) > 400_000
    assert proxy.python_note is not None
    assert "pydoc_data.topics in Python 3." in proxy.python_note
    assert dict(proxy.metrics) == {"val_loss": "minimize", "val_error": "minimize"}


def test_windows_predict_the_token_that_follows() -> None:
    split = windows(torch.arange(12), 8)
    assert split.inputs.tolist() == [list(range(i, i + 8)) for i in range(4)]
    assert split.targets.tolist() == [8, 9, 10, 11]


def test_splits_of_the_text_do_not_overlap() -> None:
    tokens, _ = tokenize(reference_text())
    parts = split_text(tokens)
    assert torch.equal(torch.cat(parts), tokens)
    assert len(parts[0]) == pytest.approx(0.8 * len(tokens), abs=1)


def test_digits_splits_share_no_picture() -> None:
    proxy = build_proxy("digits_mlp", {})
    parts = (proxy.train, proxy.validation, proxy.test)
    assert [len(part) for part in parts] == [1200, 300, 297]
    pictures = torch.cat([part.inputs for part in parts])
    assert len({tuple(picture) for picture in pictures.tolist()}) == 1797
    assert proxy.parameter_count == 65 * 32 + 33 * 10
    assert proxy.steps_per_epoch == 37


def test_arguments_change_the_model_and_the_fingerprint() -> None:
    proxy = build_proxy("digits_mlp", {"hidden": 5, "weight_decay": 1, "batch_size": 100})
    assert proxy.parameter_count == 65 * 5 + 6 * 10
    assert (proxy.batch_size, proxy.steps_per_epoch, proxy.optimizer.weight_decay) == (100, 12, 1)
    assert proxy.fingerprint != build_proxy("digits_mlp", {}).fingerprint


def test_a_model_is_fixed_by_its_seed_alone() -> None:
    proxy = build_proxy("digits_mlp", {})
    before = torch.get_rng_state()
    one, same, other = (proxy.build_model(seed) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    first = [next(model.parameters()) for model in (one, same, other)]
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("char_lm", {}, r"'char_lm' is unknown; did you mean char_lm_mlp, char_gpt\?"),
        ("zzz", {}, "there are: char_gpt, char_lm_mlp, .*Your own is 'package.module:factory'.$"),
        ("digits_mlp", {"hiden": 3, "batch_size": 1.5}, "hiden is unknown; .*; batch_size must be"),
        ("digits_mlp", {"momentum": "0.9"}, "momentum must be a number but got '0.9'"),
        ("digits_mlp", {"hidden": True}, "hidden must be a whole number but got True"),
        ("digits_mlp", {"hidden": 0}, "hidden must be at least 1 but got 0"),
        ("digits_mlp", {"batch_size": 1201}, r"batch_size must lie in \[1, 1200\]"),
        ("digits_mlp", {"momentum": 1.0}, r"momentum must lie in \[0, 1\) but got 1.0"),
        ("digits_mlp", {"weight_decay": float("nan")}, "weight_decay must be finite, >= 0"),
        ("char_lm_mlp", {"context": 0}, "context must be at least 1 but got 0"),
        ("no_such_package.module:factory", {}, "'no_such_package.module' can't be imported"),
        ("search.models:factory", {}, "`search` is Warmboot's own package: give yours another name"),
        ("os.path:no_such_thing", {}, "has no function 'no_such_thing'; write it as"),
        (":factory", {}, "proxy :factory: write it as 'package.module:factory'"),
        ("os.path:basename", {}, "the factory returned str; write it as"),
        ("os.path:basename", {"a": 1}, "a factory takes no arguments but precision; got a"),
    ],
)
def test_what_cannot_be_built_is_refused_with_the_way_out(
    name: str, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build_proxy(name, arguments)


def test_a_proxy_of_the_users_own_comes_from_a_factory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_proxy.py").write_text(
        "from dataclasses import replace\n"
        "from search.proxies import build_proxy\n"
        "def factory(device):\n"
        "    return replace(build_proxy('digits_mlp', {}), name=f'mine on {device}')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert build_proxy("my_proxy:factory", {}, device="cuda").name == "mine on cuda"


def test_digits_without_scikit_learn_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"digits_mlp needs the package sklearn.* pip install .*\[digits\]'"
    ):
        build_proxy("digits_mlp", {})


def test_random_batches_are_drawn_with_replacement() -> None:
    batches = RandomBatches().draw_epoch(
        torch.Generator().manual_seed(0), n_samples=3, n_steps=4, batch_size=50
    )
    assert batches.shape == (4, 50)
    assert set(batches.flatten().tolist()) == {0, 1, 2}


def test_shuffled_epochs_show_no_sample_twice() -> None:
    generator = torch.Generator().manual_seed(0)
    epochs = [ShuffledEpochs().draw_epoch(generator, n_samples=11, n_steps=3, batch_size=3) for _ in range(2)]
    assert [len(set(epoch.flatten().tolist())) for epoch in epochs] == [9, 9]
    assert not torch.equal(epochs[0], epochs[1])


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (
            torch.zeros(3, 2),
            torch.zeros(3),
            "int64 classes, N or N x C, but got .3,. of torch.float32",
        ),
        (torch.zeros(3, 2), torch.zeros(2, dtype=torch.int64), "one length >= 1 but got 3 and 2"),
        (torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), "one length >= 1 but got 0 and 0"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(
    inputs: torch.Tensor, targets: torch.Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Split(inputs=inputs, targets=targets)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps_per_epoch": 4}, "takes 12 samples but its training split has 10"),
        ({"batch_size": 0}, "batch_size of proxy p must be at least 1"),
        ({"steps_per_epoch": 0}, "steps_per_epoch of proxy p must be at least 1"),
        ({"model": nn.Linear(2, 2)}, "must be a function that makes the untrained module, .* is a Linear"),
        (
            {"optimizer": torch.optim.Adam},
            r"SGD\(...\) or AdamW\(...\) of .* is the class torch.optim.adam.Adam",
        ),
        ({"batches": ShuffledEpochs}, r"must be made: batches=ShuffledEpochs\(\)"),
    ],
)
def test_a_proxy_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    split = Split(inputs=torch.zeros(10, 2), targets=torch.zeros(10, dtype=torch.int64))
    settings: dict[str, Any] = {
        "batch_size": 3,
        "steps_per_epoch": 3,
        "model": lambda: nn.Sequential(nn.Linear(2, 2)),
        "optimizer": SGD(),
        "batches": ShuffledEpochs(),
    } | changes
    with pytest.raises(ValueError, match=message):
        Proxy(name="p", train=split, validation=split, test=split, **settings)
