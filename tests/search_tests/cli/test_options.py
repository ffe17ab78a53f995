"""Options that several commands share."""

from __future__ import annotations

from typing import get_args

from search.cli.options import StudyArgument
from search.spec.packaged import packaged_studies


def test_the_help_names_every_packaged_study() -> None:
    text = str(get_args(StudyArgument)[1].help)
    assert len(packaged_studies()) >= 5
    assert f"({', '.join(packaged_studies())})" in text
