"""What a revision may do while the release before it serves. Pure: from its SQL to a list of complaints.

A revision takes every lock at once (env.py gives it two seconds for each) and holds it to its end, so nothing in it may
scan or rewrite a table that is in use; and the code of the release before goes on reading and writing what it knows.
"""

import re

KIND = re.compile(r"^Kind: (expand|backfill|contract)\.", re.MULTILINE)

_CREATED = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", re.IGNORECASE)
_ALTERED = re.compile(r"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?(\w+)\s+(.*)", re.IGNORECASE | re.DOTALL)
_INDEXED = re.compile(
    r"CREATE (?:UNIQUE )?INDEX (?P<concurrently>CONCURRENTLY )?(?:IF NOT EXISTS )?\w+ ON (?:ONLY )?(?P<table>\w+)",
    re.IGNORECASE,
)
_ACTIONS = re.compile(r",\s+(?=(?:ADD|DROP|ALTER|RENAME|VALIDATE|SET|ENABLE|FORCE)\b)", re.IGNORECASE)

_EVERYWHERE = (
    (r"\b(?:lock|statement)_timeout\b", "how long to wait is env.py's to say"),
    (r"\bVACUUM\b|\bCLUSTER\b|\bREINDEX\b(?! .*CONCURRENTLY)", "rewrites a table under a lock nobody passes"),
)
_OF_EXISTING = (
    (r"^RENAME\b", "the release before knows the old name: add, fill, and drop in a later release"),
    (r"^ALTER (?:COLUMN )?\w+ (?:SET DATA )?TYPE\b", "rewrites the table: add a column beside it"),
    (r"^ALTER (?:COLUMN )?\w+ SET NOT NULL", "scans the table: a CHECK … NOT VALID first, validated a revision later"),
    (r"^ADD CONSTRAINT \w+ (?:CHECK|FOREIGN KEY)(?!.*\bNOT VALID\b)", "scans the table: NOT VALID, then VALIDATE"),
    (r"^ADD CONSTRAINT \w+ (?:UNIQUE|PRIMARY KEY)(?!.*\bUSING INDEX\b)", "builds an index: CONCURRENTLY, then USING INDEX"),
    (r"^ADD (?:COLUMN )?(?!CONSTRAINT)\w+ .*\bNOT NULL\b(?!.*\bDEFAULT\b)(?<!DEFAULT)", "no row has a value: give a DEFAULT"),
    (r"^ADD (?:COLUMN )?.*\bDEFAULT\s+(?:gen_random_uuid|random|clock_timestamp|nextval)\b", "a default of each row's own rewrites the table"),
    (r"^ADD (?:COLUMN )?.*\b(?:GENERATED ALWAYS AS \(.*\) STORED|SERIAL)\b", "rewrites the table"),
)  # fmt: skip
_DROPS = r"^DROP (?:COLUMN|CONSTRAINT)?\s*(?:IF EXISTS )?\w+"


def find_risks(kind: str, statements: list[str], *, autocommits: bool) -> list[str]:
    """What is wrong with a revision of this kind; `autocommits` when it leaves its transaction for a part."""
    created = {name for statement in statements for name in _CREATED.findall(statement)}
    risks = []
    for statement in statements:
        text = " ".join(statement.split())
        risks += [f"{why}: {text[:90]}" for pattern, why in _EVERYWHERE if re.search(pattern, text, re.IGNORECASE)]
        if "CONCURRENTLY" in text.upper() and not autocommits:
            risks.append(f"CONCURRENTLY wants no transaction around it (autocommit_block): {text[:90]}")
        risks += _judge_index(text, created)
        risks += _judge_alteration(kind, text, created)
        if kind == "expand" and re.match(r"DROP TABLE\b", text, re.IGNORECASE):
            risks.append(f"the release before uses it: drop it in a contract step: {text[:90]}")
    return risks + _judge_validation(statements)


def _judge_index(text: str, created: set[str]) -> list[str]:
    found = _INDEXED.match(text)
    if found is None or found["table"] in created or found["concurrently"]:
        return []
    return [f"locks out writers while it is built: CONCURRENTLY: {text[:90]}"]


def _judge_alteration(kind: str, text: str, created: set[str]) -> list[str]:
    found = _ALTERED.match(text)
    if found is None or found[1] in created:
        return []
    risks = []
    for action in _ACTIONS.split(found[2]):
        risks += [
            f"{why}: {found[1]}: {action[:90]}"
            for pattern, why in _OF_EXISTING
            if re.search(pattern, action, re.IGNORECASE)
        ]
        if kind == "expand" and re.match(_DROPS, action, re.IGNORECASE):
            risks.append(f"the release before relies on it: drop it in a contract step: {found[1]}: {action[:90]}")
    return risks


def _judge_validation(statements: list[str]) -> list[str]:
    """Validated in the same transaction, the scan runs under the lock that NOT VALID was to avoid."""
    text = " ".join(statements)
    added = set(re.findall(r"ADD CONSTRAINT (\w+)[^;]*?NOT VALID", text, re.IGNORECASE))
    validated = set(re.findall(r"VALIDATE CONSTRAINT (\w+)", text, re.IGNORECASE))
    return [f"validate it in the next revision: {name}" for name in sorted(added & validated)]
