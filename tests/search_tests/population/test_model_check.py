"""What people get wrong in a model of their own is told in words, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from search.population.model_check import check_model
from search.proxies.proxy import SGD, Proxy, ShuffledEpochs, Split


class Pair(nn.Module):
    """Gives a tuple, as recurrent layers do."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return self.fc(x), None


def made(model: Callable[[], Any], *, inputs: Tensor | None = None, shift: int = 0) -> Proxy:
    """A proxy of 12 samples in classes 0 to 3, all moved by `shift`."""
    given = torch.randn(12, 3, generator=torch.Generator().manual_seed(0)) if inputs is None else inputs
    split = Split(inputs=given, targets=torch.arange(12) % 4 + shift)
    return Proxy(
        name="mine",
        model=model,
        train=split,
        validation=split,
        test=split,
        batch_size=4,
        steps_per_epoch=3,
        optimizer=SGD(),
        batches=ShuffledEpochs(),
    )


def test_a_model_that_fits_is_left_alone() -> None:
    before = torch.get_rng_state()
    check_model(made(lambda: nn.Linear(3, 4)))
    assert torch.equal(torch.get_rng_state(), before)


def test_targets_that_cross_entropy_leaves_out_are_no_classes() -> None:
    split = Split(inputs=torch.zeros(12, 3), targets=torch.tensor([-100, 3] * 6))
    proxy = made(lambda: nn.Linear(3, 4))
    check_model(Proxy(**{**vars(proxy), "train": split}))


def shared() -> Callable[[], nn.Module]:
    net = nn.Linear(3, 4)
    return lambda: net


def shared_backbone() -> Callable[[], nn.Module]:
    backbone = nn.Linear(3, 5)
    return lambda: nn.Sequential(backbone, nn.Linear(5, 4))


def frozen_backbone() -> Callable[[], nn.Module]:
    backbone = nn.Linear(3, 5).requires_grad_(False)
    return lambda: nn.Sequential(backbone, nn.Linear(5, 4))


def test_a_backbone_that_is_not_trained_may_be_shared() -> None:
    check_model(made(frozen_backbone()))


@pytest.mark.parametrize(
    ("proxy", "message"),
    [
        (
            made(lambda: nn.Linear(3, 3)),
            "gives 3 logits, for classes 0 to 2, but train has targets from 0 to 3",
        ),
        (made(lambda: nn.Linear(3, 4), shift=1), "targets from 1 to 4; count classes from 0"),
        (made(shared()), r"two calls share weight, .* make it within the function, Proxy\(model=lambda: Net"),
        (made(shared_backbone()), r"two calls share 0.weight, .* copy.deepcopy"),
        (made(Pair), "gives a tuple; it must give one tensor, the logits"),
        (made(lambda: lambda x: x), r"must make a torch.nn.Module but made function"),
        (made(lambda: nn.Unflatten(1, (3, 1))), r"logits of shape \(2, 3, 1\) for targets of \(2,\)"),
        (
            made(lambda: nn.Linear(3, 4), inputs=torch.zeros(12, 3).double()),
            "train are torch.float64, give .float",
        ),
        (
            made(  # only one sample of many has the token that the embedding has not
                lambda: nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), nn.Linear(4, 4)),
                inputs=torch.tensor([[0, 1]] * 9 + [[2, 5]] + [[0, 0]] * 2),
            ),
            "train has tokens from 0 to 5, its embedding must have them all",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_the_way_out(proxy: Proxy, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_model(proxy)
