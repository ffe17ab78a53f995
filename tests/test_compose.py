"""What `docker-compose.yml` promises in its text; `compose_check.sh` brings it up for real."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # Optuna brings it, without types

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def test_the_dashboard_alone_can_be_reached_and_from_this_machine_alone(compose: dict[str, Any]) -> None:
    published = {
        name: service["ports"] for name, service in compose["services"].items() if "ports" in service
    }
    assert list(published) == ["dashboard"]
    assert all(port.startswith("127.0.0.1:") for port in published["dashboard"])
    assert compose["networks"]["database"] == {"internal": True}


def test_there_is_no_password_in_it(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for variable, value in service.get("environment", {}).items():
            assert "PASSWORD" not in variable or variable.endswith("_FILE")
            assert ":" not in str(value).partition("://")[2].partition("@")[0]


def test_secrets_are_neither_committed_nor_built_into_the_image(compose: dict[str, Any]) -> None:
    for secret in compose["secrets"].values():
        assert secret["file"].startswith("./secrets/")
    assert "secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    first_rule = next(rule for rule in rules if not rule.startswith("#"))
    assert first_rule == "*", "what the image may hold is listed, and nothing else is in it"


@pytest.mark.parametrize("name", ["migrate", "worker", "dashboard"])
def test_our_services_are_confined(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True, "the first process of a container has to clear away what others leave"
    assert "USER 10001:10001" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", ["worker", "dashboard"])
def test_the_tables_are_made_before_anything_else_begins(compose: dict[str, Any], name: str) -> None:
    depends = compose["services"][name]["depends_on"]
    assert depends["migrate"] == {"condition": "service_completed_successfully"}


def test_the_check_skips_with_a_reason_where_its_tools_are_absent(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    script = tmp_path / "tests" / "compose_check.sh"
    script.write_bytes((ROOT / "tests" / "compose_check.sh").read_bytes())
    done = subprocess.run(["bash", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout[:22]) == (0, "skipped: there is no /")
