"""`check_model`: what is wrong with a model that somebody declares, told before anything is trained.

Torch says of these mistakes either nothing, or in the middle of a study what an index is out of.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from search.population.look import misfit
from search.proxies.proxy import Proxy, Split

_IGNORED = -100
"""The target that torch's cross entropy leaves out."""
_ROWS = 4096


def check_model(proxy: Proxy) -> None:
    """Make the model twice and call it with a few samples of each split, on the CPU.

    Raises:
        ValueError: it is no module, its runs would share weights, or what it gives does not fit the targets.
        Exception: whatever else the model raises.
    """
    model, other = proxy.build_model(0), proxy.build_model(1)
    _check_made(model)
    _check_apart(model, other)
    model.eval()
    for name in ("train", "validation", "test"):
        split: Split = getattr(proxy, name)
        few = _telling_samples(split.inputs)
        with torch.no_grad():
            logits = _called(model, split.inputs[few], name)
        _check_logits(logits, split, len(few), name)


def _check_made(model: object) -> None:
    if not isinstance(model, nn.Module):
        raise ValueError(f"Proxy(model=...) must make a torch.nn.Module but made {type(model).__name__}")


def _check_apart(model: nn.Module, other: nn.Module) -> None:
    """Every run has weights of its own, or it begins where another has ended."""
    known = {id(weight) for weight in model.parameters()}
    for name, weight in other.named_parameters():
        if weight.requires_grad and id(weight) in known:
            raise ValueError(
                f"it must be made anew by every call, but two calls share {name}, so that one run would "
                "train another's weights; make it within the function, Proxy(model=lambda: Net(...)), and "
                "copy what was trained before: copy.deepcopy(backbone)"
            )


def _telling_samples(inputs: Tensor) -> list[int]:
    """Two samples; where they are tokens, those with the smallest and the largest, which an embedding may not
    have."""
    if inputs.is_floating_point() or inputs.ndim < 2:
        return list(range(min(2, len(inputs))))
    flat = inputs.flatten(1)
    return [int(flat.amin(1).argmin()), int(flat.amax(1).argmax())]


def _called(model: nn.Module, inputs: Tensor, name: str) -> Tensor:
    try:
        logits = model(inputs)
    except IndexError as error:
        if inputs.is_floating_point():
            raise
        found = f"{int(inputs.min())} to {int(inputs.max())}"
        raise ValueError(
            f"{error}; {name} has tokens from {found}, its embedding must have them all"
        ) from error
    except RuntimeError as error:
        if inputs.dtype not in (torch.float64, torch.float16):
            raise
        raise ValueError(f"{error}; the inputs of {name} are {inputs.dtype}, give .float()") from error
    if not isinstance(logits, Tensor):
        raise ValueError(f"it gives a {type(logits).__name__}; it must give one tensor, the logits")
    return logits


def _check_logits(logits: Tensor, split: Split, n_samples: int, name: str) -> None:
    if why := misfit(logits, (n_samples, *split.targets.shape[1:])):
        raise ValueError(f"it {why}")
    n_classes, (least, most) = logits.shape[-1], _classes(split.targets)
    if least < 0 or most >= n_classes:
        raise ValueError(
            f"it gives {n_classes} logits, for classes 0 to {n_classes - 1}, but {name} has targets from "
            f"{least} to {most}; count classes from 0, and let its last layer have one output for each"
        )


def _classes(targets: Tensor) -> tuple[int, int]:
    """The smallest and the largest class; a part at a time, for targets may be windows on one text, and all
    of them as a tensor of their own many times as large."""
    ends: list[int] = []
    for part in torch.split(targets, _ROWS):
        counted = part[part != _IGNORED]
        if len(counted):
            ends += [int(counted.min()), int(counted.max())]
    return min(ends, default=0), max(ends, default=0)
