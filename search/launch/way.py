"""How a new study's runs will be trained: tried out before it is made, told and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from search.errors import UsageError, problems_text
from search.messages import Say
from search.population.choice import Choice
from search.population.make import choose_training
from search.proxies.precision import precision_problem
from search.proxies.proxy import Proxy
from search.proxies.registry import AnyProxy
from search.spec.population import MOST_SLOTS, STACKED, default_slots, device_kind
from search.spec.study import StudySpec

NewWay = Callable[[StudySpec, AnyProxy | None, str, str, Say], dict[str, Any] | None]
"""A way to `new_way`: here, or where the workers will be."""


def chosen_way(spec: StudySpec, proxy: AnyProxy | None, place: str, device: str) -> Choice | None:
    """The way in which a study's runs would be trained if it were made now; None where there is no choice.

    Args:
        spec: the study, which may ask for one.
        proxy: its proxy, where it is a declared one.
        place: what messages call the study.
        device: of torch.

    Raises:
        UsageError: the way or the precision that the study asks for is not possible.
    """
    asked = spec.population.way
    if isinstance(proxy, Proxy) and (why := precision_problem(proxy.precision, device)):
        raise UsageError(problems_text(place, [f"proxy.{why}."]))
    try:
        given = None if spec.population.slots == "auto" else spec.population.slots
        return choose_training(proxy, asked, slots=given, most=_most_slots(spec, device), device=device)
    except ValueError as error:
        problem = f"population.way: {asked!r} is not possible: {error}"
        raise UsageError(problems_text(place, [problem])) from error


def new_way(
    spec: StudySpec, proxy: AnyProxy | None, place: str, device: str, say: Say
) -> dict[str, Any] | None:
    """The same as a new study keeps it; `say` is told the way where it had to be tried out."""
    choice = chosen_way(spec, proxy, place, device)
    if choice is None or proxy is None:
        return None
    if choice.way != STACKED or choice.gain is not None:
        say(choice.text(proxy.name))
    return {"way": choice.way, "slots": choice.slots, "gain": choice.gain, "device": device_kind(device)}


def _most_slots(spec: StudySpec, device: str) -> int:
    """No more runs at once than a process will be given of what a study has out at a time: a GPU has one
    process, the cores of a CPU share."""
    if spec.rounds is None:
        return MOST_SLOTS
    out = spec.rounds.size + spec.rounds.delay
    return max(out // 2 if device == "cpu" else out, default_slots(device))
