"""Every table of the product, imported so that the metadata is whole (migrations' drift test, architecture tests)."""

from veilleur.domain.alarms import models as alarms
from veilleur.domain.audit import models as audit
from veilleur.domain.billing import models as billing
from veilleur.domain.catalogue import models as catalogue
from veilleur.domain.custody import models as custody
from veilleur.domain.decisions import models as decisions
from veilleur.domain.delivery import models as delivery
from veilleur.domain.intake import models as intake
from veilleur.domain.invoicing import invoice_models as invoicing
from veilleur.domain.invoicing import models as watching
from veilleur.domain.metering import models as metering
from veilleur.domain.outbox import models as outbox
from veilleur.domain.oversight import models as oversight
from veilleur.domain.providers import models as providers
from veilleur.domain.review import models as review
from veilleur.domain.review import snapshot_models as snapshots
from veilleur.domain.rules import models as rules
from veilleur.domain.screening import models as screening
from veilleur.domain.sla import models as sla
from veilleur.domain.tenancy import identity_models as identity
from veilleur.domain.tenancy import models as tenancy
from veilleur.domain.tenancy import quota_models as quotas
from veilleur.domain.trials import models as trials
from veilleur.infra import heartbeat, watermark
from veilleur.infra.db.base import Base

__all__ = [
    "alarms",
    "audit",
    "billing",
    "catalogue",
    "custody",
    "decisions",
    "delivery",
    "heartbeat",
    "identity",
    "intake",
    "invoicing",
    "metering",
    "outbox",
    "oversight",
    "providers",
    "quotas",
    "review",
    "rules",
    "screening",
    "sla",
    "snapshots",
    "tenancy",
    "trials",
    "watching",
    "watermark",
]

METADATA = Base.metadata
