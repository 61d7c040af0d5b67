"""The kinds of providers there are; a new vendor is a file and a line here."""

from collections.abc import Mapping

from veilleur.domain.providers.protocol import Vendor
from veilleur.domain.providers.vendors.azure import AZURE
from veilleur.domain.providers.vendors.chat_guard import CHAT_GUARD
from veilleur.domain.providers.vendors.google import GOOGLE
from veilleur.domain.providers.vendors.mapped import MAPPED
from veilleur.domain.providers.vendors.moderations import MISTRAL, OPENAI

VENDORS: Mapping[str, Vendor] = {
    "openai": OPENAI,
    "mistral": MISTRAL,
    "azure": AZURE,
    "google": GOOGLE,
    "chat_guard": CHAT_GUARD,
    "http": MAPPED,
}
