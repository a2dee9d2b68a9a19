"""Which tags a recording carries, in which order."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class RecordingTag(models.Model):
    """`position`: from 0 up in the order of attaching; the order of prompts and defaults."""

    recording = models.ForeignKey(
        "recordings.Recording", on_delete=models.CASCADE, related_name="tag_links"
    )
    tag = models.ForeignKey(
        "organizing.Tag", on_delete=models.CASCADE, related_name="recording_links"
    )
    position = models.PositiveIntegerField()
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["recording", "tag"], name="tag_once_per_recording"),
            models.UniqueConstraint(
                fields=["recording", "position"], name="tag_position_once_per_recording"
            ),
        ]

    def __str__(self) -> str:
        return f"tag {self.tag_id} on recording {self.recording_id}"
