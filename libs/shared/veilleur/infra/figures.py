"""What the processes count for Prometheus. Labels name kinds, states and reasons: never an agency, a person or content.

Each process counts what itself does; what stands in the database for all of them is measured when it is asked for. A
process tells only its own: a figure that it never sets would read as a zero.
"""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

API = CollectorRegistry()
WORKER = CollectorRegistry()
INSTALLATION = CollectorRegistry()

_FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LAG_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 5.0, 15.0, 60.0, 300.0, 1_800.0)

# Counted by the API.
INTAKE_ITEMS = Counter("veilleur_intake_items", "What became of items that were sent", ["status"], registry=API)
INTAKE_SECONDS = Histogram("veilleur_intake_seconds", "From an arrival to its commit", buckets=_FAST_S, registry=API)
REFUSALS = Counter(
    "veilleur_refusals", "Answers that are problems, by their kind", ["audience", "status", "problem"], registry=API
)
CLAIMS = Counter("veilleur_claims", "Claims of moderators: assigned, or why not", ["outcome"], registry=API)

# Counted by the worker.
DECISION_LAG = Histogram(
    "veilleur_decision_lag_seconds", "From receipt to the rules' answer", buckets=_LAG_S, registry=WORKER
)
DRAINS = Counter("veilleur_drains", "Drains, by kind of work", ["kind", "outcome"], registry=WORKER)
SWEEPS = Counter("veilleur_sweeps", "Looks at every agency that may have work", ["outcome"], registry=WORKER)
SWEPT_AT = Gauge("veilleur_sweep_timestamp_seconds", "When this worker last looked, in Unix time", registry=WORKER)
SLA_BREACHES = Counter("veilleur_sla_breaches", "Deadlines that were missed", registry=WORKER)
DELIVERIES = Counter("veilleur_deliveries", "Attempts to deliver, by what became of them", ["outcome"], registry=WORKER)

# Counted by both.
RINGS_LOST = Counter("veilleur_rings_lost", "Rings that Valkey did not take; the sweep does without")
POOL_WAIT = Histogram("veilleur_pool_wait_seconds", "Waits for a connection to the database", buckets=_FAST_S)
POOL_TIMEOUTS = Counter("veilleur_pool_timeouts", "Waits that ended without a connection")
POOL_CONNECTIONS = Gauge("veilleur_pool_connections", "Connections of this process to the database", ["state"])

# Measured for the whole installation, by whichever API process is asked.
MEASURED = Gauge(
    "veilleur_measured",
    "1 when the figures of the installation below are of now, 0 when they are old",
    registry=INSTALLATION,
)
AGENCIES_WITH_WORK = Gauge("veilleur_agencies_with_work", "Agencies that may have work due", registry=INSTALLATION)
AGENCIES_UNMEASURED = Gauge(
    "veilleur_agencies_unmeasured", "Of these, the ones left out of the sums for want of time", registry=INSTALLATION
)
BACKLOG_ITEMS = Gauge("veilleur_backlog_items", "Items received and not yet screened", registry=INSTALLATION)
BACKLOG_OLDEST = Gauge("veilleur_backlog_oldest_seconds", "Age of the oldest of them", registry=INSTALLATION)
OUTBOX_DUE = Gauge("veilleur_outbox_due", "Deliveries that are due", registry=INSTALLATION)
OUTBOX_OLDEST = Gauge(
    "veilleur_outbox_oldest_seconds", "How long the oldest of them has been due", registry=INSTALLATION
)
CLOCKS_LATE = Gauge(
    "veilleur_clocks_late", "Running clocks whose next instant has passed unnoticed", registry=INSTALLATION
)
WORK_LATE = Gauge(
    "veilleur_work_late_seconds",
    "How long work of a kind has waited for a sweep that empties it",
    ["kind"],
    registry=INSTALLATION,
)
WORKERS = Gauge("veilleur_workers", "Workers by their heartbeat", ["state"], registry=INSTALLATION)


def join(*registries: CollectorRegistry) -> CollectorRegistry:
    """One to be told whole: those given, and what Python and both processes count."""
    joined = CollectorRegistry(auto_describe=False)
    for registry in (REGISTRY, *registries):
        joined.register(registry)
    return joined
