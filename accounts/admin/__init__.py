"""The console's section People: users, groups with their members, API tokens."""

from django.contrib import admin
from django.contrib.auth.models import Group as DjangoGroup

from accounts.admin import groups, tokens, users

__all__ = ["groups", "tokens", "users"]

# Nothing here uses it, and two things called group would confuse.
admin.site.unregister(DjangoGroup)
