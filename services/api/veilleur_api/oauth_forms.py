"""Requests and refusals of the token endpoints: forms in, the errors of RFC 6749 out."""

import base64
import binascii

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from veilleur.kernel.errors import TooLarge, Unsupported
from veilleur_api.answers import JsonAnswer
from veilleur_api.guard import read_body

FORM_BODY = 16_384
NO_STORE = {"cache-control": "no-store"}


class OAuthError(Exception):
    """An error of RFC 6749, 5.2."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.description, self.status = code, description, status

    def render(self) -> Response:
        headers = NO_STORE | ({"www-authenticate": "Basic"} if self.status == 401 else {})
        return JsonAnswer({"error": self.code, "error_description": self.description}, self.status, headers)


async def read_form(request: Request) -> dict[str, str]:
    """The parameters of a form, each once. Raises `OAuthError`."""
    try:
        await read_body(request, FORM_BODY)
    except TooLarge:
        raise OAuthError("invalid_request", "the form is too large", 413) from None
    except Unsupported:
        raise OAuthError("invalid_request", "send the form as it is, without Content-Encoding", 415) from None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "send a form: Content-Type: application/x-www-form-urlencoded")
    try:
        form = await request.form()
    except HTTPException as error:
        raise OAuthError("invalid_request", str(error.detail)) from None
    if len(form.multi_items()) != len(form):
        raise OAuthError("invalid_request", "a parameter stands twice")
    return {name: value for name, value in form.items() if isinstance(value, str) and "\0" not in value}


def read_basic(request: Request) -> tuple[str, str] | None:
    """Client id and secret of HTTP Basic authentication."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return client_id, secret
