"""The page on a proxy of one's own: what it shows runs as it stands, and what it promises holds."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from search.launch.checks import check
from search.population.make import make_population
from search.proxies.registry import CONTRACT, build_proxy
from search.runs.run import Measurement, Run
from search.spec.study import StudySpec

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "own_proxy.md"


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def block(mark: str) -> str:
    found = re.search(rf"<!-- {mark} -->\n```\w+\n(.*?)```", page(), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "two_moons.py"
    path.write_text(block("own proxy"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "two_moons", raising=False)
    return path


@pytest.mark.usefixtures("module")
def test_the_example_can_be_launched() -> None:
    checked = check(StudySpec.model_validate(tomllib.loads(block("own proxy study"))), "study.toml")
    assert checked.spec.horizon_steps == 160
    assert checked.facts["name"] == "two_moons"
    assert checked.proxy is not None
    assert checked.proxy.parameter_count == 2 * 32 + 32 + 32 * 2 + 2


def test_a_fingerprint_that_is_left_out_is_that_of_the_source(
    module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_proxy("two_moons:factory", {}).fingerprint
    assert re.fullmatch("[0-9a-f]{64}", first)
    assert build_proxy("two_moons:factory", {}).fingerprint == first
    for text, same in ((module.read_text(), True), (module.read_text().replace("0.2", "0.25"), False)):
        module.write_text(text)
        monkeypatch.delitem(sys.modules, "two_moons")
        assert (build_proxy("two_moons:factory", {}).fingerprint == first) == same


def test_one_that_is_given_is_kept(module: Path) -> None:
    module.write_text(module.read_text().replace("batch_size=32,", 'batch_size=32, fingerprint="mine",'))
    assert build_proxy("two_moons:factory", {}).fingerprint == "mine"


@pytest.fixture
def stripes(monkeypatch: pytest.MonkeyPatch) -> StudySpec:
    """The study of the example with convolutions, and its module on the path."""
    folder = ROOT / "examples" / "own_model"
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "stripes", raising=False)
    return StudySpec.model_validate(tomllib.loads((folder / "study.toml").read_text(encoding="utf-8")))


def test_the_example_with_convolutions_can_be_launched_and_learns(stripes: StudySpec) -> None:
    checked = check(stripes, "study.toml")
    assert checked.spec.horizon_steps == 300
    assert checked.proxy is not None
    population = make_population(checked.proxy, slots=1)
    lr_table = 0.2 * (1 - np.arange(100) / 100)
    population.admit(Run(key=0, lr_table=lr_table, seed=(0, 1, 0), report_steps=(100,)))
    measured: list[Measurement] = []
    while population.active:
        measured += population.advance()
    assert measured[-1].metrics["val_error"] < 0.5, "five of six would be wrong by chance"


def test_the_augmentation_of_the_page_mirrors_half() -> None:
    found = re.search(
        r"```python\n(import torch\nfrom warmboot.proxies import uniform.*?)```", page(), re.DOTALL
    )
    assert found is not None
    names: dict[str, Any] = {}
    exec(found[1], names)
    pictures = torch.arange(4.0).reshape(1, 1, 2, 2).expand(200, 1, 2, 2)
    mirrored = names["mirrored"](pictures, torch.arange(200, dtype=torch.int32))
    changed = (mirrored != pictures).any(dim=-1).any(dim=-1).any(dim=-1)
    assert torch.equal(mirrored[changed], pictures[changed].flip(-1))
    assert 70 < int(changed.sum()) < 130


WRONG = [
    # the factory, what is said
    ("def factory(): pass", r"can't be called as factory\('cpu'\): too many positional arguments; "),
    ("def factory(device): return 3", "the factory returned int; "),
    ("factory = 3", "has no function 'factory'; "),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_factory_that_is_none_is_told_the_contract(module: Path, text: str, said: str) -> None:
    module.write_text(text)
    with pytest.raises(ValueError, match=f"two_moons.*{said}{re.escape(CONTRACT)}"):
        build_proxy("two_moons:factory", {})
    assert "docs/own_proxy.md" in CONTRACT


def test_a_factory_that_raises_is_named_with_its_error(module: Path) -> None:
    module.write_text("def factory(device): raise KeyError('moons')")
    with pytest.raises(ValueError, match=r"proxy two_moons:factory: the factory raised KeyError: 'moons'\."):
        build_proxy("two_moons:factory", {})
