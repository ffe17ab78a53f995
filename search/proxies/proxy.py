"""`Proxy`: everything that is needed to train one model of a task, and nothing about how.

A proxy is a value. It describes a classifier trained on cross entropy: an ordinary module factory,
three splits of data, an optimizer, the order of the batches. The population engine decides how it is
trained. The search reads the validation split alone; the test split is for the verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from search.direction import Direction
from search.proxies.precision import FLOAT32, Precision, check_precision

METRICS: Mapping[str, Direction] = MappingProxyType({"val_loss": "minimize", "val_error": "minimize"})


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """One part of the data, on the CPU."""

    inputs: Tensor
    """`N x ...`: float features, or int64 tokens for a model that begins with an embedding."""
    targets: Tensor
    """`N`, int64: the class of each sample; or `N x C`: one at each of `C` places, such as the next token."""

    def __post_init__(self) -> None:
        if self.targets.ndim not in (1, 2) or self.targets.dtype != torch.int64:
            found = f"{tuple(self.targets.shape)} of {self.targets.dtype}"
            raise ValueError(f"targets must be int64 classes, N or N x C, but got {found}.")
        if len(self.inputs) != len(self.targets) or len(self.targets) == 0:
            raise ValueError(
                f"inputs and targets must be of one length >= 1 but got {len(self.inputs)} and "
                f"{len(self.targets)}."
            )

    def __len__(self) -> int:
        return len(self.targets)

    def blocks(self, n_rows: int) -> list[tuple[Tensor, Tensor]]:
        """Inputs and targets of at most `n_rows` samples each, in their order; not copies."""
        return list(zip(torch.split(self.inputs, n_rows), torch.split(self.targets, n_rows), strict=True))


@dataclass(frozen=True, kw_only=True)
class SGD:
    """`torch.optim.SGD` as far as it goes here; the lr comes from each run's own table."""

    momentum: float = 0.0
    """In [0, 1)."""
    weight_decay: float = 0.0
    """L2, added to the gradient; >= 0."""
    nesterov: bool = False
    """Nesterov's momentum; without momentum it changes nothing."""
    clip_norm: float | None = None
    """Longest gradient, the Euclidean norm over all weights of a run: a longer one is shortened to it, as by
    `torch.nn.utils.clip_grad_norm_` (Pascanu, Mikolov, Bengio, arXiv 1211.5063); > 0, None: as it is."""
    name: Literal["sgd"] = "sgd"

    def __post_init__(self) -> None:
        _check_clip_norm(self.clip_norm)
        if not 0.0 <= self.momentum < 1.0:
            raise ValueError(f"momentum must lie in [0, 1) but got {self.momentum!r}.")
        if not 0.0 <= self.weight_decay < float("inf"):
            raise ValueError(f"weight_decay must be finite, >= 0, but got {self.weight_decay!r}.")


@dataclass(frozen=True, kw_only=True)
class AdamW:
    """`torch.optim.AdamW` (Loshchilov, Hutter, arXiv 1711.05101); the lr comes from each run's own table."""

    weight_decay: float = 0.01
    """Decoupled: times the lr; >= 0."""
    beta1: float = 0.9
    beta2: float = 0.999
    """Both in [0, 1)."""
    eps: float = 1e-8
    """> 0."""
    clip_norm: float | None = None
    """Longest gradient, as of `SGD`; > 0, None: as it is."""
    name: Literal["adamw"] = "adamw"

    def __post_init__(self) -> None:
        _check_clip_norm(self.clip_norm)
        for name in ("beta1", "beta2"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} must lie in [0, 1) but got {getattr(self, name)!r}.")
        if not 0.0 <= self.weight_decay < float("inf"):
            raise ValueError(f"weight_decay must be finite, >= 0, but got {self.weight_decay!r}.")
        if not 0.0 < self.eps < float("inf"):
            raise ValueError(f"eps must be finite, > 0, but got {self.eps!r}.")


def _check_clip_norm(clip_norm: float | None) -> None:
    if clip_norm is not None and not 0.0 < clip_norm < float("inf"):
        raise ValueError(f"clip_norm must be finite, > 0, or None, but got {clip_norm!r}.")


Optimizer = SGD | AdamW


class BatchOrder(Protocol):
    """Which samples are trained, in which order.

    Drawn an epoch at a time, so that the order depends on nothing but the generator: not on how many
    steps the engine trains in one go.
    """

    def draw_epoch(
        self, generator: torch.Generator, *, n_samples: int, n_steps: int, batch_size: int
    ) -> Tensor:
        """Sample numbers of one epoch: int64, `n_steps x batch_size`."""
        ...


@dataclass(frozen=True)
class RandomBatches:
    """Every sample of every batch drawn at random, with replacement."""

    def draw_epoch(
        self, generator: torch.Generator, *, n_samples: int, n_steps: int, batch_size: int
    ) -> Tensor:
        return torch.randint(n_samples, (n_steps, batch_size), generator=generator)


