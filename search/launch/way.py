"""How a new study's runs will be trained: tried out before it is made, told and kept."""

from __future__ import annotations

from typing import Any

from search.errors import UsageError, problems_text
from search.messages import Say
from search.population.make import choose_training
from search.proxies.registry import AnyProxy
from search.spec.population import STACKED
from search.spec.study import StudySpec
from search.training.trainers import slots_for


def new_way(
    spec: StudySpec, proxy: AnyProxy | None, place: str, device: str, say: Say
) -> dict[str, Any] | None:
    """The way as the study keeps it; None where there is no choice.

    Args:
        spec: the study, which may ask for one.
        proxy: its proxy, where it is a declared one.
        place: what messages call the study.
        device: of torch.
        say: told the way where it had to be tried out.

    Raises:
        UsageError: the way that the study asks for is not possible.
    """
    asked, slots = spec.population.way, slots_for(spec, device)
    try:
        choice = choose_training(proxy, asked, slots=slots, device=device)
    except ValueError as error:
        problem = f"population.way: {asked!r} is not possible: {error}"
        raise UsageError(problems_text(place, [problem])) from error
    if choice is None or proxy is None:
        return None
    if choice.way != STACKED:
        say(choice.text(proxy.name))
    return {"way": choice.way, "slots": choice.slots, "gain": choice.gain}
