"""The product's settings, and one more route for benchmarks/api.py to compare with."""

from speakr_site.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.api_urls"
