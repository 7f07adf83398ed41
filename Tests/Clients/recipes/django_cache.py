"""Django's cache, and its sessions.

    django_cache.py CACHE cache|sessions PORT
"""

import os
import sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "django_settings"
django.setup()

from django.core.cache import caches  # noqa: E402
from django.core.management import call_command  # noqa: E402
from importlib import import_module  # noqa: E402
from django.conf import settings  # noqa: E402
from python_clients import play  # noqa: E402

cache = caches[sys.argv[1]]


class Cache:
    def set(self, key, value):
        # Django does not say whether the value was stored.
        cache.set(key, value)
        return cache.get(key) == value

    def get(self, key):
        return cache.get(key)

    def add(self, key, value):
        return cache.add(key, value)

    def delete(self, key):
        return cache.delete(key)


class Sessions:
    """A session for each key, with one value."""

    def __init__(self):
        call_command("migrate", verbosity=0)
        self.Store = import_module(settings.SESSION_ENGINE).SessionStore

    def set(self, key, value):
        session = self.Store(key)
        is_new = not session.exists(key)
        if is_new:
            # Django would make a key of its own, whose server would not be known.
            session._session_key, session._session_cache = key, {}
        session["value"] = value
        session.save(must_create=is_new)
        return True

    def get(self, key):
        return self.Store(key).get("value")

    def delete(self, key):
        session = self.Store(key)
        is_there = session.exists(key)
        session.delete()
        return is_there


play(Sessions() if sys.argv[2] == "sessions" else Cache())
