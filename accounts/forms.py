"""Forms of the console that write through services, and the log-in, which the pages share."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.admin.forms import AdminPasswordChangeForm as DjangoOwnPasswordForm
from django.contrib.auth import forms as auth_forms

from accounts.models import ADDRESS_LENGTH, EMAIL_TAKEN, User
from accounts.services import change_password, set_password


class LoginForm(auth_forms.AuthenticationForm):
    """One sentence for every way to fail."""

    username = auth_forms.UsernameField(
        label="User name or e-mail",
        max_length=ADDRESS_LENGTH,
        widget=forms.TextInput(attrs={"autofocus": True}),
    )
    error_messages = {
        "invalid_login": "Name, e-mail or password is wrong, or this account may not log in here."
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Django shortens the field to a user name's length.
        field = self.fields["username"]
        field.max_length = field.widget.attrs["maxlength"] = ADDRESS_LENGTH


class ConsoleLoginForm(LoginForm, AdminAuthenticationForm):
    """Of staff."""


class UniqueEmail(forms.ModelForm):
    """People may log in with their e-mail, so its case must not tell two of them apart."""

    def clean_email(self) -> str:
        email = User.objects.normalize_email(self.cleaned_data["email"])
        if User.objects.filter(email__iexact=email).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(EMAIL_TAKEN)
        return email


class AddUserForm(UniqueEmail, auth_forms.AdminUserCreationForm):
    class Meta(auth_forms.AdminUserCreationForm.Meta):
        model = User
        fields = ("username", "email")


class ChangeUserForm(UniqueEmail, auth_forms.UserChangeForm):
    class Meta(auth_forms.UserChangeForm.Meta):
        model = User


class OwnPasswordForm(DjangoOwnPasswordForm):
    """One's own, with the current one."""

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002
        change_password(user=self.user, password=self.cleaned_data["new_password1"])
        return self.user


class PasswordForm(auth_forms.AdminPasswordChangeForm):
    """Anybody's, as an operator. `user.changed_by`: the operator, put there by the page."""

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002
        usable = self.cleaned_data["set_usable_password"]
        password = self.cleaned_data["password1"] if usable else None
        set_password(user=self.user, password=password, by=self.user.changed_by)
        return self.user


class MembershipForm(forms.ModelForm):
    """Who is in which group stands; only the role changes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            # Disabled and not read-only, which would count for new rows too.
            for name in self.fields.keys() & {"user", "group"}:
                self.fields[name].disabled = True
