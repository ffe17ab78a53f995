"""What stands on a study's pages in optuna-dashboard, as the dashboard keeps it.

Notes and plots lie among the system attributes of the study, in the pieces that `save_note` and
`save_plotly_graph_object` make. Those take a transaction for each piece; here all is written in one. A plot
is one piece, however long: the dashboard joins what there is, and for each trial looks at every attribute of
the study.

A note that somebody has written, or has edited, is theirs and stays. What Warmboot wrote is known by its
version and a digest, kept beside it (`BOARD`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from search.storage.study_attributes import BOARD
from search.storage.study_record import PREFIX, StudyRecord
from search.storage.study_rows import (
    move_out_of_sight,
    set_system_attributes,
    set_user_attributes,
    system_attributes,
)

PIECE_LENGTH = 2045
"""Characters of a piece of a note; the dashboard's own."""
_DASHBOARD = "dashboard:"


@dataclass(frozen=True)
class Pages:
    """What a study's pages are to show.

    Attributes:
        note: on the study, Markdown.
        trial_notes: on trials, by Optuna's id of the trial.
        plots: plotly's JSON of each, by a name that may stand in HTML.
        rows: of the table of the study's user attributes.
    """

    note: str
    trial_notes: Mapping[int, str] = field(default_factory=dict)
    plots: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, str] = field(default_factory=dict)


def put_up(record: StudyRecord, pages: Pages, at_seconds: float) -> None:
    """Show `pages`; what is there already is left as it is, and a note that is somebody else's stays.

    What an earlier call has shown and `pages` lacks is taken down.

    Args:
        record: the study.
        pages: what it shows from now on.
        at_seconds: the time, by the clock of the database; kept beside it.
    """
    record.database.locked(lambda: _put_up(record, pages, at_seconds))


def _put_up(record: StudyRecord, pages: Pages, at_seconds: float) -> None:
    database, study_id = record.database, record.study_id
    if not database.knows_tables:
        return  # by calls of Optuna's own it would take a second or more, under the lock
    with database.engine.begin() as connection:
        move_out_of_sight(connection, study_id, PREFIX)
        before: dict[str, Any] = system_attributes(connection, study_id, PREFIX + BOARD)
        there = system_attributes(connection, study_id, _DASHBOARD)
        change = _Change(there, before.get(PREFIX + BOARD, {}))
        change.notes(pages)
        change.plots(pages.plots)
        state = {**change.state, "at": at_seconds}
        new, gone = {**change.new, PREFIX + BOARD: state}, change.gone
        set_system_attributes(connection, study_id, new, gone)
        set_user_attributes(connection, study_id, pages.rows)


class _Change:
    """What has to be written: `new` and `gone` of the attributes, and the `state` to be kept."""

    def __init__(self, there: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        self._there, self._before = there, before
        self.new: dict[str, Any] = {}
        self.gone: list[str] = []
        self.state: dict[str, Any] = {"notes": {}, "plots": []}

    def notes(self, pages: Pages) -> None:
        wanted: dict[int | None, str] = {None: pages.note}
        wanted |= dict(pages.trial_notes.items())
        earlier = [_trial_id(name) for name in self._before.get("notes", {})]
        for trial_id in dict.fromkeys([*wanted, *earlier]):
            self._note(trial_id, wanted.get(trial_id, ""))

    def plots(self, wanted: Mapping[str, str]) -> None:
        for name, text in wanted.items():
            pieces = self._pieces(f"{_DASHBOARD}plot_data:{name}:")
            if "".join(pieces.values()) != text:
                self._write(f"{_DASHBOARD}plot_data:{name}:", [text], pieces)
        for name in set(self._before.get("plots", ())) - wanted.keys():
            self.gone += self._pieces(f"{_DASHBOARD}plot_data:{name}:")
        self.state["plots"] = sorted(wanted)

    def _note(self, trial_id: int | None, body: str) -> None:
        begin = _DASHBOARD if trial_id is None else f"{_DASHBOARD}{trial_id}:"
        pieces = self._pieces(f"{begin}note_str:")
        version, old = int(self._there.get(f"{begin}note_ver", 0)), "".join(pieces.values())
        if old and self._before.get("notes", {}).get(str(trial_id)) != [version, _digest(old)]:
            return  # somebody else's
        if not body:
            self.gone += [f"{begin}note_ver", *pieces]
            return
        if old != body:
            version += 1
            self.new[f"{begin}note_ver"] = version
            self._write(f"{begin}note_str:", _split(body), pieces)
        self.state["notes"][str(trial_id)] = [version, _digest(body)]

    def _pieces(self, begin: str) -> dict[str, str]:
        numbers = sorted(int(k.removeprefix(begin)) for k in self._there if k.startswith(begin))
        return {f"{begin}{number}": self._there[f"{begin}{number}"] for number in numbers}

    def _write(self, begin: str, pieces: Sequence[str], before: Mapping[str, str]) -> None:
        new = {f"{begin}{i}": piece for i, piece in enumerate(pieces)}
        self.new |= new
        self.gone += [key for key in before if key not in new]


def _trial_id(name: str) -> int | None:
    return None if name == "None" else int(name)


def _split(body: str) -> list[str]:
    return [body[start : start + PIECE_LENGTH] for start in range(0, len(body), PIECE_LENGTH)]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
