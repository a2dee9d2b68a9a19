"""The counters of rate limits in Redis, shared by several web processes."""

from __future__ import annotations

import logging
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class LenientRedisCache(RedisCache):
    """While Redis does not answer nothing is counted and nobody is refused
    (settings.RATELIMIT_FAIL_OPEN); the log says so.
    """

    def add(self, key: str, *args: Any, **kwargs: Any) -> bool:
        try:
            return super().add(key, *args, **kwargs)
        except RedisError as error:
            logger.warning("Redis does not answer, requests are not counted: %s", error)
            return False

    def incr(self, key: str, *args: Any, **kwargs: Any) -> int:
        """Raises ValueError when the key is not there, which django-ratelimit knows to take."""
        try:
            return super().incr(key, *args, **kwargs)
        except RedisError as error:
            raise ValueError(key) from error

    def get(self, key: str, default: Any = None, **kwargs: Any) -> Any:
        try:
            return super().get(key, default, **kwargs)
        except RedisError:
            return default

    def answers(self) -> bool:
        """Whether Redis does, and may be written."""
        try:
            self.set("answers", 1, timeout=1)
        except RedisError:
            return False
        return True
