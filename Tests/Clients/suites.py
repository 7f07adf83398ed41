"""The libraries' own tests: fetched from their published source packages into .build/ when they are wanted."""

import functools
import glob
import os
import re
import shutil
import subprocess
import sys
import tarfile

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(REPOSITORY, ".build", "clients-suites")
PYTHON = os.path.join(REPOSITORY, ".build", "test-venv", "bin", "python")
PACKAGES = {
    "pymemcache": "pymemcache==4.0.0",
    "python-memcached": "python-memcached==1.62",
    "pylibmc": "pylibmc==1.6.3",
    "django": "django==5.2.19",
}


@functools.cache
def fetched(name):
    """The folder with the package's source, or None."""
    package = PACKAGES[name]
    target = os.path.join(FOLDER, name)
    if not os.path.isdir(target):
        cellar = os.path.join(FOLDER, "packages", name)
        command = [PYTHON, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                   "--no-binary", ":all:", "--dest", cellar, package]
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=180, check=True)
            [archive] = glob.glob(os.path.join(cellar, "*.tar.gz"))
        except (subprocess.SubprocessError, ValueError) as error:
            print(f"{package}: {error}", file=sys.stderr)
            return None
        with tarfile.open(archive) as tar:
            tar.extractall(target + ".new", filter="data")
        [inner] = os.listdir(target + ".new")
        os.rename(os.path.join(target + ".new", inner), target)
        os.rmdir(target + ".new")
    return target


def prepared(name, port):
    """A copy of the tests that meets the server at this port: its folder, the arguments, the environment."""
    source = fetched(name)
    # Ports come back; what an earlier run has left behind must not.
    folder = os.path.join(FOLDER, f"{name}-run-{port}")
    shutil.rmtree(folder, ignore_errors=True)
    if name == "pymemcache":
        shutil.copytree(os.path.join(source, "pymemcache"), os.path.join(folder, "pymemcache"))
        tests = ["test_integration.py", "test_benchmark.py", "test_client.py", "test_client_hash.py", "test_client_retry.py"]
        arguments = [os.path.join("pymemcache", "test", test) for test in tests]
        arguments += ["--server=127.0.0.1", f"--port={port}", "--count=200", "-k", "not tls"]
        return folder, arguments, {"PYTHONPATH": folder}
    if name == "python-memcached":
        # Its tests name the usual port, and import a helper that the package lacks.
        shutil.copytree(os.path.join(source, "tests"), os.path.join(folder, "tests"))
        for name, text in [("__init__.py", ""), ("utils.py", CAPTURED_STDERR)]:
            with open(os.path.join(folder, "tests", name), "w") as file:
                file.write(text)
        for path in glob.glob(os.path.join(folder, "tests", "*.py")):
            rewrite(path, r"127\.0\.0\.1:11211", f"127.0.0.1:{port}")
        return folder, ["tests"], {}
    if name == "pylibmc":
        # Much of it asks for the binary protocol; the text protocol must do the same.
        shutil.copytree(os.path.join(source, "tests"), os.path.join(folder, "tests"))
        for path in glob.glob(os.path.join(folder, "tests", "*.py")):
            rewrite(path, r"binary=True", "binary=False")
        return folder, ["tests"], {"MEMCACHED_HOST": "127.0.0.1", "MEMCACHED_PORT": str(port)}
    shutil.copytree(os.path.join(source, "tests"), os.path.join(folder, "tests"))
    with open(os.path.join(folder, "tests", "settings_for_clients.py"), "w") as file:
        file.write(DJANGO_SETTINGS.format(port=port))
    command = ["runtests.py", "--settings=settings_for_clients", "--verbosity=2", "--parallel=1", "cache", "-k", "Memcache", "-k", "PyLibMC"]
    return os.path.join(folder, "tests"), command, {}


def rewrite(path, pattern, replacement):
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(re.sub(pattern, replacement, text))


CAPTURED_STDERR = """
import contextlib, io, sys


@contextlib.contextmanager
def captured_stderr():
    said, sys.stderr = sys.stderr, io.StringIO()
    try:
        yield sys.stderr
    finally:
        sys.stderr = said
"""

# Django's tests find the backends to be tested among these.
DJANGO_SETTINGS = """
DATABASES = {{name: {{"ENGINE": "django.db.backends.sqlite3"}} for name in ["default", "other"]}}
SECRET_KEY = "tests"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
MEMCACHED = "django.core.cache.backends.memcached."
CACHES = {{
    "default": {{"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    "pymemcache": {{"BACKEND": MEMCACHED + "PyMemcacheCache", "LOCATION": "127.0.0.1:{port}"}},
    "pylibmc": {{"BACKEND": MEMCACHED + "PyLibMCCache", "LOCATION": "127.0.0.1:{port}"}},
}}
"""
