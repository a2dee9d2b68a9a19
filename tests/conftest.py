"""The cast, and what every test may ask for.

Alice owns, Bob is in her group, Carol is a stranger, Dana administers the group, Otto operates the
server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient
from whitenoise.middleware import WhiteNoiseMiddleware

from accounts.models import Group, Membership, User

pytest_plugins = ["tests.browser"]

Api = Callable[[User | None], APIClient]

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_AUDIO = REPOSITORY.parent / "shared" / "audio"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before `-m` chooses."""
    for item in items:
        if may_differ_by_database(item):
            item.add_marker("database")


def may_differ_by_database(item: pytest.Item) -> bool:
    """Whether a test can reach the database that TEST_DATABASE names: with the permission of
    pytest-django, which refuses it to all others, or by the real processes of tests/instance.py.
    What a browser makes of a page is the same on each.
    """
    if "browser_page" in item.fixturenames:
        return False
    return (
        item.get_closest_marker("django_db") is not None
        or not {"db", "transactional_db", "live_server"}.isdisjoint(item.fixturenames)
        or any(
            getattr(value, "__module__", None) == "tests.instance"
            for value in vars(item.module).values()
        )
    )


def make_user(name: str, *, is_admin: bool = False) -> User:
    return User.objects.create_user(
        name,
        email=f"{name}@example.com",
        password="correct horse battery",
        is_staff=is_admin,
        is_superuser=is_admin,
    )


def signed_in(user: User) -> Client:
    """A browser with this person's session."""
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture(autouse=True, scope="session")
def _static_files_found_once() -> Iterator[None]:
    """Each test client builds the middleware anew, which would look at every static file again."""
    find = WhiteNoiseMiddleware.add_files_from_finders
    found: dict[str, Any] = {}

    def find_once(middleware: WhiteNoiseMiddleware) -> None:
        if not found:
            find(middleware)
            found.update(middleware.files)
        middleware.files = found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", find_once)
        yield


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Half a second for each person of the cast otherwise."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def alice(db: None) -> User:
    return make_user("alice")


@pytest.fixture
def carol(db: None) -> User:
    return make_user("carol")


@pytest.fixture
def otto(db: None) -> User:
    return make_user("otto", is_admin=True)


@pytest.fixture
def group(db: None, alice: User) -> Group:
    group = Group.objects.create(name="Engineering")
    Membership.objects.create(group=group, user=alice)
    return group


@pytest.fixture
def bob(group: Group) -> User:
    user = make_user("bob")
    Membership.objects.create(group=group, user=user)
    return user


@pytest.fixture
def dana(group: Group) -> User:
    user = make_user("dana")
    Membership.objects.create(group=group, user=user, role=Membership.Role.ADMIN)
    return user


@pytest.fixture
def api() -> Api:
    """A client that acts as one person, or as nobody."""

    def client(user: User | None = None) -> APIClient:
        made = APIClient(raise_request_exception=False)
        if user is not None:
            made.force_authenticate(user)
        return made

    return client


@pytest.fixture
def client(api: Api, alice: User) -> APIClient:
    """Alice's."""
    return api(alice)


@pytest.fixture
def console(otto: User) -> Client:
    return signed_in(otto)


@pytest.fixture
def shared_audio() -> Path:
    """Real speech from outside the project."""
    if not SHARED_AUDIO.is_dir():
        pytest.skip("../shared/audio is not on this machine")
    return SHARED_AUDIO
