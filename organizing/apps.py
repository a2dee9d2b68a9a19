from __future__ import annotations

from django.apps import AppConfig


class OrganizingConfig(AppConfig):
    name = "organizing"
