"""The console's pages for recordings, the work on them and what it used. Importing registers
them.
"""

from recordings.admin import jobs, recordings, usage

__all__ = ["jobs", "recordings", "usage"]
