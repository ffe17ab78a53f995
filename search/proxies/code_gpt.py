"""`code_gpt`: a decoder on Python's own source, trained as language models are.

The text is `library_source`, or a file of one's own; its tokens are bytes. AdamW with decoupled weight decay
and gradients clipped by their norm, so that a warm-up matters. Small by default, for a CPU:

| arguments | parameters |
| --- | --- |
| none | 0.28 million |
| `context = 128, layers = 4, width = 192, heads = 6, batch_size = 16` | 1.9 million |
| `context = 256, layers = 6, width = 384, heads = 6, batch_size = 32, dropout = 0.1` | 10.9 million |
"""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from search.errors import UsageError
from search.proxies.decoder import Decoder, check_decoder, token_windows, windows_apart
from search.proxies.fingerprints import built_in_fingerprint
from search.proxies.library_source import library_source
from search.proxies.proxy import AdamW, Proxy, RandomBatches

VERSION = 1
"""Goes up when the same arguments train something else, here or in what this module imports."""
STEPS_PER_EPOCH = 50
BYTES = 256
"""Tokens: every byte is one, whether or not a text has it."""
JUDGED_TOKENS = {"validation": 16_384, "test": 65_536}
"""In windows at even distances."""
BLOCKS = 100
"""A text is cut into so many; of every ten, one validates, one tests, eight are trained."""
VALIDATION_BLOCK, TEST_BLOCK = 4, 9


def code_gpt(
    *,
    context: int = 64,
    layers: int = 2,
    width: int = 96,
    heads: int = 4,
    batch_size: int = 8,
    weight_decay: float = 0.1,
    clip_norm: float = 1.0,
    dropout: float = 0.0,
    text: str = "",
) -> Proxy:
    """A pre-norm decoder that tells every next byte of a window.

    Args:
        context: bytes in a window, >= 1.
        layers: transformer blocks, >= 1.
        width: of the residual stream, a multiple of `heads`.
        heads: of the attention, >= 1.
        batch_size: windows in a batch, >= 1.
        weight_decay: of AdamW, on all weights, >= 0.
        clip_norm: longest gradient, over all weights, > 0.
        dropout: of what is added to the residual stream, in [0, 1).
        text: a file; empty: the source of the standard library of the Python that runs this.

    Raises:
        UsageError: the text can't be read, or is too short.
    """
    arguments = {name: value for name, value in locals().items() if name != "text"}
    check_decoder(arguments)
    content = _content(text)
    train, validation, test = split_blocks(content, context)
    return Proxy(
        name="code_gpt",
        model=lambda: Decoder(BYTES, context, layers, width, heads, dropout),
        train=token_windows(train, context),
        validation=windows_apart(validation, context, max(1, JUDGED_TOKENS["validation"] // context)),
        test=windows_apart(test, context, max(1, JUDGED_TOKENS["test"] // context)),
        batch_size=batch_size,
        steps_per_epoch=STEPS_PER_EPOCH,
        optimizer=AdamW(weight_decay=weight_decay, beta1=0.9, beta2=0.95, clip_norm=clip_norm),
        batches=RandomBatches(),
        fingerprint=built_in_fingerprint("code_gpt", version=VERSION, data=content, arguments=arguments),
        python_note=None if text else _python_note(content),
    )


def split_blocks(content: bytes, context: int) -> tuple[Tensor, Tensor, Tensor]:
    """Training, validation and test tokens (int64): blocks all over the text, so that the three are alike.

    Raises:
        UsageError: a window does not fit into a block.
    """
    length = len(content) // BLOCKS
    if length <= context:
        raise UsageError(
            f"a text of {len(content)} bytes is too short for windows of {context}: it must have at least "
            f"{(context + 1) * BLOCKS}."
        )
    blocks = np.frombuffer(content, dtype=np.uint8)[: length * BLOCKS].reshape(BLOCKS, length)
    place = np.arange(BLOCKS) % 10
    apart = (place != VALIDATION_BLOCK) & (place != TEST_BLOCK)
    train, validation, test = (
        torch.tensor(blocks[chosen].ravel(), dtype=torch.int64)
        for chosen in (apart, place == VALIDATION_BLOCK, place == TEST_BLOCK)
    )
    return train, validation, test


@cache
def _content(text: str) -> bytes:
    if not text:
        return library_source()
    path = Path(text).expanduser()
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"text: {path} can't be read ({error.strerror or error}).") from error


def _python_note(content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()[:12]
    return (
        f"source of the standard library of Python {platform.python_version()}: "
        f"{len(content):,} bytes, SHA-256 {digest}..."
    )
