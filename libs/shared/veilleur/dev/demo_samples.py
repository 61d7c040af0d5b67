"""The samples: real comments with the verdict a human annotator gave each (`samples/README.md` tells their story)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, Literal

from veilleur.infra.cannot_start import CannotStart
from veilleur.kernel.clock import to_rfc3339

Label = Literal["clean", "toxic", "spam"]

_FILES = ("forum-fr.jsonl", "videos-en.jsonl")


@dataclass(frozen=True, slots=True)
class Sample:
    """`item` is an item of the ingest contract without its times, which hang on when it is sent."""

    client: str
    label: Label
    posted_before_s: int
    account_age_days: int
    item: Mapping[str, Any]

    @property
    def sample_id(self) -> str:
        return str(self.item["external_id"])


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """An item ready to be sent to a client's source; `message_id` stays the same however often it is sent."""

    client: str
    message_id: str
    item: Mapping[str, object]


def find_samples(given: Path | None = None) -> Path:
    """The samples' folder: the one given, else the nearest `samples/` above this file or in the current folder."""
    around = (folder / "samples" for folder in (*Path(__file__).resolve().parents, Path.cwd()))
    for folder in (given,) if given else around:
        if all((folder / name).is_file() for name in _FILES):
            return folder
    raise CannotStart(f"There are no samples in {given or 'this installation'}: name their folder with --samples.")


def load_samples(folder: Path) -> tuple[Sample, ...]:
    """All samples, the clients taking turns, each client's in the order of its file."""
    files = [(folder / name).read_text(encoding="utf-8").splitlines() for name in _FILES]
    lines = chain.from_iterable(zip_longest(*files))
    return tuple(Sample(**json.loads(line)) for line in lines if line)


def plan_items(samples: Iterable[Sample], run_id: str, now: datetime) -> list[PlannedItem]:
    """The items of one run, in order.

    Every external id gets the run's id as a suffix. An item is known by its source and external id, so the same
    samples sent again under the same ids would be answered `duplicate` and nobody would see them.
    """
    return [
        PlannedItem(sample.client, f"replay-{run_id}-{sample.sample_id}", _date_item(sample, run_id, now))
        for sample in samples
    ]


def make_run_id(now: datetime) -> str:
    """`261122101500`: sorts as the runs do, and fits both an external id and a `webhook-id`."""
    return f"{now:%y%m%d%H%M%S}"


def map_labels(samples: Sequence[Sample]) -> dict[str, Label]:
    """The annotator's verdict by sample id."""
    return {sample.sample_id: sample.label for sample in samples}


def find_sample_id(external_id: str) -> str:
    """The sample behind an external id of any run."""
    return external_id.partition(".")[0]


def _date_item(sample: Sample, run_id: str, now: datetime) -> dict[str, object]:
    created_at = now - timedelta(seconds=sample.posted_before_s)
    joined_at = created_at - timedelta(days=sample.account_age_days)
    return {
        **sample.item,
        "external_id": f"{sample.sample_id}.{run_id}",
        "created_at": to_rfc3339(created_at),
        "author": {**sample.item["author"], "created_at": to_rfc3339(joined_at)},
    }
