"""The only receivers: what must also happen when a row goes by a cascade or a bulk delete."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from recordings import storage
from recordings.models import Recording


@receiver(post_delete, sender=Recording)
def release_bytes(instance: Recording, **_: Any) -> None:
    """A rolled back deletion must not cost the audio, so the bytes go on commit."""
    key = instance.audio_key
    if key:
        transaction.on_commit(lambda: storage.release(key))
