"""The ten lines that say where things are and what to try first."""

import shlex
from pathlib import Path

from veilleur.dev.context import DevContext
from veilleur.dev.programs import veilleur_command

_ITEM = r'''-d "{\"source\": \"$SOURCE\", \"items\": [{\"external_id\": \"mine-1\", \"text\": \"Bonjour\"}]}"'''


def write_guide(context: DevContext) -> str:
    """Commands to copy as they stand; tokens are read from the file, so that none stays on the screen."""
    file = context.state / "credentials.json"
    item = _ITEM.replace("$SOURCE", _show(file, '["clients"][0]["sources"][0]["id"]'))
    key, token = _show(file, '["clients"][0]["api_key"]'), _show(file, '["moderators"][0]["token"]')
    replay = f"VEILLEUR_DEV_STATE={shlex.quote(str(context.state))} {shlex.quote(veilleur_command())} replay --one"
    lines = [
        "Veilleur is up. Ctrl-C stops all that it started; the data stays.",
        f"  API            {context.base_url}",
        f"  API docs       {context.base_url}/docs",
        f"  admin port     {context.admin_url}",
        f"  state          {context.state}",
        f"  credentials    {file}",
        f"  send an item   {replay}",
        f"  with curl      {_call(context, '/ingest/v1/items', key)} {item}",
        f"  claim a case   {_call(context, '/moderator/v1/assignments', token)} -d '{{\"hold\": 1}}'",
        "  start over     stop, then delete the state folder",
    ]
    return "\n".join(lines)


def _call(context: DevContext, path: str, token: str) -> str:
    return (
        f"""curl -sS {context.base_url}{path} -H 'Content-Type: application/json' -H "Authorization: Bearer {token}\""""
    )


def _show(file: Path, keys: str) -> str:
    """A shell expression for one value of `credentials.json`; no tool beyond Python is asked for."""
    script = shlex.quote(f"import json, sys; print(json.load(open(sys.argv[1])){keys})")
    return f"$(python3 -c {script} {shlex.quote(str(file))})"
