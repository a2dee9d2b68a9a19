"""The trail: who gave or took access, and what operators did to what is somebody else's."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.db import models

from speakr_site.core.models import AuditEntry


def record_audit(
    *, by: AbstractBaseUser | None, action: str, target: models.Model, detail: str = ""
) -> None:
    """Writes one row. `by`: None is the command line, or retention. `action` like
    `recording.open`; `detail` never holds content or secrets.
    """
    AuditEntry.objects.create(
        actor=by,
        actor_name=by.get_username() if by else "",
        action=action,
        object_type=target._meta.label_lower,
        object_id=target.pk,
        detail=detail[:500],
    )
