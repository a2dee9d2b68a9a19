"""The page behind a public link, and the account page's part about transcripts."""

from __future__ import annotations

urlpatterns: list = []
