"""Lines of a worker: for people, and as JSON for programs."""

from __future__ import annotations

import datetime
import json

from search.launch.service_log import ServiceLog


def test_a_line_for_a_person_begins_with_its_study() -> None:
    said: list[str] = []
    log = ServiceLog(said.append)
    log("waiting for a study")
    log("started", "char_lm")
    assert said == ["waiting for a study", "char_lm: started"]


def test_json_is_an_object_a_line_whatever_the_text() -> None:
    said: list[str] = []
    log = ServiceLog(said.append, "json")
    log('a failure\nwith "quotes" and ü', "char_lm")
    log("waiting")
    assert all("\n" not in line for line in said)
    first, second = map(json.loads, said)
    assert (first["study"], first["message"]) == ("char_lm", 'a failure\nwith "quotes" and ü')
    assert second["study"] is None
    assert datetime.datetime.fromisoformat(first["time"]).utcoffset() == datetime.timedelta(0)
