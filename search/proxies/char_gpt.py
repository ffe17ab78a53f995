"""`char_gpt`: a small transformer on the text of `char_lm_mlp`, trained with AdamW.

The same characters as there, but another kind of training: attention, an adaptive optimizer with decoupled
weight decay, and a loss at every place of a window. What is found on one of the two can be tried on the
other.
"""

from __future__ import annotations

from search.proxies.char_lm import python_note, reference_text, split_text, tokenize
from search.proxies.decoder import Decoder, check_decoder, token_windows, windows_apart
from search.proxies.fingerprints import built_in_fingerprint, without_later
from search.proxies.proxy import AdamW, Proxy, RandomBatches

VERSION = 1
"""Goes up when the same arguments train something else, here or in what this module imports."""
LATER_ARGUMENTS = {"dropout": 0.0}
"""Added after studies of this proxy were made: such a study is the one that has the defaults."""
STEPS_PER_EPOCH = 50
VALIDATION_WINDOWS = 256
TEST_WINDOWS = 1024


def char_gpt(
    *,
    context: int = 32,
    layers: int = 2,
    width: int = 48,
    heads: int = 4,
    batch_size: int = 8,
    weight_decay: float = 0.1,
    dropout: float = 0.0,
) -> Proxy:
    """A pre-norm decoder that tells every next character of a window.

    Args:
        context: characters in a window, >= 1.
        layers: transformer blocks, >= 1.
        width: of the residual stream, a multiple of `heads`.
        heads: of the attention, >= 1.
        batch_size: windows in a batch, >= 1.
        weight_decay: of AdamW, on all weights, >= 0.
        dropout: of what is added to the residual stream, in [0, 1).
    """
    arguments = dict(locals())
    check_decoder(arguments)
    text = reference_text()
    tokens, n_characters = tokenize(text)
    train, validation, test = split_text(tokens)
    return Proxy(
        name="char_gpt",
        model=lambda: Decoder(n_characters, context, layers, width, heads, dropout),
        train=token_windows(train, context),
        validation=windows_apart(validation, context, VALIDATION_WINDOWS),
        test=windows_apart(test, context, TEST_WINDOWS),
        batch_size=batch_size,
        steps_per_epoch=STEPS_PER_EPOCH,
        optimizer=AdamW(weight_decay=weight_decay, beta1=0.9, beta2=0.95),
        batches=RandomBatches(),
        fingerprint=built_in_fingerprint(
            "char_gpt",
            version=VERSION,
            data=text.encode(),
            arguments=without_later(arguments, LATER_ARGUMENTS),
            module="char_gpt",
        ),
        python_note=python_note(text),
    )
