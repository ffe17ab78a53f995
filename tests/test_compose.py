"""What `docker-compose.yml` promises in its text; `compose_check.sh` brings it up for real."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # Optuna brings it, without types

from search.launch.worker_pool import GRACE_SECONDS

ROOT = Path(__file__).parents[1]
SERVICES = ["postgres", "migrate", "worker", "worker-gpu", "dashboard", "proxy"]
RESIDENT = [name for name in SERVICES if name != "migrate"]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def test_every_service_is_looked_at_here(compose: dict[str, Any]) -> None:
    assert sorted(compose["services"]) == sorted(SERVICES)


def test_the_proxy_alone_can_be_reached_and_from_this_machine_alone_unless_asked(
    compose: dict[str, Any],
) -> None:
    published = {
        name: service["ports"] for name, service in compose["services"].items() if "ports" in service
    }
    assert published == {"proxy": ["${WARMBOOT_BIND:-127.0.0.1}:${WARMBOOT_PORT:-8443}:8443"]}


def test_networks_are_apart(compose: dict[str, Any]) -> None:
    networks = {name: service["networks"] for name, service in compose["services"].items()}
    assert {name for name, joined in networks.items() if "outside" in joined} == {"proxy"}
    assert "database" not in networks["proxy"]
    assert {name for name, joined in networks.items() if "front" in joined} == {"proxy", "dashboard"}
    assert compose["networks"] == {"database": {"internal": True}, "front": {"internal": True}, "outside": {}}


def test_there_is_no_password_in_it(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for variable, value in service.get("environment", {}).items():
            assert "PASSWORD" not in variable or variable.endswith("_FILE")
            assert ":" not in str(value).partition("://")[2].partition("@")[0]


def test_each_service_has_the_secrets_of_its_role_alone(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert {name: service["secrets"] for name, service in services.items() if name != "postgres"} == {
        "migrate": ["owner_password"],
        "worker": ["worker_password"],
        "worker-gpu": ["worker_password"],
        "dashboard": ["viewer_password", "dashboard"],
        "proxy": ["users", "dashboard_login"],
    }
    for name, role in (("migrate", "owner"), ("worker", "worker"), ("dashboard", "viewer")):
        environment = services[name]["environment"]
        assert environment["WARMBOOT_STORAGE"] == f"postgresql://warmboot_{role}@postgres/warmboot"
        assert environment["WARMBOOT_STORAGE_PASSWORD_FILE"] == f"/run/secrets/{role}_password"


def test_secrets_are_neither_committed_nor_built_into_the_image(compose: dict[str, Any]) -> None:
    for secret in compose["secrets"].values():
        assert secret["file"].startswith("./secrets/")
    assert "secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    first_rule = next(rule for rule in rules if not rule.startswith("#"))
    assert first_rule == "*", "what the image may hold is listed, and nothing else is in it"


@pytest.mark.parametrize("name", SERVICES)
def test_services_are_confined(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    for limit in ("mem_limit", "pids_limit", "cpus"):
        assert limit in service


def test_no_service_is_root(compose: dict[str, Any]) -> None:
    for dockerfile in ("Dockerfile", "deploy/Dockerfile.proxy"):
        assert "\nUSER 10001:10001\n" in (ROOT / dockerfile).read_text()
    assert compose["services"]["postgres"]["user"] == "postgres"
    assert all("user" not in service for name, service in compose["services"].items() if name != "postgres")


@pytest.mark.parametrize("name", ["migrate", "worker", "worker-gpu", "dashboard"])
def test_what_a_container_leaves_is_cleared_away(compose: dict[str, Any], name: str) -> None:
    assert compose["services"][name]["init"] is True


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    bases = [
        found
        for dockerfile in ("Dockerfile", "deploy/Dockerfile.proxy")
        for found in re.findall(r"^FROM (\S+)", (ROOT / dockerfile).read_text(), re.MULTILINE)
    ]
    bases += [compose["services"]["postgres"]["image"]]
    assert len(bases) == 3
    for image in bases:
        assert re.fullmatch(r"\w+:\d+\.\d+(\.\d+)?-[a-z-]+", image), image


@pytest.mark.parametrize("name", RESIDENT)
def test_services_tell_whether_they_are_well_and_have_time_to_end(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert service["restart"] == "unless-stopped"
    if "worker" in name:
        assert int(service["stop_grace_period"].removesuffix("s")) > GRACE_SECONDS, "it hands trials back"


def test_each_service_waits_for_what_it_needs(compose: dict[str, Any]) -> None:
    healthy, completed = {"condition": "service_healthy"}, {"condition": "service_completed_successfully"}
    depends = {name: service.get("depends_on") for name, service in compose["services"].items()}
    both = {"postgres": healthy, "migrate": completed}
    assert depends == {
        "postgres": None,
        "migrate": {"postgres": healthy},
        "worker": both,
        "worker-gpu": both,
        "dashboard": both,
        "proxy": {"dashboard": healthy},
    }


def test_gpus_are_asked_for_by_their_profile_alone(compose: dict[str, Any]) -> None:
    asking = {name for name, service in compose["services"].items() if "deploy" in service}
    assert asking == {"worker-gpu"}
    assert compose["services"]["worker-gpu"]["profiles"] == ["gpu"]


def test_passwords_are_made_once_for_the_containers_alone_and_not_shown(
    tmp_path: Path, compose: dict[str, Any]
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    script = tmp_path / "deploy" / "secrets.sh"
    script.parent.mkdir()
    script.write_bytes((ROOT / "deploy/secrets.sh").read_bytes())
    for _ in range(2):  # what is there stays
        done = subprocess.run(["sh", script], capture_output=True, text=True, check=True)
        assert done.stdout + done.stderr == ""
        made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert {f"./secrets/{name}" for name in made} == {s["file"] for s in compose["secrets"].values()}
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    passwords = [made[f"{role}.txt"].strip() for role in ("postgres", "owner", "worker", "viewer")]
    assert len(set(passwords)) == 4
    assert all(re.fullmatch(r"[0-9a-f]{48}", password) for password in passwords)
    login = re.fullmatch(r'header_up Authorization "Basic (\S+)"\n', made["dashboard_login.txt"])
    assert login is not None
    assert base64.b64decode(login[1]).decode() == made["dashboard.txt"].strip()


@pytest.fixture(scope="module")
def pods() -> dict[str, dict[str, Any]]:
    """The pod of each object in `deploy/kubernetes.yaml`."""
    objects = yaml.safe_load_all((ROOT / "deploy/kubernetes.yaml").read_text())
    return {made["metadata"]["name"]: made["spec"]["template"]["spec"] for made in objects}


@pytest.mark.parametrize("name", ["migrate", "worker", "dashboard"])
def test_a_pod_is_confined_as_its_service_is_and_does_the_same(
    compose: dict[str, Any], pods: dict[str, dict[str, Any]], name: str
) -> None:
    pod, service = pods[f"warmboot-{name}"], compose["services"][name]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001, "as the image's"
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert environment["WARMBOOT_STORAGE"] == service["environment"]["WARMBOOT_STORAGE"].replace(
        "@postgres/", "@db.example/"
    )
    (secret,) = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
    (item,) = secret["items"]
    assert environment["WARMBOOT_STORAGE_PASSWORD_FILE"] == f"/secrets/{item['path']}"
    assert item["key"] in service["secrets"], "its own password and no other"


def test_a_pod_of_a_worker_is_looked_after_and_has_time_to_hand_back(
    pods: dict[str, dict[str, Any]],
) -> None:
    worker = pods["warmboot-worker"]
    assert worker["terminationGracePeriodSeconds"] > GRACE_SECONDS
    (container,) = worker["containers"]
    health = container["command"][container["command"].index("--health-file") + 1]
    assert health in container["livenessProbe"]["exec"]["command"][-1]


def test_the_check_skips_with_a_reason_where_its_tools_are_absent(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    script = tmp_path / "tests" / "compose_check.sh"
    script.write_bytes((ROOT / "tests" / "compose_check.sh").read_bytes())
    done = subprocess.run(["bash", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout[:22]) == (0, "skipped: there is no /")
