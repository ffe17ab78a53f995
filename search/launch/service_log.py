"""`ServiceLog`: what a worker says, a line each, for a person or for a program that collects logs."""

from __future__ import annotations

import datetime
import json
from typing import Literal

from search.messages import Say

LogFormat = Literal["text", "json"]


class ServiceLog:
    """Says lines, each of a study or of the worker itself.

    Args:
        say: takes a finished line.
        form: `text`, or `json`: an object a line, with `time` (UTC), `study` (or null) and `message`.
    """

    def __init__(self, say: Say, form: LogFormat = "text") -> None:
        self._say = say
        self._form = form

    def __call__(self, text: str, study: str | None = None) -> None:
        """
        >>> ServiceLog(print)("started", "char_lm")
        char_lm: started
        """
        if self._form == "text":
            self._say(text if study is None else f"{study}: {text}")
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        self._say(json.dumps({"time": now, "study": study, "message": text}, ensure_ascii=False))
