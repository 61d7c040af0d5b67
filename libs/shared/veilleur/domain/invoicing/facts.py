"""The facts that have to have exactly one record each, and how far they agree, as one query.

Of a record, `key` names its fact: what it counts (`fact_id`), else the decision, else the item. Facts and records of
some days around those that are compared may take part, so that a record on the wrong side of midnight still meets its
fact. What was erased explains itself: an explanation leaves its mark, a client leaves its erasure.
"""

from typing import Final

from veilleur.domain.decisions.record import MOST_REVIEW_S

_OF_CLIENT: Final = "agency_id = :agency_id AND {0}.client_id = :client_id"
_NEAR: Final = "{0} >= :near_first AND {0} < :near_past"

# The tombstone of an item that was never seen brought nothing to count; an erased item did.
_ITEMS = f"""
SELECT i.id AS key, 'items.received' AS meter, 1::numeric AS quantity, i.received_at AS at, false AS erased FROM items i
WHERE i.{_OF_CLIENT.format("i")} AND i.mode = 'live' AND {_NEAR.format("i.received_at")}
  AND (i.digest <> '' OR i.erased_at IS NOT NULL)
"""

# What rules or the client reverse is counted by correcting the old records; what people decide anew is counted itself.
_DECISIONS = f"""
SELECT d.id, CASE WHEN d.automated THEN 'decision.auto' ELSE 'decision.human' END, 1, d.made_at, false
FROM decisions d JOIN items i ON i.agency_id = d.agency_id AND i.id = d.item_id
WHERE d.{_OF_CLIENT.format("d")} AND i.mode = 'live' AND {_NEAR.format("d.made_at")}
  AND (d.reverses IS NULL OR (d.cause NOT IN ('rule', 'client') AND d.member_id IS NOT NULL))
"""

_REPLIES = f"""
SELECT d.id, 'reply.sent', 1, d.made_at, d.explanation IS NULL
FROM decisions d JOIN items i ON i.agency_id = d.agency_id AND i.id = d.item_id
WHERE d.{_OF_CLIENT.format("d")} AND i.mode = 'live' AND {_NEAR.format("d.made_at")}
  AND d.member_id IS NOT NULL AND d.reverses IS NULL
  AND (d.explanation IS NOT NULL OR d.explanation_erased_at IS NOT NULL)
"""

_REVIEWS = f"""
SELECT d.id, 'review.seconds', least(x.seconds, {MOST_REVIEW_S}), d.made_at, false
FROM decisions d JOIN items i ON i.agency_id = d.agency_id AND i.id = d.item_id
LEFT JOIN exposures x ON x.agency_id = d.agency_id AND x.case_id = d.case_id AND x.member_id = d.member_id
  AND x.kind = 'decision' AND x.at = d.made_at
WHERE d.{_OF_CLIENT.format("d")} AND i.mode = 'live' AND {_NEAR.format("d.made_at")}
  AND d.member_id IS NOT NULL AND d.bulk_of IS NULL AND d.reverses IS NULL
"""

_PROMISES = f"""
SELECT e.id, 'sla.' || e.type, 1, e.occurred_at, false FROM sla_events e
WHERE e.{_OF_CLIENT.format("e")} AND e.type IN ('met', 'breached') AND {_NEAR.format("e.occurred_at")}
"""

_ENTRIES = f"""
SELECT e.id, e.meter, e.quantity, e.occurred_at, false FROM usage_entries e
WHERE e.{_OF_CLIENT.format("e")} AND e.state IN ('approved', 'reversed') AND {_NEAR.format("e.occurred_at")}
"""

FACTS: Final = " UNION ALL ".join([_ITEMS, _DECISIONS, _REPLIES, _REVIEWS, _PROMISES, _ENTRIES])  # noqa: FLY002 - one a line

