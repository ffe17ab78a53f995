"""From the name in a study file to a proxy.

A name without a colon is a built-in proxy; its module is imported when it is asked for, so that
one proxy does not need the packages of another. A name with a colon, `package.module:factory`, is the
user's own code: importing it runs it, so callers make sure first that it is allowed.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from search.proxies.fingerprints import Fingerprint, source_fingerprint, with_argument
from search.proxies.noisy_quadratic import NoisyQuadratic
from search.proxies.precision import FLOAT32, check_precision
from search.proxies.proxy import Proxy
from search.spec.made_of import MadeOf
from warmboot.checks import nearest
from warmboot.extras import extra_of, missing_text
from warmboot.function_proxies import named_function

CONTRACT = (
    "write it as 'package.module:factory', where def factory(device) returns a warmboot.proxies.Proxy "
    "(docs/own_proxy.md has a whole one)"
)
"""The last words of an error about a user's proxy."""
AnyProxy = Proxy | NoisyQuadratic
"""A model that is trained, or a task whose loss is computed: a study of either reads the same."""

_BUILT_IN = {
    "char_gpt": "search.proxies.char_gpt",
    "char_lm_mlp": "search.proxies.char_lm",
    "code_gpt": "search.proxies.code_gpt",
    "digits_mlp": "search.proxies.digits",
    "fashion_resnet": "search.proxies.fashion",
    "mnist1d_cnn": "search.proxies.noisy_curves",
    "mnist1d_mlp": "search.proxies.noisy_curves",
    "noisy_quadratic": "search.proxies.noisy_quadratic",
}


def builtin_proxies() -> tuple[str, ...]:
    """Names of all built-in proxies.

    >>> builtin_proxies()
    ('char_gpt', 'char_lm_mlp', 'code_gpt', 'digits_mlp', 'fashion_resnet', 'mnist1d_cnn', 'mnist1d_mlp', \
'noisy_quadratic')
    """
    return tuple(_BUILT_IN)


def build_proxy(name: str, arguments: Mapping[str, Any], *, device: str = "cpu") -> Proxy:
    """A proxy that has a model with weights and data.

    Raises:
        ValueError: as there; or the proxy's loss is computed.
    """
    proxy = declared_proxy(name, arguments, device=device)
    if not isinstance(proxy, Proxy):
        raise ValueError(f"proxy {name}: its loss is computed, it has no model; declared_proxy makes it.")
    return proxy


def declared_proxy(name: str, arguments: Mapping[str, Any], *, device: str = "cpu") -> AnyProxy:
    """The proxy of a study.

    Args:
        name: a built-in name, or `package.module:factory` with `factory(device) -> Proxy`.
        arguments: keyword arguments of a built-in proxy; none for a factory. `precision` is one of every
            proxy that has a model, and part of its fingerprint.
        device: handed to the factory; built-in proxies don't need it.

    Raises:
        ValueError: unknown name, unknown argument, a value out of range, or a reference that can't
            be imported, each with the way out.
        ModuleNotFoundError: a built-in proxy needs a package that is not installed.
    """
    others = {key: value for key, value in arguments.items() if key != "precision"}
    proxy = _proxy(name, others, device)
    if isinstance(proxy, Proxy):
        return _in_precision(proxy, name, arguments.get("precision", proxy.precision))
    if "precision" in arguments:
        raise ValueError(f"proxy {name}: precision: its loss is computed in float64; leave it out.")
    return proxy


def _in_precision(proxy: Proxy, name: str, given: object) -> Proxy:
    try:
        precision = check_precision(given)
    except ValueError as error:
        raise ValueError(f"proxy {name}: {error}") from error
    if precision == FLOAT32:
        return replace(proxy, precision=precision)
    return replace(
        proxy, precision=precision, fingerprint=with_argument(proxy.fingerprint, "precision", precision)
    )


