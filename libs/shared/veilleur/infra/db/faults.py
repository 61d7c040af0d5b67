"""What a database's failures mean, and what of them may be told.

PostgreSQL repeats values in its messages (`DETAIL: Failing row contains …`), and values are content: of an error only
its kind, SQLSTATE and constraint are kept. asyncpg repeats them as well, where a value does not fit its column.
"""

import asyncio

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from veilleur.infra.cannot_start import CannotStart

# SQLSTATE classes that mean "not now": connections, resources, operator intervention, locks and timeouts.
_PASSING = ("08", "53", "57", "55P03", "40", "25P03", "25P04")
# Of these, the ones nobody's own statement brings about: not its timeouts and locks, nor the memory it takes.
_FOREIGN = ("08", "53100", "53300", "57P", "40")


def is_passing(error: DBAPIError) -> bool:
    """Whether the same request may well succeed a little later."""
    return _has_lost_connection(error) or _read_state(error).startswith(_PASSING)


def is_foreign(error: BaseException) -> bool:
    """Whether work failed by no fault of its own: the database was away, stopped or full, or others were in the way."""
    if isinstance(error, DBAPIError):
        return _has_lost_connection(error) or _read_state(error).startswith(_FOREIGN)
    return isinstance(error, OSError | PoolTimeoutError | asyncio.TimeoutError)


def explain_silence(error: BaseException) -> CannotStart | None:
    """What to tell whoever starts a process whose database did not let it in; None when it was something else."""
    state = _read_state(error) if isinstance(error, DBAPIError) else ""
    if state.startswith("28"):
        return CannotStart("The database refuses the role or the password that VEILLEUR_DATABASE_URL names.")
    if state == "3D000":
        return CannotStart("The server has no database of the name that VEILLEUR_DATABASE_URL gives.")
    if is_foreign(error):
        return CannotStart(f"The database that VEILLEUR_DATABASE_URL names can't be reached: {error}")
    return None


def silence_error(context: ExceptionContext) -> None:
    """Take all values out of an error before anybody can log it: SQLAlchemy's, its driver's and asyncpg's own."""
    original = context.original_exception
    if context.sqlalchemy_exception is None:
        return
    cause = original.__cause__
    state = getattr(original, "sqlstate", None)
    constraint = getattr(cause, "constraint_name", None)
    # Of class 42 (no right, no such table) the message names our own things only, and an operator needs it.
    message = str(cause.args[0]) if cause is not None and str(state).startswith("42") else None
    told = " ".join(str(part) for part in (type(cause or original).__name__, state, constraint, message) if part)
    for error in (original, cause):
        if error is not None:
            error.args = (told,)
    for name in ("detail", "hint", "context", "internal_query"):
        if hasattr(cause, name):
            setattr(cause, name, None)
    context.sqlalchemy_exception.args = (told,)
    if cause is not None:
        # What a codec of asyncpg said about a value.
        cause.__cause__ = cause.__context__ = None


def _has_lost_connection(error: DBAPIError) -> bool:
    if error.connection_invalidated or isinstance(error, InterfaceError | OperationalError):
        return True
    cause = error.orig.__cause__ if error.orig is not None else None
    return isinstance(cause, OSError | asyncio.TimeoutError)


def _read_state(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")