COMPARED: Final = f"""
WITH facts AS MATERIALIZED ({FACTS}),
records AS MATERIALIZED (
  SELECT id, meter, quantity, occurred_at, local_date, time_zone, coalesce(fact_id, decision_id, item_id) AS key
  FROM usage_records WHERE agency_id = :agency_id AND client_id = :client_id AND corrects_id IS NULL
    AND local_date >= CAST(:near_first_day AS date) AND local_date < CAST(:near_past_day AS date)),
days AS (
  SELECT * FROM unnest(CAST(:days AS date[]), CAST(:zones AS text[]), CAST(:starts AS timestamptz[]),
                       CAST(:ends AS timestamptz[])) AS t(day, zone, starts_at, ends_at)),
gone AS (
  SELECT FROM erasures WHERE agency_id = :agency_id AND client_id = :client_id AND kind = 'client'),
met AS MATERIALIZED (
  SELECT coalesce(f.meter, r.meter) AS meter, f.key AS fact, r.id AS record, f.quantity AS expected, r.quantity,
         f.erased OR f.key IS NULL AND EXISTS (SELECT FROM gone) AS erased,
         CASE WHEN r.id IS NULL THEN 'fact without a record'
              WHEN f.key IS NULL AND EXISTS (SELECT FROM gone) THEN NULL
              WHEN f.key IS NULL THEN 'record without a fact'
              WHEN r.quantity <> f.quantity THEN 'quantity differs'
              WHEN r.occurred_at <> f.at THEN 'instant differs'
              WHEN days.day IS NULL THEN 'day differs' END AS finding
  FROM facts f FULL JOIN records r ON r.meter = f.meter AND r.key = f.key
  LEFT JOIN days ON days.day = r.local_date AND days.zone = r.time_zone
    AND r.occurred_at >= days.starts_at AND r.occurred_at < days.ends_at
  WHERE (r.local_date >= CAST(:first AS date) AND r.local_date < CAST(:past AS date))
    OR (r.id IS NULL AND f.at >= :first_at AND f.at < :past_at)
    OR (days.day IS NULL AND f.at >= :first_at AND f.at < :past_at
        AND NOT (r.local_date >= CAST(:all_first AS date) AND r.local_date < CAST(:all_past AS date))))
"""
"""`met`: facts and records side by side, with what is wrong. A record on a day that is not its fact's is of its own
slice where there is one.
"""

TOTALS: Final = f"""{COMPARED}
SELECT meter, count(fact) AS facts, count(record) AS records, coalesce(sum(expected), 0) AS fact_quantity,
       coalesce(sum(quantity), 0) AS record_quantity, count(finding) AS differences,
       count(*) FILTER (WHERE erased) AS erased
FROM met GROUP BY meter ORDER BY meter
"""

FINDINGS: Final = f"""{COMPARED}
SELECT meter, fact, record, expected, quantity, finding FROM met WHERE finding IS NOT NULL
ORDER BY meter, finding, fact, record LIMIT :most
"""

CORRECTIONS: Final = """
SELECT c.meter, NULL::uuid AS fact, c.id AS record, -o.quantity AS expected, c.quantity,
       'correction differs' AS finding
FROM usage_records c LEFT JOIN usage_records o ON o.agency_id = c.agency_id AND o.id = c.corrects_id
WHERE c.agency_id = :agency_id AND c.client_id = :client_id AND c.local_date >= :first AND c.local_date < :past
  AND c.corrects_id IS NOT NULL AND (o.id IS NULL OR o.meter <> c.meter OR c.quantity NOT IN (0, -o.quantity))
ORDER BY c.id LIMIT :most
"""

SUMS: Final = """
WITH counted AS (
  SELECT meter, local_date, dims, billable, source_id, sum(quantity) AS quantity, count(*) AS records FROM usage_records
  WHERE agency_id = :agency_id AND client_id = :client_id AND local_date >= :first AND local_date < :past
  GROUP BY 1, 2, 3, 4, 5),
kept AS (
  SELECT meter, local_date, dims, billable, source_id, sum(quantity) AS quantity, sum(records) AS records
  FROM usage_sums
  WHERE agency_id = :agency_id AND client_id = :client_id AND local_date >= :first AND local_date < :past
  GROUP BY 1, 2, 3, 4, 5)
SELECT coalesce(c.meter, k.meter) AS meter, NULL::uuid AS fact, NULL::uuid AS record, c.quantity AS expected,
       k.quantity, 'kept sum differs' AS finding
FROM counted c FULL JOIN kept k ON c.meter = k.meter AND c.local_date = k.local_date AND c.dims = k.dims
  AND c.billable = k.billable AND coalesce(c.source_id, :agency_id) = coalesce(k.source_id, :agency_id)
WHERE c.records IS DISTINCT FROM k.records OR c.quantity IS DISTINCT FROM k.quantity
ORDER BY 1 LIMIT :most
"""

ZONES: Final = """
SELECT DISTINCT time_zone FROM usage_records WHERE agency_id = :agency_id AND client_id = :client_id
  AND local_date >= CAST(:near_first_day AS date) AND local_date < CAST(:near_past_day AS date)
"""
