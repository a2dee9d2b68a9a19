from django.contrib.admin.apps import AdminConfig


class SpeakrAdminConfig(AdminConfig):
    """Makes our site the default one, so that django-q2's pages join it."""

    default_site = "speakr_site.admin_site.SpeakrAdminSite"
