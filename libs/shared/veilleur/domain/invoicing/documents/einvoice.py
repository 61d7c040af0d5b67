"""The e-invoices of documents: written, and held against the official rules before anybody sees them."""

import asyncio
from collections.abc import Sequence

from veilleur.domain.invoicing.documents.document import InvoiceDocument
from veilleur.domain.invoicing.documents.facturx import write_xml
from veilleur.domain.invoicing.documents.invariants import check_document
from veilleur.infra.einvoicing.check import check_xml
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import msg


async def make_einvoices(documents: Sequence[InvoiceDocument]) -> list[bytes]:
    """The XML of each document; `Invalid` names every rule that one of them breaks."""
    written = []
    for document in documents:
        check_document(document)
        written.append(await asyncio.to_thread(write_xml, document))
    found = await check_xml(written, [document.seller.country == "FR" for document in documents])
    errors = [
        InputError(f"/{document.number or place}", msg("{rule}: {text}", rule=fault.rule, text=fault.text))
        for place, (document, faults) in enumerate(zip(documents, found, strict=True))
        for fault in faults
    ]
    if errors:
        raise Invalid(
            msg("The e-invoice breaks official rules, and is not issued"), errors=errors[:50], slug="einvoice-refused"
        )
    return written
