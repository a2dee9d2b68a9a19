"""Every write about transcript templates.

A template is filled in once per segment, so what it may make of a transcript is limited where it is
written: of a transcript with `n` segments and `c` characters, at most
`n * (TEMPLATE_MAX_LENGTH + PLACEHOLDERS_MAX * 100) + c * PLACEHOLDERS_MAX` characters, upper case
aside, which is longer for some letters. Names are at most 100 characters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from recordings.exports.text import placeholder_count
from recordings.models import TranscriptTemplate
from speakr_site.core.errors import Conflict, InvalidInput, NotFound

PLACEHOLDERS_MAX = 10
TEMPLATES_MAX = 100

TOO_MANY_PLACEHOLDERS = f"template must not have more than {PLACEHOLDERS_MAX} placeholders"
TOO_MANY_TEMPLATES = f"A person may have at most {TEMPLATES_MAX} transcript templates"


@transaction.atomic
def create_template(*, owner: User, values: Mapping[str, Any]) -> TranscriptTemplate:
    """`values`: columns, each validated by itself. A default takes the place of the earlier one.

    Raises InvalidInput for too many placeholders, Conflict for one template too many.
    """
    _require_few_placeholders(values)
    _hold_templates(owner.pk)
    if TranscriptTemplate.objects.filter(owner=owner).count() >= TEMPLATES_MAX:
        raise Conflict(TOO_MANY_TEMPLATES)
    _make_room_for_a_default(owner.pk, values)
    return TranscriptTemplate.objects.create(owner=owner, **values)


@transaction.atomic
def update_template(
    *, template: TranscriptTemplate, changes: Mapping[str, Any]
) -> TranscriptTemplate:
    """The template as it is then. Writes the given columns, as `create_template`.

    Raises InvalidInput for too many placeholders, NotFound for a template that is gone.
    """
    _require_few_placeholders(changes)
    _hold_templates(template.owner_id)
    rows = TranscriptTemplate.objects.filter(pk=template.pk)
    if changes:
        _make_room_for_a_default(template.owner_id, changes)
        rows.update(**changes, updated_at=timezone.now())
    changed = rows.first()
    if changed is None:
        raise NotFound("Transcript template not found")
    return changed


def delete_template(*, template: TranscriptTemplate) -> None:
    """Without a default, transcripts are shown as `Speaker: text` again. Raises NotFound as
    `update_template` does.
    """
    deleted, _ = TranscriptTemplate.objects.filter(pk=template.pk).delete()
    if not deleted:
        raise NotFound("Transcript template not found")


def _require_few_placeholders(values: Mapping[str, Any]) -> None:
    if placeholder_count(values.get("template", "")) > PLACEHOLDERS_MAX:
        raise InvalidInput(TOO_MANY_PLACEHOLDERS)


def _hold_templates(owner_id: int) -> None:
    """Until the transaction ends, nobody else makes or changes this person's templates. Otherwise
    of two new defaults the database would refuse one. One query.
    """
    # SQLite has one writer at a time anyway. Without the key, so that uploads need not wait.
    list(User.objects.select_for_update(no_key=True).filter(pk=owner_id).values_list("pk"))


def _make_room_for_a_default(owner_id: int, values: Mapping[str, Any]) -> None:
    if values.get("is_default"):
        earlier = TranscriptTemplate.objects.filter(owner=owner_id, is_default=True)
        earlier.update(is_default=False, updated_at=timezone.now())
