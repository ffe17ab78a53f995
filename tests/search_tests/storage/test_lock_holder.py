"""Who keeps a lock, told though the files of a database come and go."""

from __future__ import annotations

import os
from pathlib import Path

from search.storage.lock_holder import holder_of


class Removed(type(Path())):  # type: ignore[misc]
    """A file that is there, and is removed just before it is looked at."""

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        self.unlink(missing_ok=True)
        return super().stat(follow_symlinks=follow_symlinks)  # type: ignore[no-any-return]

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        return os.path.exists(self)


def test_a_file_may_be_removed_while_it_is_looked_at(tmp_path: Path) -> None:
    path = Removed(tmp_path / "studies.db.lock")
    path.touch()
    assert holder_of([path]) == "another process"
