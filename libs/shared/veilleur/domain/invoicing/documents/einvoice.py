"""The e-invoices of documents: written, and held against the official rules before anybody sees them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from veilleur.domain.invoicing.documents.document import InvoiceDocument
from veilleur.domain.invoicing.documents.facturx import write_xml
from veilleur.domain.invoicing.documents.invariants import check_document
from veilleur.infra.einvoicing.check import Fault, check_xml
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class EInvoice:
    """Its XML, and the official rules it breaks."""

    xml: bytes
    faults: tuple[Fault, ...]


async def write_einvoices(documents: Sequence[InvoiceDocument]) -> list[EInvoice]:
    """One for each document, by one run of the rules."""
    if not documents:
        return []
    written = []
    for document in documents:
        check_document(document)
        written.append(await asyncio.to_thread(write_xml, document))
    found = await check_xml(written, [document.seller.country == "FR" for document in documents])
    return [EInvoice(xml, tuple(faults)) for xml, faults in zip(written, found, strict=True)]


def require_faultless(einvoices: Sequence[EInvoice]) -> list[bytes]:
    """The XML of each; `Invalid` names every rule that one of them breaks."""
    errors = [
        InputError("", msg("{rule}: {text}", rule=fault.rule, text=fault.text))
        for einvoice in einvoices
        for fault in einvoice.faults
    ]
    if errors:
        raise Invalid(
            msg("The e-invoice breaks official rules, and is not issued"), errors=errors[:50], slug="einvoice-refused"
        )
    return [einvoice.xml for einvoice in einvoices]
