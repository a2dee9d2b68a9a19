"""Every write about the templates that a person keeps, whatever they are for: a list of one's own,
of which one at most is the default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.text import capfirst

from accounts.models import User
from speakr_site.core.errors import Conflict, NotFound

TEMPLATES_MAX = 100

Template = TypeVar("Template", bound=Model)


class Templates(Generic[Template]):
    """Those of one kind. `model`: with `owner`, `is_default` and `updated_at`. `check`: raises
    InvalidInput for columns of which each is valid by itself.
    """

    def __init__(
        self,
        model: type[Template],
        check: Callable[[Mapping[str, Any]], None] = lambda columns: None,
    ) -> None:
        self.model, self.check = model, check
        self.kind = capfirst(model._meta.verbose_name)

    @transaction.atomic
    def create(self, *, owner: User, values: Mapping[str, Any]) -> Template:
        """`values`: columns, each validated by itself. A default takes the place of the earlier
        one.

        Raises what `check` raises, and Conflict for one template too many.
        """
        self.check(values)
        theirs = self._held(owner.pk)
        if theirs.count() >= TEMPLATES_MAX:
            kinds = self.model._meta.verbose_name_plural
            raise Conflict(f"A person may have at most {TEMPLATES_MAX} {kinds}")
        _make_room_for_a_default(theirs, values)
        return self.model.objects.create(owner=owner, **values)

    @transaction.atomic
    def update(self, *, template: Template, changes: Mapping[str, Any]) -> Template:
        """The template as it is then. Writes the given columns, as `create`.

        Raises what `check` raises, and NotFound for a template that is gone.
        """
        self.check(changes)
        theirs = self._held(template.owner_id)
        row = theirs.filter(pk=template.pk)
        if changes:
            _make_room_for_a_default(theirs, changes)
            row.update(**changes, updated_at=timezone.now())
        changed = row.first()
        if changed is None:
            raise NotFound(f"{self.kind} not found")
        return changed

    @transaction.atomic
    def delete(self, *, template: Template) -> None:
        """What names it names none then. Raises NotFound as `update` does."""
        # Locked first: PostgreSQL would refuse the deletion at its end for a row that came to name
        # the template meanwhile. SQLite has one writer at a time anyway.
        row = self.model.objects.select_for_update().filter(pk=template.pk).first()
        if row is None:
            raise NotFound(f"{self.kind} not found")
        row.delete()

    def _held(self, owner_id: int) -> QuerySet[Template]:
        """This person's templates. Until the transaction ends nobody else makes or changes any of
        them: otherwise of two new defaults the database would refuse one. One query.
        """
        # SQLite has one writer at a time anyway. Without the key, so that uploads need not wait.
        list(User.objects.select_for_update(no_key=True).filter(pk=owner_id).values_list("pk"))
        return self.model.objects.filter(owner=owner_id)


def _make_room_for_a_default(templates: QuerySet, columns: Mapping[str, Any]) -> None:
    if columns.get("is_default"):
        templates.filter(is_default=True).update(is_default=False, updated_at=timezone.now())
