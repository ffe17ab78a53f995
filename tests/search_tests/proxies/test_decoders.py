"""`code_gpt` and what it shares with `char_gpt`: the text, its splits, the decoder, and their arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from search.errors import UsageError
from search.proxies.char_lm import reference_text
from search.proxies.code_gpt import split_blocks
from search.proxies.decoder import Decoder, token_windows
from search.proxies.fingerprints import built_in_fingerprint
from search.proxies.library_source import library_source
from search.proxies.proxy import AdamW
from search.proxies.registry import build_proxy


def test_code_gpt_is_what_its_documentation_says() -> None:
    proxy = build_proxy("code_gpt", {})
    assert proxy.optimizer == AdamW(weight_decay=0.1, beta1=0.9, beta2=0.95, clip_norm=1.0)
    assert proxy.parameter_count == 278_400
    assert proxy.train.inputs.shape == proxy.train.targets.shape
    assert len(proxy.train) > 5_000_000
    assert (len(proxy.validation), len(proxy.test)) == (256, 1024)
    assert proxy.python_note is not None
    assert proxy.python_note.startswith("source of the standard library of Python 3.")


def test_its_text_is_the_librarys_source_without_tests() -> None:
    text = library_source()
    assert 8_000_000 < len(text) < 30_000_000
    assert b"def dedent(text):" in text, "of textwrap"
    assert b"class TestCase(object):" in text, "of unittest, which is no test"
    assert b"class TestHTMLParserTolerantMode" not in text, "of test.test_htmlparser"


def test_the_text_is_the_files_in_the_order_of_their_paths(tmp_path: Path) -> None:
    files = {
        "b.py": b"b = 1\n",
        "a/z.py": b"z = 1\n",
        "a/test/t.py": b"left out",
        "site-packages/s.py": b"left out",
        "a/note.txt": b"left out",
        "a.py": b"a = 1\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert library_source(tmp_path) == b"a = 1\n\x00z = 1\n\x00b = 1\n\x00"


def test_a_library_without_source_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf'not in {tmp_path}; give the proxy another text: text = "FILE"'):
        library_source(tmp_path)


def test_blocks_of_a_text_go_to_the_three_splits() -> None:
    content = bytes(i // 10 for i in range(1000))  # a hundred blocks of ten bytes, each its number
    train, validation, test = split_blocks(content, 8)
    assert validation.tolist() == [block for block in range(4, 100, 10) for _ in range(10)]
    assert test.tolist() == [block for block in range(9, 100, 10) for _ in range(10)]
    assert sorted(train.tolist() + validation.tolist() + test.tolist()) == list(content)


def test_a_text_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes(b"to be or not to be\n" * 1000)
    proxy = build_proxy("code_gpt", {"text": str(path), "context": 16})
    assert proxy.python_note is None
    first = proxy.train
    assert bytes(first.inputs[0].tolist()) == b"to be or not to "
    assert bytes(first.targets[0].tolist()) == b"o be or not to b"
    path.rename(tmp_path / "moved.txt")
    moved = build_proxy("code_gpt", {"text": str(tmp_path / "moved.txt"), "context": 16})
    assert moved.fingerprint == proxy.fingerprint, "the text counts, not its place"


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("code_gpt", {"text": "/no/such/file"}, "text: /no/such/file can't be read"),
        ("code_gpt", {"text": 3}, "text must be text but got 3"),
        ("code_gpt", {"clip_norm": 0.0}, "clip_norm must be finite, > 0"),
        ("code_gpt", {"heads": 5}, "width must be a multiple of heads, 5, but got 96"),
        ("code_gpt", {"dropout": 1.0}, r"dropout must lie in \[0, 1\) but got 1.0"),
        ("char_gpt", {"dropout": -0.1}, r"dropout must lie in \[0, 1\) but got -0.1"),
    ],
)
def test_arguments_out_of_range_are_refused(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_proxy(name, arguments)


def test_a_text_that_is_too_short_is_told(tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_bytes(bytes(6499))
    with pytest.raises(
        UsageError, match="6499 bytes is too short for windows of 64: it must have at least 6500"
    ):
        build_proxy("code_gpt", {"text": str(tmp_path / "short.txt")})


def test_studies_of_char_gpt_from_before_it_had_dropout_go_on() -> None:
    arguments = {"context": 32, "layers": 2, "width": 48, "heads": 4, "batch_size": 8, "weight_decay": 0.1}
    former = built_in_fingerprint(
        "char_gpt", version=1, data=reference_text().encode(), arguments=arguments, module="char_gpt"
    )
    assert build_proxy("char_gpt", {}).fingerprint == former
    assert build_proxy("char_gpt", {"dropout": 0.1}).fingerprint != former


def test_a_place_sees_nothing_of_what_comes_after() -> None:
    torch.manual_seed(0)
    model = Decoder(11, context=6, layers=2, width=8, heads=2)
    tokens = torch.randint(11, (1, 6))
    changed = tokens.clone()
    changed[0, 4:] = (changed[0, 4:] + 1) % 11
    one, other = model(tokens), model(changed)
    assert torch.allclose(one[:, :4], other[:, :4], atol=1e-6)
    assert not torch.allclose(one[:, 4:], other[:, 4:], atol=1e-6)


def test_dropout_is_where_it_is_asked_for() -> None:
    models = {share: Decoder(11, 6, layers=3, width=8, heads=2, dropout=share) for share in (0.0, 0.25)}
    found = {
        share: [module.p for module in model.modules() if isinstance(module, nn.Dropout)]
        for share, model in models.items()
    }
    assert found == {0.0: [], 0.25: [0.25] * 7}


def test_windows_hold_each_places_next_token() -> None:
    split = token_windows(torch.arange(10), 4)
    assert split.inputs[5].tolist() == [5, 6, 7, 8]
    assert split.targets[5].tolist() == [6, 7, 8, 9]
    assert len(split) == 6
