"""The page behind a public link, and the account page's part about transcripts."""

from __future__ import annotations

from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

from recordings.pages import sharing, templates
from recordings.pages.public import NoPublicPage, PublicAudio, PublicPage

LINK = r"s/(?P<token>[A-Za-z0-9_-]{22,64})"

# A browser that was told `no-referrer` names no origin, which Django's check of forms would refuse.
# The only form is for a password, and the password is all the authority it needs.
public = [
    re_path(rf"^{LINK}\Z", csrf_exempt(PublicPage.as_view()), name="public-page"),
    re_path(rf"^{LINK}/audio\Z", csrf_exempt(PublicAudio.as_view()), name="public-audio"),
    re_path(r"^s(?:/|\Z)", csrf_exempt(NoPublicPage.as_view())),
]
account = [
    path("account/sharing", sharing.SharingPage.as_view(), name="account-sharing"),
    path("account/sharing/<int:pk>/end", sharing.EndSharePage.as_view(), name="account-share-end"),
    path(
        "account/sharing/links/<int:pk>/end",
        sharing.EndLinkPage.as_view(),
        name="account-link-end",
    ),
    path("account/templates", templates.TemplatesPage.as_view(), name="account-templates"),
    path("account/templates/new", templates.TemplatePage.as_view(), name="account-templates-new"),
    path(
        "account/templates/<int:pk>", templates.TemplatePage.as_view(), name="account-templates-one"
    ),
    path(
        "account/templates/<int:pk>/default",
        templates.TemplateDefaultPage.as_view(),
        name="account-templates-default",
    ),
    path(
        "account/templates/<int:pk>/delete",
        templates.TemplateDeletePage.as_view(),
        name="account-templates-delete",
    ),
]
urlpatterns = [*public, *account]
