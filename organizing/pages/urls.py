"""The account page's part about naming templates."""

from __future__ import annotations

from django.urls import path

from organizing.pages import naming

urlpatterns = [
    path("account/naming", naming.TemplatesPage.as_view(), name="account-naming"),
    path("account/naming/new", naming.TemplatePage.as_view(), name="account-naming-new"),
    path("account/naming/<int:pk>", naming.TemplatePage.as_view(), name="account-naming-one"),
    path(
        "account/naming/<int:pk>/default",
        naming.TemplateDefaultPage.as_view(),
        name="account-naming-default",
    ),
    path(
        "account/naming/<int:pk>/delete",
        naming.TemplateDeletePage.as_view(),
        name="account-naming-delete",
    ),
]
