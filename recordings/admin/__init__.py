"""The console's pages for recordings, the work on them, what it used and what goes next. Importing
registers them.
"""

from recordings.admin import jobs, recordings, retention, usage

__all__ = ["jobs", "recordings", "retention", "usage"]
