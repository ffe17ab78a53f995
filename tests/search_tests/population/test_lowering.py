"""Which models can be stacked, and how a model that can't is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from search.population.chain import UnsupportedLayerError
from search.population.layers import StackedLinear
from search.population.lowering import Lowering

TOKENS = torch.zeros(2, 5, dtype=torch.int64)
FEATURES = torch.zeros(2, 8)
CURVES = torch.zeros(2, 2, 7)
SHARED = nn.Linear(8, 8)


class OwnLinear(nn.Linear):
    """Might do anything."""


class OwnSequential(nn.Sequential):
    """Does something else."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs


def lower(model: nn.Sequential, inputs: torch.Tensor) -> Lowering:
    return Lowering(model, inputs, n_slots=2, device=torch.device("cpu"))


def test_features_behind_an_embedding_keep_their_places() -> None:
    """Token t's feature d lies at lane 16 t + d: each token's embedding has lanes of its own."""
    lowering = lower(nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(15, 4)), TOKENS)
    linear = lowering.layers[-1][1]
    weight = linear.parameters[0].value
    assert weight.shape == (2, 80, 16)
    assert lowering.n_classes == 4


def test_a_convolution_gives_places_first_and_what_follows_finds_its_channels() -> None:
    """Channel c of place p lies at lane 16 p + c, whichever way the samples are shaped on the way."""
    model = nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU(), nn.Flatten(2), nn.Flatten(), nn.Linear(20, 3))
    linear = lower(model, CURVES).layers[-1][1]
    assert isinstance(linear, StackedLinear)
    assert linear.positions.view(4, 5).tolist() == [[16 * p + c for p in range(5)] for c in range(4)]


@pytest.mark.parametrize(
    ("model", "inputs", "message"),
    [
        (
            nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 2)),
            FEATURES,
            r"layer 1, LayerNorm\(\(8,\).*can't be stacked; what can is: Embedding",
        ),
        (nn.Sequential(nn.BatchNorm1d(8, momentum=None), nn.Linear(8, 2)), FEATURES, "layer 0, BatchNorm1d"),
        (
            nn.Sequential(nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 2)),
            FEATURES,
            "layer 0, BatchNorm1d",
        ),
        (nn.Sequential(nn.BatchNorm1d(2), nn.Flatten(), nn.Linear(14, 2)), CURVES, "layer 0, BatchNorm1d"),
        (nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(5)), FEATURES, r"layer 1, BatchNorm1d\(5"),
        (nn.Sequential(nn.MaxPool1d(2), nn.Flatten(), nn.Linear(6, 2)), CURVES, "layer 0, MaxPool1d"),
        (nn.Sequential(nn.Conv1d(2, 4, 3), nn.MaxPool1d(2, return_indices=True)), CURVES, "layer 1, MaxPool"),
        (nn.Sequential(nn.Conv1d(2, 4, 3), nn.AdaptiveAvgPool1d(2)), CURVES, "layer 1, AdaptiveAvgPool1d"),
        (nn.Sequential(nn.Conv1d(2, 4, 3), nn.Flatten(), nn.AvgPool1d(2)), CURVES, "layer 2, AvgPool1d"),
        (nn.Sequential(nn.Dropout(), nn.Linear(8, 2)), FEATURES, "layer 0, Dropout"),
        (
            nn.Sequential(nn.Sequential(nn.Linear(8, 8), nn.Sigmoid()), SHARED),
            FEATURES,
            r"layer 0\.1, Sigmoid",
        ),
        (nn.Sequential(OwnSequential(nn.Linear(8, 2))), FEATURES, "must end in a Linear layer"),
        (nn.Sequential(nn.Flatten(0), nn.Linear(8, 2)), FEATURES, "layer 0, Flatten.*can't be"),
        (
            nn.Sequential(nn.Embedding(9, 3, padding_idx=0), nn.Flatten(), nn.Linear(15, 2)),
            TOKENS,
            r"layer 0, Embedding\(9, 3, padding_idx=0\), can't be stacked",
        ),
        (nn.Sequential(nn.Embedding(9, 3), nn.Linear(15, 2)), TOKENS, "be followed by nn.Flatten"),
        (nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(24, 2)), FEATURES, "int64 toke"),
        (nn.Sequential(nn.Linear(5, 2)), TOKENS, r"layer 0, Linear\(.*\), gets int64 tokens; begin"),
        (nn.Sequential(nn.Linear(7, 2)), FEATURES, "gets 8 features from the layer before"),
        (nn.Sequential(nn.Linear(8, 2), nn.ReLU()), FEATURES, "must end in a Linear layer"),
        (nn.Sequential(), FEATURES, "must end in a Linear layer"),
        (nn.Sequential(nn.ReLU(), nn.Linear(8, 2)), FEATURES, r"layer 0, ReLU\(\), can't be"),
        (
            nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Tanh(), nn.Linear(8, 2)),
            FEATURES,
            r"layer 2, Tanh\(\), can't be stacked",
        ),
        (nn.Sequential(SHARED, nn.ReLU(), SHARED), FEATURES, "layer 2, Linear.*weights of its own"),
        (nn.Sequential(nn.Linear(8, 2).requires_grad_(False)), FEATURES, "layer 0, Linear"),
        (nn.Sequential(nn.Linear(8, 2).double()), FEATURES, "layer 0, Linear.*float32 weights"),
        (
            nn.Sequential(OwnLinear(8, 2)),
            FEATURES,
            "no chain of layers: it takes 0.weight by itself",
        ),
        (OwnSequential(nn.Linear(8, 2)), FEATURES, "must end in a Linear layer"),
        (nn.Sequential(nn.Conv1d(2, 4, 3, groups=2), nn.Flatten()), CURVES, r"layer 0, Conv1d\(.*be stacked"),
        (nn.Sequential(nn.Conv1d(2, 4, 3, padding="same")), CURVES, r"layer 0, Conv1d\(.*be stacked"),
        (nn.Sequential(nn.Conv1d(2, 4, 3, padding_mode="circular")), CURVES, "layer 0, Conv1d"),
        (nn.Sequential(nn.Conv1d(3, 4, 3)), CURVES, "layer 0, Conv1d"),
        (nn.Sequential(nn.Conv2d(2, 4, 3)), CURVES, "layer 0, Conv2d"),
        (nn.Sequential(nn.Conv1d(2, 4, 3), nn.Flatten(0)), CURVES, "layer 1, Flatten.*can't be stacked"),
        (nn.Sequential(nn.Conv1d(2, 4, 3), nn.Linear(5, 2)), CURVES, r"layer 1, Linear.*gets 4 x 5 features"),
        (nn.Sequential(nn.Conv1d(2, 4, 3), nn.Flatten()), CURVES, "must end in a Linear layer"),
        (
            nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Unflatten(1, (3, 5)), nn.Conv1d(3, 2, 1)),
            TOKENS,
            "3, Conv1d",
        ),
    ],
)
def test_a_model_that_cannot_be_stacked_is_refused_by_the_name_of_its_layer(
    model: nn.Sequential, inputs: torch.Tensor, message: str
) -> None:
    with pytest.raises(UnsupportedLayerError, match=message):
        lower(model, inputs)
