"""`char_gpt`: a small transformer on the text of `char_lm_mlp`, trained with AdamW.

The same characters as there, but another kind of training: attention, an adaptive optimizer with decoupled
weight decay, and a loss at every place of a window. What is found on one of the two can be tried on the
other.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from search.proxies.char_lm import python_note, reference_text, split_text, tokenize
from search.proxies.fingerprints import built_in_fingerprint
from search.proxies.proxy import AdamW, Proxy, RandomBatches, Split

VERSION = 1
"""Goes up when the same arguments train something else, here or in what this module imports."""
STEPS_PER_EPOCH = 50
VALIDATION_WINDOWS = 256
TEST_WINDOWS = 1024
INIT_STD = 0.02
"""Of all weights, as in GPT-2; what adds to the residual stream is divided by the root of its layers."""


def char_gpt(
    *,
    context: int = 32,
    layers: int = 2,
    width: int = 48,
    heads: int = 4,
    batch_size: int = 8,
    weight_decay: float = 0.1,
) -> Proxy:
    """A pre-norm decoder that tells every next character of a window.

    Args:
        context: characters in a window, >= 1.
        layers: transformer blocks, >= 1.
        width: of the residual stream, a multiple of `heads`.
        heads: of the attention, >= 1.
        batch_size: windows in a batch, >= 1.
        weight_decay: of AdamW, on all weights, >= 0.
    """
    arguments = dict(locals())
    for name in ("context", "layers", "width", "heads", "batch_size"):
        if arguments[name] < 1:
            raise ValueError(f"{name} must be at least 1 but got {arguments[name]!r}.")
    if width % heads:
        raise ValueError(f"width must be a multiple of heads, {heads}, but got {width}.")
    text = reference_text()
    tokens, n_characters = tokenize(text)
    train, validation, test = split_text(tokens)
    return Proxy(
        name="char_gpt",
        model=lambda: Decoder(n_characters, context, layers, width, heads),
        train=_windows(train, context),
        validation=_apart(validation, context, VALIDATION_WINDOWS),
        test=_apart(test, context, TEST_WINDOWS),
        batch_size=batch_size,
        steps_per_epoch=STEPS_PER_EPOCH,
        optimizer=AdamW(weight_decay=weight_decay, beta1=0.9, beta2=0.95),
        batches=RandomBatches(),
        fingerprint=built_in_fingerprint(
            "char_gpt", version=VERSION, data=text.encode(), arguments=arguments, module="char_gpt"
        ),
        python_note=python_note(text),
    )


class Decoder(nn.Module):
    """Tokens `N x C` to logits `N x C x characters`; place `i` sees the tokens up to `i`."""

    def __init__(self, n_characters: int, context: int, layers: int, width: int, heads: int) -> None:
        super().__init__()
        self.token = nn.Embedding(n_characters, width)
        self.place = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads, layers) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, n_characters, bias=False)
        for weight in (self.token.weight, self.place.weight, self.head.weight):
            nn.init.normal_(weight, std=INIT_STD)

    def forward(self, tokens: Tensor) -> Tensor:
        places = torch.arange(tokens.shape[1], device=tokens.device)
        hidden = self.blocks(self.token(tokens) + self.place(places))
        return self.head(self.norm(hidden))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention and a two-layer network, each added to what comes in (Vaswani et al., arXiv 1706.03762)."""

    def __init__(self, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.mixed = nn.Linear(width, width, bias=False)
        self.wide = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)
        for linear in (self.query_key_value, self.wide):
            nn.init.normal_(linear.weight, std=INIT_STD)
        for linear in (self.mixed, self.narrow):
            nn.init.normal_(linear.weight, std=INIT_STD / (2 * layers) ** 0.5)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = hidden + self._attended(self.norm1(hidden))
        wide = functional.gelu(self.wide(self.norm2(hidden)))
        return hidden + self.narrow(wide)  # type: ignore[no-any-return]

    def _attended(self, hidden: Tensor) -> Tensor:
        n, places, width = hidden.shape
        parts = self.query_key_value(hidden).view(n, places, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        heads = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.mixed(heads.transpose(1, 2).reshape(n, places, width))  # type: ignore[no-any-return]


def _windows(tokens: Tensor, context: int) -> Split:
    """Every `context` tokens, and each one's next; views, no window is copied."""
    return Split(inputs=tokens[:-1].unfold(0, context, 1), targets=tokens[1:].unfold(0, context, 1))


def _apart(tokens: Tensor, context: int, n_windows: int) -> Split:
    """`n_windows` windows at even distances, the same in every process."""
    every = _windows(tokens, context)
    chosen = torch.arange(n_windows) * len(every) // n_windows
    return Split(inputs=every.inputs[chosen], targets=every.targets[chosen])
