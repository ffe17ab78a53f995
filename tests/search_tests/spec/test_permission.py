"""What a worker may run: built-in proxies, and code and commands only where it was told so."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from search.errors import UsageError
from search.spec.permission import Permission, option_for, permitted

BUILT_IN = SimpleNamespace(name="char_lm_mlp")
FACTORY = SimpleNamespace(name="mylab.proxies.small:factory")
FREE = SimpleNamespace(train="mylab.training:train", name="mylab.training:train")
# a command's name is its first line, which may look like anything
COMMAND = SimpleNamespace(command="python train.py", name="mylab.proxies:factory")


@pytest.mark.parametrize(
    ("prefix", "allowed"),
    [
        ("mylab", True),
        ("mylab.proxies", True),
        ("mylab.proxies.small", True),  # the module itself
        ("mylab.proxies.small.deeper", False),
        ("mylab.proxies.sm", False),  # whole components
        ("my", False),
        ("proxies", False),
        ("Mylab", False),
    ],
)
def test_an_import_is_allowed_by_whole_components(prefix: str, allowed: bool) -> None:
    assert permitted(FACTORY, [prefix]) is allowed
    assert permitted(FACTORY, ["other", prefix]) is allowed


def test_what_is_built_in_needs_no_permission() -> None:
    assert permitted(BUILT_IN)
    assert option_for(BUILT_IN) == ""


def test_a_free_proxy_is_code() -> None:
    assert not permitted(FREE)
    assert not permitted(FREE, allow_commands=True)
    assert permitted(FREE, ["mylab"])
    assert option_for(FREE) == "--allow-import mylab"


def test_commands_are_allowed_by_their_own_option_alone() -> None:
    assert not permitted(COMMAND)
    assert not permitted(COMMAND, ["python", "mylab"])
    assert permitted(COMMAND, allow_commands=True)
    assert not permitted(FACTORY, allow_commands=True)
    assert option_for(COMMAND) == "--allow-commands"


@pytest.mark.parametrize(
    ("proxy", "text"),
    [
        (FACTORY, r"its proxy is code, mylab\.proxies\.small:factory; allow it with --allow-import mylab"),
        (COMMAND, "its proxy is a command; allow it with --allow-commands"),
    ],
)
def test_a_refusal_names_the_option_that_allows_it(proxy: object, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        Permission().require(proxy)
    Permission(imports=("mylab",), commands=True).require(proxy)


@pytest.mark.parametrize("prefix", ["", ".", "mylab.", "mylab.proxies:factory", "my-lab", "my lab", "*"])
def test_a_prefix_that_is_no_package_is_refused(prefix: str) -> None:
    with pytest.raises(UsageError, match=r"--allow-import: got .*; accepted is a package or module"):
        Permission(imports=(prefix,))
