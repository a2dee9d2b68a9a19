"""What retention is about to delete, and how far it has got."""

from __future__ import annotations

from django.db import models

from recordings.retention import Removes


class DeletionMark(models.Model):
    """This recording goes at least 24 hours after `marked_at`, if it is still due then.

    `goes_at`, `removes` and `reason` are the verdict at that time; another verdict needs another
    mark. `served_seconds`: of `RetentionState` at that time.
    """

    recording = models.OneToOneField(
        "recordings.Recording", on_delete=models.CASCADE, related_name="deletion_mark"
    )
    marked_at = models.DateTimeField()
    goes_at = models.DateTimeField(help_text="When its time was over by the rules.")
    removes = models.CharField(
        max_length=10, choices=[(kind.value, kind.value) for kind in Removes]
    )
    reason = models.CharField(max_length=300)
    served_seconds = models.BigIntegerField()

    class Meta:
        ordering = ["marked_at", "id"]

    def __str__(self) -> str:
        return f"mark of recording {self.recording_id}"


class RetentionState(models.Model):
    """One row. `seen_at`: the clock when retention last looked. `served_seconds`: how long machines
    were seen to be up, by looks at `boot_id` and `uptime_seconds`, for a clock may jump. `night`:
    the last one whose work was finished.

    `came_due` of `out_of` recordings at once put on the brake at `braked_at`, which is None while
    it is off. `released_at`: when an operator last let more go than the brake would.
    """

    seen_at = models.DateTimeField()
    served_seconds = models.BigIntegerField(default=0)
    boot_id = models.CharField(max_length=36, blank=True)
    uptime_seconds = models.BigIntegerField(default=0)
    night = models.CharField(max_length=10, blank=True)
    braked_at = models.DateTimeField(null=True, blank=True)
    came_due = models.PositiveIntegerField(default=0)
    out_of = models.PositiveIntegerField(default=0)
    released_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"retention up to {self.night or 'no night'}"