def _proxy(name: str, arguments: Mapping[str, Any], device: str) -> AnyProxy:
    if ":" in name:
        return _from_reference(name, arguments, device)
    if name not in _BUILT_IN:
        raise ValueError(_unknown_proxy(name))
    factory = getattr(importlib.import_module(_BUILT_IN[name]), name)
    _check_arguments(name, factory, arguments)
    try:
        proxy = factory(**arguments)
    except ModuleNotFoundError as error:
        missing = error.__cause__ if isinstance(error.__cause__, ImportError) else error
        if extra_of(missing) is None:
            raise
        raise ModuleNotFoundError(missing_text(missing, f"proxy {name}")) from error
    assert isinstance(proxy, AnyProxy)
    return proxy


def declared_made_of(proxy: AnyProxy) -> MadeOf:
    """The parts of a proxy; a user's own may give only a fingerprint."""
    found = proxy.fingerprint
    if not isinstance(found, Fingerprint):
        return MadeOf(found)
    return MadeOf(found, found.parts, former=found.former)


def _unknown_proxy(name: str) -> str:
    return f"proxy: {name!r} is unknown; {nearest(name, _BUILT_IN)} Your own is 'package.module:factory'."


def _check_arguments(name: str, factory: Callable[..., AnyProxy], arguments: Mapping[str, Any]) -> None:
    accepted = inspect.signature(factory).parameters
    also = "" if name == "noisy_quadratic" else ", precision"
    problems = [
        f"{key} is unknown; accepted are {', '.join(accepted)}{also}"
        if key not in accepted
        else f"{key} must be {_kind(accepted[key].default)} but got {value!r}"
        for key, value in arguments.items()
        if key not in accepted or not _fits(value, accepted[key].default)
    ]
    if problems:
        raise ValueError(f"proxy {name}: {'; '.join(problems)}.")


def _fits(value: object, default: object) -> bool:
    if isinstance(value, bool | str) or isinstance(default, str):
        return isinstance(value, str) and isinstance(default, str)
    return isinstance(value, int) or (isinstance(default, float) and isinstance(value, float))


def _kind(default: object) -> str:
    if isinstance(default, str):
        return "text"
    return "a number" if isinstance(default, float) else "a whole number"


def _from_reference(reference: str, arguments: Mapping[str, Any], device: str) -> AnyProxy:
    if arguments:
        given = ", ".join(arguments)
        raise ValueError(f"proxy {reference}: a factory takes no arguments but precision; got {given}.")
    factory = named_function(reference, way_out=_way_out, contract=CONTRACT)
    proxy = _made(factory, reference, device)
    if not isinstance(proxy, AnyProxy):
        raise ValueError(f"proxy {reference}: the factory returned {type(proxy).__name__}; {CONTRACT}.")
    if isinstance(proxy, Proxy) and not proxy.fingerprint:
        return replace(proxy, fingerprint=_source_fingerprint(reference))
    return proxy


def _made(factory: Callable[[str], object], reference: str, device: str) -> object:
    try:
        inspect.signature(factory).bind(device)
    except TypeError as error:
        why = f"can't be called as factory({device!r}): {error}"
        raise ValueError(f"proxy {reference}: {why}; {CONTRACT}.") from error
    try:
        return factory(device)
    except Exception as error:  # whatever the user's code raises; --debug shows where
        raise ValueError(f"proxy {reference}: the factory raised {_said(error)}.") from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(".")


def _source_fingerprint(reference: str) -> str:
    """SHA-256 of the factory's name and the source of its module."""
    module = importlib.import_module(reference.partition(":")[0])
    try:
        return source_fingerprint(data=reference.encode(), source=module)
    except OSError as error:
        raise ValueError(
            f"proxy {reference}: the source of its module can't be read ({error}), so its fingerprint is not "
            "known; give the Proxy one, Proxy(..., fingerprint='...')."
        ) from error


def _way_out(error: ImportError) -> str:
    if (error.name or "").partition(".")[0] == "search":
        return (
            "where a factory runs, `search` is Warmboot's own package: give yours another name, or train in "
            "a function, { train = 'package.module:function' }, which runs where the name is yours"
        )
    return "install it where this command runs, or name its folder in PYTHONPATH"
