"""The compose file keeps to the specification, and to what a machine with other work on it may expect of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from compose_spec import PyOptions

ROOT = Path(__file__).parents[1]
COMPOSE = ROOT / "docker-compose.yml"
FROM_ENVIRONMENT = re.compile(r"\$\{(\w+):\?\}")
SECRET = re.compile(r"PASSWORD|SECRET|_KEY|TOKEN|CONN")
LINK = re.compile(r"(postgresql\+psycopg2://airflow:)?\$\{\w+:\?\}(@postgres/airflow)?")
PINNED = re.compile(r"[\w./-]+:\d[\w.-]*\d[\w.-]*")

Json = dict[str, Any]


def read(text: str) -> Json:
    """Return the file with its anchors merged; ValueError when the specification does not allow it."""
    found = PyOptions(apply_merge=True).from_yaml(text)
    found.validate()
    return found.to_dict()


SERVICES: dict[str, Json] = read(COMPOSE.read_text())["services"]
each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))


def is_one_shot(service: Json) -> bool:
    return bool(service["restart"] == "no")


@pytest.mark.parametrize(
    ("slip", "message"),
    [
        ("restrat: always", "restrat"),
        ("ports: ['127.0.0.1:99999:80']", "99999"),
        ("healthcheck: {interval: often}", "often"),
    ],
)
def test_the_specification_refuses_a_slip(slip: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(f"services: {{one: {{image: 'x:1', {slip}}}}}")


def test_airflow_has_its_services() -> None:
    assert set(SERVICES) == {"postgres", "init", "api-server", "scheduler", "dag-processor"}


@each_service
def test_a_service_has_a_health_check_and_comes_back_or_ends(service: Json) -> None:
    assert is_one_shot(service) != bool(service.get("healthcheck", {}).get("test"))
    assert service["restart"] in {"no", "unless-stopped"}


def test_what_a_service_waits_for_says_when_it_is_there() -> None:
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if is_one_shot(SERVICES[name]) else "service_healthy"
            assert wait == {"condition": expected}


@each_service
def test_a_service_has_no_rights_to_spare(service: Json) -> None:
    assert service["user"].split(":")[0] not in {"", "0", "root"}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@each_service
def test_a_port_is_open_to_this_machine_only(service: Json) -> None:
    assert [port for port in service.get("ports", []) if not port.startswith("127.0.0.1:")] == []
    assert "network_mode" not in service


@each_service
def test_an_image_is_pinned(service: Json) -> None:
    assert PINNED.fullmatch(service["image"])


def test_the_image_is_built_on_a_pinned_one_from_pinned_packages_for_a_user_without_rights() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("FROM ") and not PINNED.fullmatch(line.split()[1])] == []
    assert "RUN pip install -r requirements/airflow.txt" in lines
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001"]
    sources = [source for line in lines if line.startswith("COPY ") for source in line.split()[1:-1]]
    assert [source for source in sources if not (ROOT / source).exists()] == []


@each_service
def test_a_secret_comes_from_the_environment(service: Json) -> None:
    held = {name: value for name, value in service["environment"].items() if SECRET.search(name)}
    held.pop("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", None)  # a path
    assert held
    assert {name: value for name, value in held.items() if not LINK.fullmatch(value)} == {}


def test_the_example_names_every_variable_that_must_be_set_and_sets_none() -> None:
    needed = set(FROM_ENVIRONMENT.findall(COMPOSE.read_text()))
    lines = [line for line in (ROOT / ".env.example").read_text().splitlines() if line and not line.startswith("#")]
    assert dict(line.split("=", 1) for line in lines) == dict.fromkeys(needed, "")


def test_data_lie_in_named_volumes_and_the_dags_are_read_only() -> None:
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service["volumes"]]
    named = set(read(COMPOSE.read_text())["volumes"])
    assert {mount[0] for mount in mounts} == named | {"./dags"}
    assert {tuple(mount[2:]) for mount in mounts if mount[0] == "./dags"} == {("ro",)}
    assert "lake:/var/lib/cto" in SERVICES["scheduler"]["volumes"]