@dataclass(frozen=True)
class ShuffledEpochs:
    """Each epoch a fresh permutation; what does not fill a last batch is left out."""

    def draw_epoch(
        self, generator: torch.Generator, *, n_samples: int, n_steps: int, batch_size: int
    ) -> Tensor:
        order = torch.randperm(n_samples, generator=generator)
        return order[: n_steps * batch_size].view(n_steps, batch_size)


class Augment(Protocol):
    """Changes samples on their way into training: a pure function, each sample by itself.

    Batches of many runs may come as one, and in any order, so nothing may depend on the other samples, on a
    generator or on what came before. All that is random is drawn from the samples' keys, by `uniform` and
    `whole` of `search.proxies.counter_random`: a key is a hash of the run's seed, the step and the place in
    the batch, so a sample is changed alike whatever is trained beside it.

        def shifted(inputs: Tensor, keys: Tensor) -> Tensor:
            flip = uniform(keys, draw=0) < 0.5
            return torch.where(flip[:, None, None, None], inputs.flip(-1), inputs)
    """

    def __call__(self, inputs: Tensor, keys: Tensor, /) -> Tensor:
        """
        Args:
            inputs: `N x ...` on the device, not to be written.
            keys: `N`, int32, there too.

        Returns:
            `N x ...`, of the same dtype.
        """
        ...


def _check_parts(proxy: Proxy) -> None:
    """What is easily given in another form: a made model, torch's optimizer, a class for its instance."""
    if isinstance(proxy.model, nn.Module) or not callable(proxy.model):
        found = type(proxy.model).__name__
        raise ValueError(
            f"model of proxy {proxy.name} must be a function that makes the untrained module, as "
            f"model=lambda: Net(...), but is a {found}."
        )
    if not isinstance(proxy.optimizer, SGD | AdamW):
        raise ValueError(
            f"optimizer of proxy {proxy.name} must be SGD(...) or AdamW(...) of warmboot.proxies, which have "
            f"no lr, but is {_named(proxy.optimizer)}."
        )
    if isinstance(proxy.batches, type):
        raise ValueError(
            f"batches of proxy {proxy.name} must be made: batches={proxy.batches.__name__}(), with brackets."
        )


def _named(value: object) -> str:
    kind = value if isinstance(value, type) else type(value)
    made = "the class " if isinstance(value, type) else ""
    return f"{made}{kind.__module__}.{kind.__qualname__}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Proxy:
    """A declared proxy: a classifier, its data and its optimizer.

    How its runs are trained, many at once or one by one, is found out when a study is made: see
    `search.population.choice`.
    """

    name: str
    model: Callable[[], nn.Module]
    """Makes the untrained model; draws its weights from torch's CPU generator."""
    train: Split
    validation: Split
    test: Split
    batch_size: int
    steps_per_epoch: int
    optimizer: Optimizer
    batches: BatchOrder
    label_smoothing: float = 0.0
    """Share of each training target that is spread over all classes, in [0, 1) (Szegedy et al., arXiv
    1512.00567). Of the training loss alone: validation and test are judged on the classes as they are."""
    precision: Precision = FLOAT32
    """In which its models compute; a study may say another. Weights and optimizer are float32 in any case."""
    augment: Augment | None = None
    """Changes the inputs of a training batch; None: they are trained as they are."""
    fingerprint: str = ""
    """SHA-256 of data, source and arguments: workers must agree on it. Left out, it is that of the factory's
    module (see `search.proxies.registry`)."""
    metrics: Mapping[str, Direction] = field(default_factory=lambda: METRICS)
    """Metrics that can be a study's objective, with the direction of each."""
    python_note: str | None = None
    """Says which Python the data comes from, where that matters."""

    def __post_init__(self) -> None:
        _check_parts(self)
        for name in ("batch_size", "steps_per_epoch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} of proxy {self.name} must be at least 1.")
        if not 0.0 <= self.label_smoothing < 1.0:
            raise ValueError(
                f"label_smoothing of proxy {self.name} must lie in [0, 1) but is {self.label_smoothing!r}."
            )
        check_precision(self.precision)
        needed = self.steps_per_epoch * self.batch_size
        if isinstance(self.batches, ShuffledEpochs) and needed > len(self.train):
            raise ValueError(
                f"an epoch of proxy {self.name} takes {needed} samples but its training split has "
                f"{len(self.train)}; lower steps_per_epoch or batch_size."
            )

    def build_model(self, weights_seed: int) -> nn.Module:
        """The untrained model of a seed; leaves torch's global generators as they were."""
        with torch.random.fork_rng(devices=[]):
            # Not torch.manual_seed: that one reseeds the accelerators too.
            torch.default_generator.manual_seed(weights_seed)
            return self.model()

    @cached_property
    def parameter_count(self) -> int:
        """How many numbers the model learns."""
        return sum(parameter.numel() for parameter in self.build_model(0).parameters())
