from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "speakr_site.core"
    label = "core"
    verbose_name = "System"

    def ready(self) -> None:
        from speakr_site.core import checks, queue  # noqa: F401  (registers checks and process signals)
