from pathlib import Path

import pytest

from veilleur.dev.options import Options, read_options
from veilleur.infra.cannot_start import CannotStart


def test_without_a_word_everything_is_embedded_on_port_8080_with_the_demo() -> None:
    assert read_options({"VEILLEUR_DATABASE_URL": ""}) == Options(
        state=Path.cwd() / ".veilleur",
        port=8080,
        demo=True,
        database_url=None,
        redis_url=None,
        egress_allow="127.0.0.0/8,::1/128",
    )


def test_the_environment_steers() -> None:
    environment = {
        "VEILLEUR_DEV_STATE": "/srv/elsewhere",
        "VEILLEUR_DEV_PORT": "9090",
        "VEILLEUR_DEV_DEMO": "0",
        "VEILLEUR_DATABASE_URL": "postgresql://admin@db/postgres",
        "VEILLEUR_REDIS_URL": "redis://cache",
        "VEILLEUR_EGRESS_ALLOW": "10.0.0.0/8",
    }
    assert read_options(environment) == Options(
        Path("/srv/elsewhere"), 9090, False, "postgresql://admin@db/postgres", "redis://cache", "10.0.0.0/8"
    )


@pytest.mark.parametrize(
    "environment",
    [
        {"VEILLEUR_DEV_PORT": "0"},
        {"VEILLEUR_DEV_PORT": "65536"},
        {"VEILLEUR_DEV_PORT": "http"},
        {"VEILLEUR_DEV_PORT": "٨٠٨٠"},
        {"VEILLEUR_DEV_PORT": "9" * 5000},
        {"VEILLEUR_DEV_DEMO": "yes"},
        {"VEILLEUR_EGRESS_ALLOW": "localhost"},
    ],
)
def test_a_value_that_says_nothing_is_named(environment: dict[str, str]) -> None:
    [name] = environment
    with pytest.raises(CannotStart, match=name):
        read_options(environment)
