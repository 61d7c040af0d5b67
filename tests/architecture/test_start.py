"""What a process loads before it serves: a worker that was killed is back as soon as its imports are through."""

import subprocess
import sys

import pytest

FOR_THE_API = {"alembic", "authlib", "fastapi", "starlette", "uvicorn"}
FOR_DOCUMENTS = {"facturx", "fontTools", "fpdf", "numpy", "pypdfium2", "saxonche"}
WHEN_FIRST_NEEDED = {"eldc", "jsonpath", "phonenumbers", "py3langid", "requests", "tldextract"}
"""Loaded with the first text, number or link that asks for them."""
WITH_A_COLLECTOR = {"opentelemetry.exporter", "opentelemetry.sdk"}
LATE = FOR_DOCUMENTS | WHEN_FIRST_NEEDED | WITH_A_COLLECTOR
AFTER_SCREENING = {"veilleur_worker.drains", "veilleur.domain.custody", "veilleur.domain.invoicing", "babel", "joserfc"}


@pytest.mark.parametrize(
    ("entry", "unwanted"),
    [
        ("veilleur_worker.main", LATE | FOR_THE_API | AFTER_SCREENING),
        ("veilleur_worker.supervisor", LATE | FOR_THE_API),
        ("veilleur_api.main", LATE),
    ],
)
def test_a_start_loads_nothing_that_can_wait(entry, unwanted):
    program = f"import sys, {entry}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert entry in loaded
    assert unwanted & loaded == set()
