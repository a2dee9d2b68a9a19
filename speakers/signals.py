"""What the room above must hear of. Sent inside the transaction: whoever fails, fails all of it."""

from __future__ import annotations

from django.dispatch import Signal

# speaker: Speaker with its new name; old_name: str
speaker_renamed = Signal()
# speaker: Speaker, which still stands
speaker_deleted = Signal()
