"""The only receivers: what must also happen when a row goes by a cascade or a bulk delete, what
recordings owe to a speaker's name or to a person who goes, and what the search index needs of
SQLite.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models.signals import post_delete, post_migrate, pre_delete
from django.dispatch import receiver

from accounts.models import User
from recordings import storage
from recordings.models import Recording
from recordings.models.search import FOLD_FUNCTION, fold
from recordings.services.labelling import follow_rename, keep_name
from recordings.services.processing import end_jobs_of
from recordings.services.search_index import lay_triggers
from speakers.models import Speaker
from speakers.signals import speaker_deleted, speaker_renamed


@receiver(post_delete, sender=Recording)
def release_bytes(instance: Recording, **_: Any) -> None:
    """A rolled back deletion must not cost the audio, so the bytes go on commit."""
    key = instance.audio_key
    if key:
        transaction.on_commit(lambda: storage.release(key))


@receiver(pre_delete, sender=User)
def come_to_rest(instance: User, **_: Any) -> None:
    """Before the cascade takes the person's jobs, and before it locks anything: workers lock a job
    first.
    """
    end_jobs_of(instance)


@receiver(speaker_renamed)
def follow_a_rename(speaker: Speaker, old_name: str, **_: Any) -> None:
    follow_rename(speaker=speaker, old_name=old_name)


@receiver(speaker_deleted)
def outlive_a_speaker(speaker: Speaker, **_: Any) -> None:
    keep_name(speaker)


@receiver(connection_created)
def teach_folding(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Triggers of the search index call it, so whoever writes a recording needs it."""
    if connection.vendor == "sqlite":
        connection.connection.create_function(FOLD_FUNCTION, 1, fold, deterministic=True)


@receiver(post_migrate, sender=apps.get_app_config("recordings"))
def keep_the_index(using: str, **_: Any) -> None:
    lay_triggers(using)
