"""Why a platform did not do what was ordered, in plain words."""

from collections.abc import Mapping

from veilleur.kernel.messages import Language, Message, msg

REASONS: Mapping[str, Message] = {
    "already_gone": msg("It was so already: nothing had to be done"),
    "not_found": msg("The platform does not know it any more"),
    "not_allowed": msg("The platform does not allow this for this content"),
    "not_own_conversation": msg("Only replies in the account's own conversations can be hidden"),
    "kept_for_compliance": msg("The workspace keeps all messages for compliance"),
    "too_old": msg("It is too old: the platform only does this for a limited time"),
    "too_long": msg("The platform does not do this for so long"),
    "expired": msg("The platform has decided by itself meanwhile: the time to answer was over"),
    "is_moderator": msg("The author is a moderator or administrator there"),
    "no_author": msg("The author is not known"),
    "no_token": msg("There is no token for this account"),
    "no_operation": msg("The platform has no operation for this"),
    "cannot_undo": msg("The platform can't take this back"),
    "claimed_by_another": msg("Somebody else has claimed this in the platform's own review queue"),
    "unauthorized": msg("The credentials are not accepted any more"),
    "forbidden": msg("The credentials do not give the right to do this"),
    "rejected": msg("The platform refused without a reason that is known here"),
    "rate_limited": msg("The platform asked to wait"),
    "unavailable": msg("The platform could not be reached, or had a fault of its own"),
    "blocked": msg("The address leads where calls must not go"),
    "ended": msg("Its time was over before it could be done"),
    "given_up": msg("It was tried for three days and never worked"),
    "cancelled": msg("It was cancelled before it left"),
    "reversed": msg("The decision was taken back before it left"),
    "superseded": msg("A later decision took its place before it left"),
    "switched_off": msg("Acting on this platform was switched off"),
    "fault": msg("A fault on our side: it is tried again"),
}


def explain_reason(reason: str | None, language: Language) -> str | None:
    return None if reason is None else REASONS[reason].render(language)
