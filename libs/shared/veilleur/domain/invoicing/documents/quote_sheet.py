"""A quote as it is printed: services, prices of a usual period, terms, and where to sign."""

from collections.abc import Iterator
from datetime import date

from veilleur.domain.billing.pricing import Bill
from veilleur.domain.billing.tax import TaxTerms
from veilleur.domain.invoicing.documents.compose import classify
from veilleur.domain.invoicing.documents.document import say
from veilleur.domain.invoicing.documents.invoice_sheet import COLUMNS, describe_foot, describe_party
from veilleur.domain.invoicing.documents.sheet import (
    Block,
    Brand,
    Row,
    Sheet,
    Sum,
    render_all,
    say_amount,
    say_day,
    say_number,
    say_rate,
)
from veilleur.domain.invoicing.from_statement import describe_line
from veilleur.domain.invoicing.offer import Offer, Service
from veilleur.domain.invoicing.profile import Profile
from veilleur.kernel.messages import Language, Message, msg


def lay_out_quote(offer: Offer, bill: Bill, profile: Profile, brand: Brand, number: str | None, made_on: date) -> Sheet:
    language = offer.language
    return Sheet(
        title=msg("Quote").render(language),
        number=msg("No. {number}", number=number).render(language) if number else "",
        language=language,
        made_on=made_on,
        draft=None if number else msg("DRAFT").render(language),
        brand=brand,
        seller=describe_party(msg("From"), profile.seller, language),
        buyer=describe_party(msg("For"), offer.buyer, language),
        facts=tuple(_list_facts(offer, made_on, language)),
        intro=offer.introduction or "",
        columns=render_all(COLUMNS, language),  # type: ignore[arg-type]  # as many as there are
        rows=tuple(_list_rows(bill, offer.tax.to_terms(), language)),
        sums=tuple(_list_sums(bill, language)),
        boxes=tuple(_list_boxes(offer, profile, language)),
        sections=tuple(_list_sections(offer, language)),
        signature=Block(msg("Agreed: date, name, role, signature").render(language), ("",)),
        footer=describe_foot(profile.seller),
    )


def _list_facts(offer: Offer, made_on: date, language: Language) -> Iterator[tuple[str, str]]:
    yield msg("Issued on").render(language), say_day(made_on, language)
    yield msg("Valid until").render(language), say_day(offer.valid_until, language)
    yield msg("Begins on").render(language), say_day(offer.starts_on, language)
    if offer.ends_on:
        yield msg("Ends before").render(language), say_day(offer.ends_on, language)
    else:
        yield msg("Duration").render(language), msg("until it is cancelled").render(language)
    if offer.report_day:
        day = msg("by day {day} of the following month", day=offer.report_day)
        yield msg("Monthly report").render(language), day.render(language)
    if offer.purchase_order:
        yield msg("Your order").render(language), offer.purchase_order


def _list_rows(bill: Bill, terms: TaxTerms, language: Language) -> Iterator[Row]:
    for line in bill.lines:
        category, rate = classify(line.vat, terms)
        yield Row(
            text=say(describe_line(line), language),
            detail="",
            quantity=say_number(line.quantity, language),
            unit_price=say_amount(line.unit_price, bill.currency, language),
            tax=say_rate(rate, language) if category == "S" else category,
            net=say_amount(line.net, bill.currency, language),
        )


def _list_sums(bill: Bill, language: Language) -> Iterator[Sum]:
    for off in bill.allowances:
        yield Sum(off.reason.render(language), say_amount(-off.amount, bill.currency, language))
    yield Sum(msg("Total excl. VAT").render(language), say_amount(bill.subtotal, bill.currency, language))
    for row in bill.tax:
        label = msg("VAT at {rate}", rate=say_rate(row.rate, language)).render(language)
        yield Sum(label, say_amount(row.amount, bill.currency, language))
    yield Sum(msg("Total incl. VAT").render(language), say_amount(bill.total, bill.currency, language), strong=True)


def _list_boxes(offer: Offer, profile: Profile, language: Language) -> Iterator[Block]:
    basis = msg("Prices of a usual period; what is invoiced is what was counted.")
    days = msg("Payable within {days} days of the invoice.", days=offer.payment_days)
    lines = [basis.render(language), days.render(language)]
    if profile.vat_regime == "franchise":
        lines.append(
            say({"fr": "TVA non applicable, art. 293 B du CGI", "en": "VAT not applicable (art. 293 B CGI)"}, language)
        )
    yield Block(msg("Prices").render(language), tuple(lines))


def _list_sections(offer: Offer, language: Language) -> Iterator[Block]:
    if offer.services:
        yield Block(msg("Services").render(language), tuple(_say_service(one) for one in offer.services))
    terms = offer.terms
    named: tuple[tuple[Message, str | None], ...] = (
        (msg("Payment"), terms.payment),
        (msg("Cancellation"), terms.cancellation),
        (msg("Intellectual property"), terms.intellectual_property),
        (msg("Approvals by the client"), terms.validation),
    )
    yield from (Block(title.render(language), (text,)) for title, text in named if text)
    if terms.other:
        yield Block(msg("Terms").render(language), tuple(terms.other))


def _say_service(service: Service) -> str:
    more = " · ".join(part for part in (service.frequency, service.time) if part)
    head = f"{service.title} ({more})" if more else service.title
    return f"{head} – {service.description}" if service.description else head
