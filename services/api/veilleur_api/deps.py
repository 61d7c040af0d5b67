"""What endpoints ask for: the caller, the transaction of the request, and the page wanted.

`Tx` is committed before the answer leaves (`scope="function"`): FastAPI's default would commit after it, and an error
then could no longer be told. Endpoints raise, they never return errors: a returned one would commit.

All of these are coroutines, those that wait for nothing as well: FastAPI sends plain functions to a thread and back,
which costs more than all the rest of a webhook.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.kernel.paging import MAX_LIMIT
from veilleur_api.parts import Parts
from veilleur_api.principals import ClientCaller, MemberCaller, get_parts


async def share_parts(request: Request) -> Parts:
    return get_parts(request)


async def get_caller(request: Request) -> ClientCaller | MemberCaller:
    caller: ClientCaller | MemberCaller = request.state.caller
    return caller


async def get_client_caller(request: Request) -> ClientCaller:
    caller: ClientCaller = request.state.caller
    return caller


async def get_member_caller(request: Request) -> MemberCaller:
    caller: MemberCaller = request.state.caller
    return caller


async def transaction(
    parts: Annotated[Parts, Depends(share_parts)], caller: Annotated[ClientCaller | MemberCaller, Depends(get_caller)]
) -> AsyncIterator[AsyncSession]:
    database = parts.intake_database if isinstance(caller, ClientCaller) else parts.database
    async with database.transaction(caller.scope) as session:
        yield session


PartsOf = Annotated[Parts, Depends(share_parts)]
Client = Annotated[ClientCaller, Depends(get_client_caller)]
Member = Annotated[MemberCaller, Depends(get_member_caller)]
Tx = Annotated[AsyncSession, Depends(transaction, scope="function")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
After = Annotated[str | None, Query(max_length=1_000)]
