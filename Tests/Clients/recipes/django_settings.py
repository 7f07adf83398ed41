"""Django's settings: the first cache is PyMemcacheCache; the sessions are in the cache and in the database."""

import os

# <page>
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
        "LOCATION": "127.0.0.1:11311",
        "OPTIONS": {
            "connect_timeout": 1,
            "timeout": 2,
            "no_delay": True,
            "use_pooling": True,
            "max_pool_size": 16,
            "retry_timeout": 0,
            "dead_timeout": 0,
            "ignore_exc": True,
        },
    },
    # The same with pylibmc.
    "pylibmc": {
        "BACKEND": "django.core.cache.backends.memcached.PyLibMCCache",
        "LOCATION": "127.0.0.1:11311",
        "OPTIONS": {
            "binary": False,
            "behaviors": {
                "tcp_nodelay": True,
                "connect_timeout": 1000,
                "_poll_timeout": 2000,
                "retry_timeout": 1,
                "auto_eject": False,
                "ketama": False,
            },
        },
    },
}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
# </page>
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(os.path.dirname(__file__), "django.db")}
}
SECRET_KEY = "for these sessions"
INSTALLED_APPS = ["django.contrib.sessions"]
