"""Libraries of the extra `einvoice`: heavy, and not everybody's business."""

from importlib import import_module
from typing import Any

from veilleur.kernel.errors import NotInstalled
from veilleur.kernel.messages import msg


def load_extra(module: str) -> Any:
    """The module, or a problem that says what to install."""
    try:
        return import_module(module)
    except ImportError:
        raise NotInstalled(
            msg("Electronic invoices need the extra {extra}, which is not installed here", extra="veilleur[einvoice]")
        ) from None
