"""The console's pages for recordings and the work on them. Importing registers them."""

from recordings.admin import jobs, recordings

__all__ = ["jobs", "recordings"]
