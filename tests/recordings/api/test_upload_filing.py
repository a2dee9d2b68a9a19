"""POST /recordings/upload: tags and folder, and the defaults that come with them.

http-contract.md, 0.1.16, 8.1.
"""

from __future__ import annotations

from typing import Any

import pytest
from constance import config
from rest_framework.test import APIClient

from accounts.models import Group, User
from recordings.models import Job, Recording
from recordings.services import upload as service
from tests.factories import make_folder, make_tag
from tests.recordings.api.uploading import upload

pytestmark = pytest.mark.django_db


def created(client: APIClient, **fields: Any) -> tuple[Recording, list[str]]:
    """What was made, and the warnings."""
    answer = upload(client, **{name: str(value) for name, value in fields.items()})
    assert answer.status_code == 202, answer.content
    return Recording.objects.get(pk=answer.json()["id"]), answer.json()["warnings"]


def carried(recording: Recording) -> list[str]:
    return [link.tag.name for link in recording.tag_links.order_by("position")]


def test_tags_are_attached_in_the_order_of_their_numbers(
    client: APIClient, alice: User, group: Group
) -> None:
    first, second = make_tag(owner=alice, name="First"), make_tag(group=group, name="Second")
    third = make_tag(owner=alice, name="Third")
    numbered = {"tag_ids[2]": third.pk, "tag_ids[0]": first.pk, "tag_ids[1]": second.pk}
    recording, warnings = created(client, **numbered)
    assert carried(recording) == ["First", "Second", "Third"]
    assert {link.added_by for link in recording.tag_links.all()} == {alice}
    assert warnings == []


def test_a_repeated_tag_is_attached_once(client: APIClient, alice: User) -> None:
    tag = make_tag(owner=alice)
    recording, warnings = created(client, **{"tag_ids[0]": tag.pk, "tag_ids[1]": tag.pk})
    assert (carried(recording), warnings) == (["Work"], [])


def test_what_follows_a_gap_is_left_out_and_named(client: APIClient, alice: User) -> None:
    tags = [make_tag(owner=alice, name=name) for name in "ab"]
    recording, (warning,) = created(client, **{"tag_ids[0]": tags[0].pk, "tag_ids[2]": tags[1].pk})
    assert carried(recording) == ["a"]
    assert "tag_ids[2]" in warning


@pytest.mark.parametrize("field", ["tag_ids", "tag_ids[]"])
def test_tags_may_come_without_numbers(client: APIClient, alice: User, field: str) -> None:
    """As Swagger UI sends a list, and as others do."""
    tags = [make_tag(owner=alice, name=name) for name in "ab"]
    answer = upload(client, **{field: [str(tag.pk) for tag in tags]})
    assert carried(Recording.objects.get(pk=answer.json()["id"])) == ["a", "b"]


def test_the_single_tag_counts_only_where_no_other_can_be_used(
    client: APIClient, alice: User
) -> None:
    one, other = make_tag(owner=alice, name="One"), make_tag(owner=alice, name="Other")
    assert carried(created(client, tag_id=one.pk)[0]) == ["One"]
    both = {"tag_ids[0]": other.pk, "tag_id": one.pk}
    assert carried(created(client, **both)[0]) == ["Other"]
    recording, (warning,) = created(client, **{**both, "tag_ids[0]": 999})
    assert carried(recording) == ["One"]
    assert "999" in warning


def test_what_is_not_the_callers_to_use_is_left_out_and_named(
    client: APIClient, alice: User, carol: User, group: Group
) -> None:
    config.enable_folders = True
    work, team = make_tag(owner=alice), make_tag(group=group)
    private, folder = make_tag(owner=carol), make_folder(owner=carol)
    alice.memberships.all().delete()
    ids = [private.pk, work.pk, team.pk, 10**6]
    numbered = {f"tag_ids[{index}]": pk for index, pk in enumerate(ids)}
    recording, warnings = created(client, **numbered, folder_id=folder.pk)
    assert (carried(recording), recording.folder) == (["Work"], None)
    missing = [*(f"tag {pk}" for pk in ids if pk != work.pk), f"folder {folder.pk}"]
    assert warnings == [f"{what} was not found and was left out" for what in missing]


def test_a_folder_is_taken_while_folders_are_enabled(
    client: APIClient, alice: User, group: Group
) -> None:
    config.enable_folders = True
    for folder in (make_folder(owner=alice), make_folder(group=group)):
        recording, warnings = created(client, folder_id=folder.pk)
        assert (recording.folder, warnings) == (folder, [])


def test_a_folder_is_left_out_while_they_are_disabled(client: APIClient, alice: User) -> None:
    folder = make_folder(owner=alice)
    recording, (warning,) = created(client, folder_id=folder.pk)
    assert recording.folder is None
    assert warning == f"folder {folder.pk} was left out: Folders feature is not enabled"


def test_defaults_of_tags_and_folder_are_used_where_the_form_says_nothing(
    client: APIClient, alice: User
) -> None:
    config.enable_folders = True
    first = make_tag(owner=alice, name="First", default_hotwords="Speakr")
    second = make_tag(owner=alice, name="Second", default_language="de", default_min_speakers=2)
    folder = make_folder(owner=alice, default_language="fr", default_initial_prompt="A call.")
    fields = {"tag_ids[0]": first.pk, "tag_ids[1]": second.pk, "folder_id": folder.pk}
    created(client, **fields, max_speakers=4)
    assert Job.objects.get().options == {
        "language": "de",
        "min_speakers": 2,
        "max_speakers": 4,
        "hotwords": "Speakr",
        "initial_prompt": "A call.",
        "model": None,
    }
    assert Job.objects.get().requested == {"max_speakers": 4}


def test_a_tag_that_goes_while_the_file_is_looked_at_costs_nothing(
    client: APIClient, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.enable_folders = True
    tag, folder = make_tag(owner=alice), make_folder(owner=alice)
    probed = service._probed

    def probed_slowly(path: Any) -> Any:
        tag.delete()
        folder.delete()
        return probed(path)

    fields = {"tag_ids[0]": tag.pk, "folder_id": folder.pk}
    monkeypatch.setattr(service, "_probed", probed_slowly)
    recording, warnings = created(client, **fields)
    assert (carried(recording), recording.folder, len(warnings)) == ([], None, 2)
