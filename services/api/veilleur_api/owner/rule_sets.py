"""Rule sets: check, preview, save, publish."""

from veilleur_api.guard import guarded_router
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "rules")
