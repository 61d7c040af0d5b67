"""Reading an SLA policy as an owner writes it (see `policy`), every mistake told with its pointer; pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from veilleur.domain.sla.mistakes import Mistakes, read_fields
from veilleur.domain.sla.policy import GRACE_S
from veilleur.domain.sla.policy_conditions import CODE, Known, read_when
from veilleur.domain.sla.statutory import STATUTORY
from veilleur.kernel.messages import Message, msg

MAX_RULES = 100
MAX_WARNINGS = 8
MAX_SECONDS = 366 * 86_400
MAX_ITEMS = 1_000_000_000
MAX_GRACE_S = 30 * 86_400
PERIODS = ("hour", "day", "week", "month")


def read_policy(document: object, known: Known, pointer: str, mistakes: Mistakes) -> dict[str, Any]:
    """The policy in full: what a statutory class fills in is written out. Of no use where there are mistakes."""
    fields = read_fields(document, pointer, mistakes, required=("default",), optional=("rules", "reopen_grace_s"))
    reader = _Reader(known, mistakes)
    listed = reader.read_list(fields.get("rules", []), f"{pointer}/rules", MAX_RULES)
    rules = [reader.read_rule(one, f"{pointer}/rules/{place}") for place, one in enumerate(listed)]
    default = reader.read_default(fields["default"], f"{pointer}/default") if "default" in fields else {}
    grace = reader.read_number(fields.get("reopen_grace_s", GRACE_S), f"{pointer}/reopen_grace_s", 0, MAX_GRACE_S)
    return {"rules": rules, "default": default, "reopen_grace_s": grace}


@dataclass(frozen=True, slots=True)
class _Reader:
    """What stands in for something wrong is never used: one mistake refuses the whole."""

    known: Known
    mistakes: Mistakes

    def read_rule(self, document: object, pointer: str) -> dict[str, Any]:
        fields = self._read_fields(document, pointer, ("when",))
        when = read_when(fields.get("when", {}), f"{pointer}/when", self.known, self.mistakes)
        return {"when": when} | self._read_promise(fields, pointer)

    def read_default(self, document: object, pointer: str) -> dict[str, Any]:
        return self._read_promise(self._read_fields(document, pointer), pointer)

    def read_list(self, value: object, pointer: str, limit: int) -> list[Any]:
        if isinstance(value, list) and len(value) <= limit:
            return value
        self.mistakes.add(pointer, msg("must be a list"), msg("at most {limit} entries", limit=limit))
        return []

    def read_number(self, value: object, pointer: str, lowest: int, highest: int) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
            return value
        hint = msg("a whole number from {lowest} to {highest}", lowest=lowest, highest=highest)
        self.mistakes.add(pointer, msg("is not a number that can be used here"), hint)
        return lowest

    def _read_fields(self, document: object, pointer: str, more: tuple[str, ...] = ()) -> dict[str, object]:
        picked = isinstance(document, dict) and "statutory" in document
        required = () if picked else ("class", "decision")
        optional = ("statutory", "class", "decision", "escalation", "volume", *more)
        return read_fields(document, pointer, self.mistakes, required=required, optional=optional)

    def _read_promise(self, fields: dict[str, object], pointer: str) -> dict[str, Any]:
        fields = self._fill_in(fields, pointer)
        promise: dict[str, Any] = {name: fields[name] for name in ("statutory",) if name in fields}
        if "class" in fields:
            promise["class"] = self._read_class(fields["class"], f"{pointer}/class")
            self._require_law(promise, f"{pointer}/class")
        for metric in ("decision", "escalation"):
            if metric in fields:
                promise[metric] = self._read_target(fields[metric], f"{pointer}/{metric}")
        if "volume" in fields:
            promise["volume"] = self._read_volume(fields["volume"], f"{pointer}/volume")
        return promise

    def _fill_in(self, fields: dict[str, object], pointer: str) -> dict[str, object]:
        """What a statutory class says where the rule itself says nothing."""
        if "statutory" not in fields:
            return fields
        picked = STATUTORY.get(str(fields["statutory"]))
        if picked is None:
            hint = msg("one of {names}", names=list(STATUTORY))
            self.mistakes.add(f"{pointer}/statutory", msg("is not a statutory class"), hint)
            return {"class": "x", "decision": {"seconds": 1, "time": "calendar"}} | fields
        filled: dict[str, object] = {"class": picked.code, "decision": picked.to_target()} | fields
        decision = filled["decision"]
        if picked.fixed and isinstance(decision, dict) and _is_longer(decision, picked.seconds):
            detail = msg("is longer than the source of the class allows")
            hint = msg("at most {seconds} seconds of calendar time, not pausable", seconds=picked.seconds)
            self.mistakes.add(f"{pointer}/decision", detail, hint)
        return filled

    def _require_law(self, promise: Mapping[str, Any], pointer: str) -> None:
        """Nothing bears a law's name without its time: reports would show the law kept where it was not."""
        if promise["class"] in STATUTORY and promise.get("statutory") != promise["class"]:
            hint = msg('write "statutory": "{code}" instead of class, or choose another name', code=promise["class"])
            self.mistakes.add(pointer, msg("is the name of a statutory class"), hint)

    def _read_class(self, value: object, pointer: str) -> str:
        if isinstance(value, str) and CODE.fullmatch(value):
            return value
        self.mistakes.add(pointer, msg("is not a code"), msg("lower-case letters, digits, - and _, at most 64"))
        return ""

    def _read_target(self, value: object, pointer: str) -> dict[str, Any]:
        fields = read_fields(
            value, pointer, self.mistakes, required=("seconds", "time"), optional=("pausable", "warnings")
        )
        seconds = self.read_number(fields.get("seconds", 1), f"{pointer}/seconds", 1, MAX_SECONDS)
        self._require(fields.get("time", "calendar"), ("business", "calendar"), f"{pointer}/time")
        pausable = fields.get("pausable", True)
        if not isinstance(pausable, bool):
            self.mistakes.add(f"{pointer}/pausable", msg("must be true or false"))
        warnings = self._read_warnings(fields.get("warnings", []), f"{pointer}/warnings", seconds)
        target = {"seconds": seconds, "time": fields.get("time"), "pausable": pausable}
        return target | ({"warnings": warnings} if warnings else {})

    def _read_warnings(self, value: object, pointer: str, seconds: int) -> list[dict[str, int]]:
        warnings: list[dict[str, int]] = []
        for place, one in enumerate(self.read_list(value, pointer, MAX_WARNINGS)):
            warning = self._read_warning(one, f"{pointer}/{place}", seconds)
            if warning in warnings:
                self.mistakes.add(f"{pointer}/{place}", msg("stands there twice"))
            warnings.append(warning)
        return warnings

    def _read_warning(self, value: object, pointer: str, seconds: int) -> dict[str, int]:
        fields = read_fields(value, pointer, self.mistakes, required=(), optional=("percent", "before_s"))
        if isinstance(value, dict) and len(fields) != 1:
            self.mistakes.add(pointer, msg("must say one thing"), msg("either percent or before_s"))
        if "percent" in fields:
            return {"percent": self.read_number(fields["percent"], f"{pointer}/percent", 1, 99)}
        return {"before_s": self.read_number(fields.get("before_s", 1), f"{pointer}/before_s", 1, max(1, seconds - 1))}

    def _read_volume(self, value: object, pointer: str) -> dict[str, Any]:
        fields = read_fields(value, pointer, self.mistakes, required=("per", "items", "beyond"), optional=("slower",))
        self._require(fields.get("per", "day"), PERIODS, f"{pointer}/per")
        items = self.read_number(fields.get("items", 1), f"{pointer}/items", 1, MAX_ITEMS)
        beyond = fields.get("beyond", "excluded")
        self._require(beyond, ("excluded", "slower"), f"{pointer}/beyond")
        if (beyond == "slower") != ("slower" in fields):
            hint = msg("give it exactly when beyond is slower")
            self.mistakes.add(f"{pointer}/slower", msg("is the target of what is beyond the volume"), hint)
        volume = {"per": fields.get("per"), "items": items, "beyond": beyond}
        if "slower" in fields:
            volume["slower"] = self._read_target(fields["slower"], f"{pointer}/slower")
        return volume

    def _require(self, value: object, allowed: Collection[str], pointer: str) -> None:
        if value not in allowed:
            self.mistakes.add(pointer, msg("is not allowed here"), _name(allowed))


def _is_longer(decision: Mapping[str, Any], seconds: int) -> bool:
    given = decision.get("seconds")
    exceeds = isinstance(given, int) and given > seconds
    return exceeds or decision.get("time", "calendar") != "calendar" or decision.get("pausable", True) is not False


def _name(allowed: Collection[str]) -> Message:
    return msg("one of {names}", names=list(allowed))
