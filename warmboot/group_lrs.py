"""The lrs of an optimizer's groups: what each begins from, and tensors, filled in place, each its own.

A compiled or captured optimizer step holds on to the tensor of a group's lr, so that another lr has
to be filled into it. A tensor that the group shares, with `optimizer.defaults` or another group,
would then change for them as well: a group added later begins at the lr of `defaults`. Nothing here
imports torch; what is no number is taken for a tensor.
"""

from collections.abc import Sequence
from typing import Any, Protocol


class HasParamGroups(Protocol):
    """All that is asked of an optimizer here; `defaults`, if there is any, is looked at too."""

    param_groups: list[dict[str, Any]]


def base_lrs_of(groups: Sequence[dict[str, Any]], known: Sequence[Any] = ()) -> list[float]:
    """What the factor is multiplied with for each group: a float, however it is kept there.

    Args:
        groups: of the optimizer.
        known: for the first groups, what it was, where an optimizer's state came back without it.
            A group that has never had an `initial_lr` begins from its lr.
    """
    lrs = [*known[: len(groups)], *(group["lr"] for group in groups[len(known) :])]
    return [float(group.get("initial_lr", lr)) for group, lr in zip(groups, lrs, strict=True)]


def take_in_groups(optimizer: HasParamGroups, known: Sequence[Any]) -> list[float]:
    """Make ready the groups that are new, or came back from a state without their `initial_lr`.

    Each gets its base lr as `initial_lr`, and a tensor of its own for its lr; nothing else changes.

    Returns:
        The base lrs, as `base_lrs_of` gives them.
    """
    part_shared_lrs(optimizer)
    base_lrs = base_lrs_of(optimizer.param_groups, known)
    for group, base_lr in zip(optimizer.param_groups, base_lrs, strict=True):
        group["initial_lr"] = base_lr
    return base_lrs


def set_lr(group: dict[str, Any], lr: float) -> None:
    """Give a group another lr; a tensor stays the tensor that it is."""
    if isinstance(group["lr"], (int, float)):
        group["lr"] = lr
    else:
        group["lr"].fill_(lr)


def holds(kept: Any, lr: float) -> bool:
    """Whether a group's lr is this one, a tensor in its own precision."""
    return bool(kept == lr) if isinstance(kept, (int, float)) else bool(kept == copy_of(kept).fill_(lr))


def copy_of(lr: Any) -> Any:
    """The lr as it is now, whatever is filled into a tensor afterwards."""
    return lr if isinstance(lr, (int, float)) else lr.detach().clone()


def part_shared_lrs(optimizer: HasParamGroups) -> None:
    """Make each group's tensor lr its own, all values as they are.

    Of several that share one the first group keeps it, for it is the one that other code may hold on
    to; the others, `optimizer.defaults` among them, get copies.
    """
    owned: list[Any] = []
    for group in optimizer.param_groups:
        if any(group["lr"] is lr for lr in owned):
            group["lr"] = copy_of(group["lr"])
        if not isinstance(group["lr"], (int, float)):
            owned.append(group["lr"])
    defaults = getattr(optimizer, "defaults", {})
    if any(defaults.get("lr") is lr for lr in owned):
        defaults["lr"] = copy_of(defaults["lr"])
