"""How Django REST framework and drf-spectacular are set up; nothing here is for an operator."""

from __future__ import annotations

from typing import Any

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "speakr_site.core.api.exceptions.handle",
    # DRF would take ?format=srt for itself and answer 404.
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}


def spectacular_settings(version: str) -> dict[str, Any]:
    return {
        "TITLE": "Speakr API",
        "VERSION": version,
        "OAS_VERSION": "3.0.3",
        "SERVE_INCLUDE_SCHEMA": False,
        "SWAGGER_UI_DIST": "SIDECAR",
        "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
        "REDOC_DIST": "SIDECAR",
        # Without it Swagger UI sends the address of the document to a service of its makers.
        "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
        "SERVERS": [{"url": "/api/v1"}],
        "SCHEMA_PATH_PREFIX": "/api/v1",
        "SCHEMA_PATH_PREFIX_TRIM": True,
        "GET_LIB_DOC_EXCLUDES": "speakr_site.core.api.schema.library_docs",
        # Names of the choices and nothing more: what they mean is for a field's help_text.
        "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
        "POSTPROCESSING_HOOKS": [
            "drf_spectacular.hooks.postprocess_schema_enums",
            *(
                f"speakr_site.core.api.openapi.{hook}"
                for hook in (
                    "place",
                    "describe",
                    "add_bodies",
                    "add_errors",
                    "describe_ids",
                    "add_examples",
                )
            ),
        ],
        "COMPONENT_SPLIT_REQUEST": True,
        # What a PATCH requires is for its serializer to say.
        "COMPONENT_SPLIT_PATCH": False,
        "ENUM_NAME_OVERRIDES": {
            "RecordingStatus": "recordings.models.recording.Recording.Status",
            "GroupRole": "accounts.models.Membership.Role",
            "EventType": "hooks.event_types.EventType",
            "DeliveryStatus": "hooks.models.Delivery.WireStatus",
        },
    }
