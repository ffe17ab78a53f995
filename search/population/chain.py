"""`Chain`: a model as layers one behind the other, an `nn.Sequential` or a class whose forward calls them so.

A class is traced (`torch.fx`), in training and as it is judged: each call must be a layer of the model's own,
or a function that an ordinary layer computes as well (`chain_calls.py`). Then the layers are held against the
forward itself on some samples, so that nothing rests on a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from search.population.chain_calls import is_size, layers_of_call
from search.population.dropout import CounterDropout

COMPARED = 4
"""Samples that are sent through both."""
TOLERANCE = 1e-5


class UnsupportedLayerError(ValueError):
    """A model holds a layer that can't be stacked."""


@dataclass(frozen=True)
class Chain:
    """Layers in their order by name: the path of each in the model, or one without weights of its own."""

    steps: Mapping[str, str | nn.Module]

    @classmethod
    def of(cls, model: nn.Module, samples: Tensor) -> Chain:
        """That of a model which is looked at and thrown away.

        Args:
            model: on the CPU.
            samples: `N x ...`, there too.

        Raises:
            UnsupportedLayerError: its forward is none.
        """
        if isinstance(model, nn.Sequential) and type(model) is nn.Sequential:
            plain = flattened(model)
            if all(type(module).__module__.startswith("torch.nn.") for module in plain.values()):
                return cls({name: name for name in plain})
        chain, judged = cls(_traced(model, training=True)), cls(_traced(model, training=False))
        if str(chain) != str(judged):
            raise UnsupportedLayerError("its forward calls other layers in training than where it is judged.")
        _compare(model, chain, samples[:COMPARED])
        return chain

    def modules(self, model: nn.Module) -> dict[str, nn.Module]:
        """The layers of a model like the one that was looked at."""
        return {
            name: model.get_submodule(step) if isinstance(step, str) else step
            for name, step in self.steps.items()
        }


def flattened(model: nn.Sequential, prefix: str = "") -> dict[str, nn.Module]:
    """The layers of a model in their order by their paths, those of an `nn.Sequential` within it too.

    >>> list(flattened(nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Linear(3, 2)))))
    ['0', '1.0', '1.1']
    """
    found: dict[str, nn.Module] = {}
    for name, module in zip(model._modules, model, strict=True):
        if isinstance(module, nn.Sequential) and type(module) is nn.Sequential:
            found |= flattened(module, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = module
    return found


def _traced(model: nn.Module, *, training: bool) -> dict[str, str | nn.Module]:
    steps: dict[str, str | nn.Module] = {}
    last: fx.Node | None = None
    for node in _nodes(model.train(training)):
        if node.op == "placeholder" and last is None:
            last = node
        elif node.op == "output":
            if node.args != (last,):
                raise UnsupportedLayerError("its forward gives something else than its last layer does.")
        elif not is_size(node):
            layers = layers_of_call(node, last, training)
            if layers is None:
                raise UnsupportedLayerError(f"its forward is no chain of layers: {_told(node)}.")
            for layer in layers:
                steps[_name(layer if isinstance(layer, str) else node.name, steps)] = layer
            last = node
    return steps


def _nodes(model: nn.Module) -> list[fx.Node]:
    try:
        return list(fx.symbolic_trace(model).graph.nodes)
    except Exception as error:  # whatever a forward raises that looks at its numbers
        why = str(error).strip().partition("\n")[0]
        raise UnsupportedLayerError(f"its forward is no chain of layers: {why}") from error


def _told(node: fx.Node) -> str:
    """What a node does that no layer here does, for a person."""
    if node.op == "get_attr":
        return f"it takes {node.target} by itself"
    name = str(node.target) if isinstance(node.target, str) else getattr(node.target, "__name__", node.name)
    return f"it calls {name} (at {node.name}), which is none, or takes more than what came before"


def _name(wanted: str, taken: Mapping[str, object]) -> str:
    return f"{wanted} ({len(taken)})" if wanted in taken else wanted


def _compare(model: nn.Module, chain: Chain, samples: Tensor) -> None:
    layers = nn.Sequential(*chain.modules(model).values())
    for training in (True, False):
        expected = _computed(model.train(training), samples)
        try:
            given = _computed(layers.train(training), samples)
        except RuntimeError:  # shapes that do not fit
            given = expected[:0]
        if expected.shape != given.shape or not torch.allclose(given, expected, TOLERANCE, TOLERANCE):
            raise UnsupportedLayerError("its forward gives other numbers than its layers in their order.")


@torch.no_grad()
def _computed(model: nn.Module, samples: Tensor) -> Tensor:
    dropout = CounterDropout()
    dropout.begin(torch.zeros((), dtype=torch.int32))
    with dropout:
        return model(samples)  # type: ignore[no-any-return]
