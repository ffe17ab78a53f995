"""`make_population`: the population that trains the runs of a proxy, whatever its kind."""

from __future__ import annotations

from dataclasses import replace

from search.population.choice import Choice, choose_way, keeps_bits
from search.population.closed_form import closed_form_problem
from search.population.engines import is_perceptron
from search.population.population import Population
from search.population.settings import param_problems
from search.population.slots import choose_slots
from search.proxies.noisy_quadratic import NoisyQuadratic
from search.proxies.proxy import Proxy
from search.proxies.registry import AnyProxy
from search.spec.params import ParamSpace
from search.spec.population import AUTO, MOST_SLOTS, ONE_BY_ONE, STACKED, VMAP, Way, default_slots


def make_population(proxy: AnyProxy, *, slots: int, device: str = "cpu", way: Way = AUTO) -> Population:
    """An empty population for a proxy.

    Args:
        proxy: a model that is trained, or a task whose loss is computed.
        slots: most runs at once, >= 1.
        device: of torch, for a model; what is computed is computed on the CPU.
        way: how a model's runs are trained; see `search.population.engines.make_engine`.

    Raises:
        Exception: whatever the proxy's model raises when it is looked at with its data.
    """
    return Population(proxy, slots=slots, device=device, way=way)


def choose_training(
    proxy: AnyProxy | None, asked: Way, *, slots: int | None, most: int = MOST_SLOTS, device: str
) -> Choice | None:
    """The way in which a new study's runs are trained, and how many at once; None where its proxy needs none.

    Args:
        proxy: None: nothing is declared.
        asked: by the study file.
        slots: runs at once; None: as many as are fast here.
        most: so many at most, where that is measured.
        device: of torch.

    Raises:
        ValueError: the proxy can't be trained in the way that is asked for.
    """
    if not isinstance(proxy, Proxy):
        return None
    usual = default_slots(device) if slots is None else slots
    if asked == AUTO:
        chosen = choose_way(proxy, slots=usual, device=device)
    else:
        make_population(proxy, slots=1, device=device, way=asked)
        chosen = Choice(asked, usual)
    chosen = replace(chosen, precision=proxy.precision)
    if slots is not None or chosen.way == ONE_BY_ONE:
        return chosen
    fast = choose_slots(proxy, chosen.way, most=most, device=device)
    if device == "cpu" and fast > usual and not keeps_bits(proxy, fast, chosen.way):
        return chosen
    return replace(chosen, slots=fast)


def trains_together(proxy: AnyProxy | None, way: Way = AUTO) -> bool:
    """Whether the runs of one process are trained in the same operations, not in turns; what is not declared
    (None) never is."""
    if not isinstance(proxy, Proxy):
        return proxy is not None
    return way in (STACKED, VMAP) or (way == AUTO and is_perceptron(proxy))


def params_problems(space: ParamSpace, proxy: AnyProxy) -> list[str]:
    """One line for each thing in a study's [params] that no run of this proxy can have."""
    if isinstance(proxy, NoisyQuadratic):
        return [f"params.{closed_form_problem(proxy, name)}" for name in space.params]
    return param_problems(space, proxy)
