"""`char_lm_mlp`: a character language model on real English that every Python carries.

The text is what `help("...")` prints, `pydoc_data.topics`: about 465,000 characters of the Python
reference. From 8 characters the model tells the next. The task does not overfit within a few
thousand steps, so it ranks schedules with little noise. The text differs between patch releases of
Python; its hash is part of the fingerprint.
"""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from pydoc_data import topics

import torch
from torch import Tensor, nn

from search.proxies.fingerprints import built_in_fingerprint
from search.proxies.proxy import SGD, Proxy, RandomBatches, Split

VERSION = 1
"""Goes up when the same arguments train something else, here or in what this module imports."""
STEPS_PER_EPOCH = 60
VALIDATION_WINDOWS = 4096
TEST_WINDOWS = 16384
EMBEDDING_STD = 0.25
"""Torch's own 1.0 makes the first layer's inputs so large that the best peak lr halves and the loss
it reaches is 0.06 higher; with 0.25 the best peak of linear to zero is near 0.3 at 600 steps."""


def char_lm_mlp(
    *,
    context: int = 8,
    embedding: int = 16,
    hidden: int = 128,
    batch_size: int = 32,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> Proxy:
    """Embedding of `context` characters, one hidden layer, a softmax over all characters.

    Args:
        context: characters the model sees, >= 1.
        embedding: width of a character's embedding, >= 1.
        hidden: width of the hidden layer, >= 1.
        batch_size: windows in a batch, >= 1.
        momentum: of SGD, in [0, 1).
        weight_decay: of SGD, >= 0.
    """
    arguments = dict(locals())
    for name in ("context", "embedding", "hidden", "batch_size"):
        if arguments[name] < 1:
            raise ValueError(f"{name} must be at least 1 but got {arguments[name]!r}.")
    text = reference_text()
    tokens, n_characters = tokenize(text)
    train, validation, test = split_text(tokens)

    def model() -> nn.Sequential:
        table = nn.Embedding(n_characters, embedding)
        nn.init.normal_(table.weight, std=EMBEDDING_STD)
        return nn.Sequential(
            table,
            nn.Flatten(),
            nn.Linear(context * embedding, hidden),
            nn.ReLU(),
            nn.Linear(hidden, n_characters),
        )

    return Proxy(
        name="char_lm_mlp",
        model=model,
        train=windows(train, context),
        validation=thinned(windows(validation, context), VALIDATION_WINDOWS),
        test=thinned(windows(test, context), TEST_WINDOWS),
        batch_size=batch_size,
        steps_per_epoch=STEPS_PER_EPOCH,
        optimizer=SGD(momentum=momentum, weight_decay=weight_decay),
        batches=RandomBatches(),
        fingerprint=built_in_fingerprint(
            "char_lm_mlp", version=VERSION, data=text.encode(), arguments=arguments, module="char_lm"
        ),
        python_note=python_note(text),
    )


@cache
def reference_text() -> str:
    """All topics of Python's own help, in the order of their keys."""
    return "\n".join(topics.topics[key] for key in sorted(topics.topics))


def tokenize(text: str) -> tuple[Tensor, int]:
    """The text as int64 tokens, and how many different characters there are.

    >>> tokenize("abba")
    (tensor([0, 1, 1, 0]), 2)
    """
    alphabet = {character: token for token, character in enumerate(sorted(set(text)))}
    return torch.tensor([alphabet[character] for character in text]), len(alphabet)


def split_text(tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Contiguous blocks of 80, 10 and 10%: no window of one reaches into another."""
    first, second = int(0.8 * len(tokens)), int(0.9 * len(tokens))
    return tokens[:first], tokens[first:second], tokens[second:]


def windows(tokens: Tensor, context: int) -> Split:
    """Every `context` tokens with the token after them; a view, no window is copied."""
    return Split(inputs=tokens[:-1].unfold(0, context, 1), targets=tokens[context:])


def thinned(split: Split, n_samples: int) -> Split:
    """`n_samples` of a split at even distances, the same in every process."""
    chosen = torch.arange(n_samples) * len(split) // n_samples
    return Split(inputs=split.inputs[chosen], targets=split.targets[chosen])


def python_note(text: str) -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return (
        f"text of pydoc_data.topics in Python {platform.python_version()}: "
        f"{len(text):,} characters, SHA-256 {digest}..."
    )
