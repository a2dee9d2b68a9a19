"""The pages where people log in and run their own account."""

from __future__ import annotations

from django.urls import path

from accounts.pages import account, login, password, preferences, prompts, reset, tokens

urlpatterns = [
    path("login", login.LoginPage.as_view(), name="login"),
    path("logout", login.LogoutPage.as_view(), name="logout"),
    path("reset", reset.RequestPage.as_view(), name="reset"),
    path("reset/sent", reset.SentPage.as_view(), name="reset-sent"),
    path("reset/done", reset.DonePage.as_view(), name="reset-done"),
    path("reset/<uidb64>/<token>", reset.NewPasswordPage.as_view(), name="reset-confirm"),
    path("account/password", password.PasswordPage.as_view(), name="account-password"),
    path("account/email", password.EmailPage.as_view(), name="account-email"),
    path("account", account.ProfilePage.as_view(), name="account"),
    path(
        "account/groups/<int:pk>/leave",
        account.LeaveGroupPage.as_view(),
        name="account-group-leave",
    ),
    path("account/preferences", preferences.PreferencesPage.as_view(), name="account-preferences"),
    path("account/prompts", prompts.PromptsPage.as_view(), name="account-prompts"),
    path("account/tokens", tokens.TokensPage.as_view(), name="account-tokens"),
    path("account/tokens/<int:pk>", tokens.TokenRenamePage.as_view(), name="account-token"),
    path(
        "account/tokens/<int:pk>/revoke",
        tokens.TokenRevokePage.as_view(),
        name="account-token-revoke",
    ),
]
