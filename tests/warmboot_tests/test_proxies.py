"""What a proxy of one's own is written with comes from `warmboot`; the places it had before still have it."""

import importlib
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

import warmboot.proxies
from search.proxies import counter_random, proxy

ROOT = Path(__file__).parents[2]
DECLARED = ["AdamW", "Augment", "Proxy", "RandomBatches", "SGD", "ShuffledEpochs", "Split"]
DRAWS = ["uniform", "whole"]


def imported_anew(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)


@pytest.mark.parametrize("name", DECLARED)
def test_the_types_of_a_declared_model_are_the_services(name: str) -> None:
    assert getattr(warmboot.proxies, name) is getattr(proxy, name)


@pytest.mark.parametrize("name", DRAWS)
def test_what_augmentation_draws_with_is_the_services(name: str) -> None:
    assert getattr(warmboot.proxies, name) is getattr(counter_random, name)


def test_all_there_is_is_listed() -> None:
    assert sorted([*DECLARED, *DRAWS, "Context", "function_proxy"]) == sorted(warmboot.proxies.__all__)
    assert dir(warmboot.proxies) == sorted(warmboot.proxies.__all__)
    with pytest.raises(AttributeError, match=r"module 'warmboot\.proxies' has no attribute 'Adam'"):
        warmboot.proxies.Adam  # noqa: B018  # the look-up is the test


@pytest.mark.parametrize("name", ["warmboot.free", "search.scripts.free"])
def test_the_former_names_of_function_proxies_warn(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.warns(DeprecationWarning, match="from warmboot import function_proxy"):
        module = imported_anew(name, monkeypatch)
    assert module.free_proxy is warmboot.function_proxy
    assert module.Context is warmboot.proxies.Context


def test_the_former_place_of_declared_models_warns_once(monkeypatch: pytest.MonkeyPatch) -> None:
    place = importlib.import_module("search.proxies")
    monkeypatch.delitem(vars(place), "SGD", raising=False)
    found: dict[str, object] = {"__name__": "theirs"}
    with pytest.warns(DeprecationWarning, match="from warmboot.proxies import SGD"):
        exec("from search.proxies import SGD", found)
    assert found["SGD"] is proxy.SGD
    exec("from search.proxies import SGD", {"__name__": "another"})  # a warning is an error here
    monkeypatch.delitem(vars(place), "SGD")


WITHOUT = [
    # what is in the way, what is said
    (
        "sys.modules['torch'] = None",
        "warmboot.proxies.Proxy needs the package torch, which is not installed",
    ),
    ("sys.path.insert(0, 'theirs')", "theirs/search.py: give yours another name"),
]


@pytest.mark.parametrize(("before", "said"), WITHOUT)
def test_what_is_in_the_way_of_the_service_is_said(tmp_path: Path, before: str, said: str) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "search.py").write_text("")
    program = f"""
        import sys
        sys.path.insert(0, {str(ROOT)!r})
        {before}
        try:
            from warmboot.proxies import Proxy
        except ImportError as error:
            print(error)
    """
    command = [sys.executable, "-I", "-c", textwrap.dedent(program)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=600)
    assert said in done.stdout
