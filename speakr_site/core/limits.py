"""How much a person may say about a recording, wherever they say it: request, tag, folder."""

from __future__ import annotations

# Characters of a prompt, or of the words to listen for.
HINTS_MAX_LENGTH = 10_000
SPEAKERS_MAX = 100
