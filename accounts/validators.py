"""What a person's preferences may hold, for the console's forms and for the API alike."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError

from speakr_site.core.languages import language_code

# Subtags of BCP 47: pt-BR, zh-Hans.
LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
# Beside letters, marks and digits of any script: "Portuguese (Brazil)".
IN_LANGUAGE_NAMES = " '’(),.-"


def validate_timezone(name: str) -> None:
    if name not in timezones():
        raise _invalid("timezone must be an IANA name such as Europe/Berlin")


def validate_transcription_language(code: str) -> None:
    if language_code(code) != code:
        raise _invalid("transcription_language must be an ISO 639-1 code such as en")


def validate_ui_language(tag: str) -> None:
    if not LANGUAGE_TAG.fullmatch(tag) or language_code(tag) is None:
        raise _invalid("ui_language must be a language code such as en or pt-BR")


def validate_output_language(text: str) -> None:
    """Clients send codes or names, in whichever language."""
    if not text[:1].isalpha() or not all(map(_is_of_a_name, text)):
        raise _invalid("output_language must be a language: its code, or its name")


def _is_of_a_name(character: str) -> bool:
    return character in IN_LANGUAGE_NAMES or unicodedata.category(character)[0] in "LMN"


def _invalid(sentence: str) -> ValidationError:
    """In the API's words; by the code, a form finds its own."""
    return ValidationError(sentence, code="invalid")


@cache
def timezones() -> frozenset[str]:
    """Their IANA names."""
    # Some systems keep a link to their own zone beside the zones.
    return frozenset(available_timezones() - {"localtime"})
