"""An invoice or credit note as it is printed, in French or English."""

from collections.abc import Iterator

from veilleur.domain.billing.parties import Party
from veilleur.domain.invoicing.documents.document import (
    CREDIT_NOTE,
    DocumentLine,
    InvoiceDocument,
    Texts,
    say,
)
from veilleur.domain.invoicing.documents.facturx import describe_company
from veilleur.domain.invoicing.documents.sheet import (
    Block,
    Brand,
    Row,
    Sheet,
    Sum,
    render_all,
    say_amount,
    say_country,
    say_day,
    say_days,
    say_number,
    say_rate,
)
from veilleur.kernel.messages import Language, Message, msg

UNITS: dict[str, Texts] = {
    "HUR": {"en": "h", "fr": "h"}, "DAY": {"en": "d", "fr": "j"}, "MON": {"en": "mo.", "fr": "mois"},
    "MIN": {"en": "min", "fr": "min"}, "SEC": {"en": "s", "fr": "s"},
}  # fmt: skip
COLUMNS = (msg("Service"), msg("Qty"), msg("Unit price"), msg("VAT"), msg("Amount excl. VAT"))


def lay_out_invoice(document: InvoiceDocument, brand: Brand, language: Language, *, draft: bool = False) -> Sheet:
    credit = document.kind == CREDIT_NOTE
    title = msg("Credit note") if credit else msg("Invoice")
    return Sheet(
        title=title.render(language),
        number=msg("No. {number}", number=document.number).render(language) if document.number else "",
        language=language,
        made_on=document.issued_on,
        draft=msg("DRAFT").render(language) if draft else None,
        brand=brand,
        seller=describe_party(msg("From"), document.seller, language),
        buyer=describe_party(msg("Billed to"), document.buyer, language),
        facts=tuple(_list_facts(document, language)),
        intro=msg("Services supplied; amounts in {currency}.", currency=document.currency).render(language),
        columns=render_all(COLUMNS, language),  # type: ignore[arg-type]  # as many as there are
        rows=tuple(_lay_out_line(line, document, language) for line in document.lines),
        sums=tuple(_list_sums(document, language)),
        boxes=tuple(_list_boxes(document, language)),
        sections=tuple(_list_sections(document, language)),
        signature=None,
        footer=describe_foot(document.seller),
    )


def describe_party(title: Message, party: Party, language: Language) -> Block:
    lines = [party.name, *party.address, f"{party.postcode} {party.city}", say_country(party.country, language)]
    if party.siret or party.siren:
        lines.append(f"{'SIRET' if party.siret else 'SIREN'} {party.siret or party.siren}")
    if party.vat_id:
        lines.append(msg("VAT id {id}", id=party.vat_id).render(language))
    if party.email:
        lines.append(party.email)
    return Block(title.render(language), tuple(lines))


def describe_foot(seller: Party) -> str:
    parts = [
        seller.name,
        describe_company(seller),
        f"SIREN {seller.siren}" if seller.siren else "",
        seller.vat_id or "",
    ]
    return " · ".join(part for part in parts if part)


def _list_facts(document: InvoiceDocument, language: Language) -> Iterator[tuple[str, str]]:
    yield msg("Issued on").render(language), say_day(document.issued_on, language)
    if document.kind != CREDIT_NOTE:
        yield msg("Due on").render(language), say_day(document.due_on, language)
    if document.period:
        days = say_days(document.period.first, document.period.last, language)
        yield msg("Service period").render(language), days
    if document.credited:
        credited = msg(
            "{number} of {day}", number=document.credited.number, day=say_day(document.credited.issued_on, language)
        )
        yield msg("Credits invoice").render(language), credited.render(language)
    if document.purchase_order:
        yield msg("Your order").render(language), document.purchase_order
    if document.quote:
        yield msg("Our quote").render(language), document.quote
    if document.contract:
        yield msg("Contract").render(language), document.contract


def _lay_out_line(line: DocumentLine, document: InvoiceDocument, language: Language) -> Row:
    own = line.period if line.period != document.period else None
    unit = UNITS.get(line.unit_code)
    quantity = say_number(line.quantity, language)
    return Row(
        text=say(line.texts, language),
        detail=say_days(own.first, own.last, language) if own else "",
        quantity=f"{quantity} {say(unit, language)}" if unit else quantity,
        unit_price=say_amount(line.unit_price, document.currency, language),
        tax=say_rate(line.rate, language) if line.category == "S" else line.category,
        net=say_amount(line.net, document.currency, language),
    )


def _list_sums(document: InvoiceDocument, language: Language) -> Iterator[Sum]:
    totals = document.totals

    def show(label: Message, amount: object, *, strong: bool = False) -> Sum:
        return Sum(label.render(language), say_amount(amount, document.currency, language), strong)  # type: ignore[arg-type]

    if document.allowances:
        yield show(msg("Sum of services"), totals.lines)
        for off in document.allowances:
            label = say(off.texts, language)
            if len(document.tax) > 1:
                label += f" ({say_rate(off.rate, language)})"
            yield Sum(label, say_amount(-off.amount, document.currency, language))
    yield show(msg("Total excl. VAT"), totals.basis)
    for row in document.tax:
        yield show(msg("VAT at {rate}", rate=say_rate(row.rate, language)), row.amount)
    if totals.prepaid:
        yield show(msg("Total incl. VAT"), totals.total)
        yield show(msg("Paid already"), -totals.prepaid)
    last = msg("To be returned") if document.kind == CREDIT_NOTE else msg("To be paid")
    yield show(last, totals.due, strong=True)


def _list_boxes(document: InvoiceDocument, language: Language) -> Iterator[Block]:
    taxed = [say(row.reason, language) for row in document.tax if row.reason]
    if len(document.tax) > 1:
        taxed = [
            msg(
                "{rate} of {basis}: {amount}", rate=say_rate(row.rate, language),
                basis=say_amount(row.basis, document.currency, language),
                amount=say_amount(row.amount, document.currency, language),
            ).render(language)
            for row in document.tax
        ] + taxed  # fmt: skip
    if document.exchange:
        told = document.exchange
        taxed.append(
            msg(
                "VAT in {currency}: {amount} (rate {rate} of {day}, {source})", currency=told.currency,
                amount=say_amount(told.tax, told.currency, language), rate=say_number(told.rate, language),
                day=say_day(told.on, language), source=told.source,
            ).render(language)
        )  # fmt: skip
    if document.vat_on_debits:
        taxed.append(msg("VAT is paid on debits").render(language))
    if taxed:
        yield Block(msg("VAT").render(language), tuple(taxed))
    if document.kind != CREDIT_NOTE:
        yield Block(msg("Payment").render(language), tuple(_say_payment(document, language)))


def _say_payment(document: InvoiceDocument, language: Language) -> Iterator[str]:
    due = msg(
        "{amount} by bank transfer until {day}",
        amount=say_amount(document.totals.due, document.currency, language),
        day=say_day(document.due_on, language),
    )
    yield due.render(language)
    if document.bank:
        iban = document.bank.iban
        yield "IBAN " + " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))
        named = (("BIC", document.bank.bic), ("", document.bank.holder))
        yield from (f"{label} {value}".strip() for label, value in named if value)
    if document.number:
        yield msg("Reference: {number}", number=document.number).render(language)


def _list_sections(document: InvoiceDocument, language: Language) -> Iterator[Block]:
    if document.notes:
        yield Block(msg("Terms").render(language), tuple(say(note.texts, language) for note in document.notes))
