"""Secrets that the server must be able to read again, as they stand in the database: encrypted with
keys made of SECRET_KEY, and still readable with those of SECRET_KEY_FALLBACKS.
"""

from __future__ import annotations

import base64
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class SealBroken(Exception):
    """Sealed with a key that the server no longer knows, or damaged."""


def seal(text: str, *, purpose: str) -> str:
    """`purpose`: what is sealed for one cannot be unsealed for another."""
    return _fernet(purpose).encrypt(text.encode()).decode("ascii")


def unseal(sealed: str, *, purpose: str) -> str:
    try:
        return _fernet(purpose).decrypt(sealed).decode()
    except InvalidToken:
        raise SealBroken from None


def _fernet(purpose: str) -> MultiFernet:
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([_key(key, purpose) for key in keys])


@cache
def _key(secret: str, purpose: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"speakr {purpose}".encode())
    return Fernet(base64.urlsafe_b64encode(derived.derive(secret.encode())))
