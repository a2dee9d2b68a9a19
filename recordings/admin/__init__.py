"""The console's pages for recordings, who may see them, the work on them, what it used and what
goes next. Importing registers them.
"""

from recordings.admin import jobs, recordings, retention, sharing, usage

__all__ = ["jobs", "recordings", "retention", "sharing", "usage"]
