"""From a statement to the lines and allowances of an invoice; pure.

A line taken back later is a negative quantity at its price: EN 16931 knows no negative prices.
"""

from dataclasses import replace
from datetime import timedelta

from veilleur.domain.billing.period import Period
from veilleur.domain.billing.plan import RatePlan
from veilleur.domain.billing.pricing import Line
from veilleur.domain.billing.tax import TaxTerms
from veilleur.domain.invoicing.documents.compose import Kind, classify, share_allowances
from veilleur.domain.invoicing.documents.document import DocumentAllowance, DocumentLine, Span, in_both
from veilleur.domain.invoicing.statement import Statement, StatementLine


def list_lines(statement: Statement, terms: TaxTerms) -> tuple[DocumentLine, ...]:
    """In the statement's order, under the statement's ids."""
    units = _find_units(statement.plan)
    return tuple(_to_line(one, classify(one.line.vat, terms), units) for one in statement.lines)


def list_allowances(statement: Statement, lines: tuple[DocumentLine, ...]) -> tuple[DocumentAllowance, ...]:
    return share_allowances(lines, statement.total.allowances)


def to_span(period: Period) -> Span:
    """Documents print the last day, periods name the first one after it."""
    return Span(period.first, period.past - timedelta(days=1))


def describe_line(line: Line) -> dict[str, str]:
    """Label and part, in both languages."""
    default = next(iter(line.labels.values()), line.component)
    labels = {language: line.labels.get(language, default) for language in ("en", "fr")}
    if line.detail is None:
        return labels
    detail = in_both(line.detail)
    return {language: f"{label}: {detail[language]}" if language == "en" else f"{label} : {detail[language]}"
            for language, label in labels.items()}  # fmt: skip


def _to_line(one: StatementLine, kind: Kind, units: dict[str, str]) -> DocumentLine:
    line = one.line if one.line.unit_price >= 0 else _turn(one.line)
    category, rate = kind
    return DocumentLine(
        id=one.id,
        texts=describe_line(line),
        quantity=line.quantity,
        unit_price=line.unit_price,
        net=line.net,
        category=category,
        rate=rate,
        unit_code=units.get(line.component, "C62"),
        period=to_span(one.period),
        component=line.component,
    )


def _turn(line: Line) -> Line:
    return replace(line, quantity=-line.quantity, unit_price=-line.unit_price)


def _find_units(plan: RatePlan) -> dict[str, str]:
    return {component.code: component.unit_code for component in plan.components}
