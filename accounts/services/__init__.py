"""Every write about people, their tokens and their groups."""

from accounts.services.groups import (
    add_member,
    change_role,
    create_group,
    delete_group,
    remove_member,
    rename_group,
    require_group_admin,
    require_operator,
)
from accounts.services.people import (
    change_email,
    change_password,
    delete_people,
    ensure_user,
    protected_by,
    reset_password,
    set_auto_summarization,
    set_password,
    store_as_operator,
    update_profile,
)
from accounts.services.resets import (
    answer_requests,
    request_reset,
    reset_tokens,
    resets_are_offered,
)
from accounts.services.tokens import (
    end_tokens,
    issue_token,
    rename_token,
    replace_token,
    revoke_token,
)

__all__ = [
    "add_member",
    "answer_requests",
    "change_email",
    "change_password",
    "change_role",
    "create_group",
    "delete_group",
    "delete_people",
    "end_tokens",
    "ensure_user",
    "issue_token",
    "protected_by",
    "remove_member",
    "rename_group",
    "rename_token",
    "replace_token",
    "request_reset",
    "require_group_admin",
    "require_operator",
    "reset_password",
    "reset_tokens",
    "resets_are_offered",
    "revoke_token",
    "set_auto_summarization",
    "set_password",
    "store_as_operator",
    "update_profile",
]
