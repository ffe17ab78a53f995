"""`augmented`: batches as they are trained, each sample changed by its own key."""

from __future__ import annotations

from torch import Tensor

from search.proxies.counter_random import sample_keys
from search.proxies.proxy import Augment


def augmented(augment: Augment | None, inputs: Tensor, keys: Tensor) -> Tensor:
    """Batches of `K` runs, `K x B x ...`, as a proxy changes them.

    Args:
        augment: of the proxy; None: they are trained as they are.
        inputs: the samples.
        keys: of the step of each run, `K`, int32.
    """
    if augment is None:
        return inputs
    own_keys = sample_keys(keys, inputs.shape[1]).flatten()
    changed = augment(inputs.flatten(0, 1), own_keys)
    return changed.reshape(*inputs.shape[:2], *changed.shape[1:])
