"""`make_population`: the population that trains the runs of a proxy, whatever its kind."""

from __future__ import annotations

from search.population.closed_form import ClosedFormPopulation, closed_form_problem
from search.population.engines import can_be_stacked
from search.population.population import Population
from search.population.settings import param_problems
from search.proxies.noisy_quadratic import NoisyQuadratic
from search.proxies.registry import AnyProxy
from search.spec.params import ParamSpace

AnyPopulation = Population | ClosedFormPopulation
"""Both have the same methods, and keep the same promises."""


def make_population(proxy: AnyProxy, *, slots: int, device: str = "cpu") -> AnyPopulation:
    """An empty population for a proxy.

    Args:
        proxy: a model that is trained, or a task whose loss is computed.
        slots: most runs at once, >= 1.
        device: of torch, for a model; what is computed is computed on the CPU.

    Raises:
        Exception: whatever the proxy's model raises when it is looked at with its data.
    """
    if isinstance(proxy, NoisyQuadratic):
        return ClosedFormPopulation(proxy, slots=slots)
    return Population(proxy, slots=slots, device=device)


def trains_together(proxy: AnyProxy | None) -> bool:
    """Whether the runs of one process are trained in the same operations: a model that can't be stacked
    trains one run after the other, and so does what is not declared (None)."""
    return proxy is not None and (isinstance(proxy, NoisyQuadratic) or can_be_stacked(proxy))


def params_problems(space: ParamSpace, proxy: AnyProxy) -> list[str]:
    """One line for each thing in a study's [params] that no run of this proxy can have."""
    if isinstance(proxy, NoisyQuadratic):
        return [f"params.{closed_form_problem(proxy, name)}" for name in space.params]
    return param_problems(space, proxy)
