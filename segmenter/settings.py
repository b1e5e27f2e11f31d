"""Settings, all of them read from the environment, with defaults that work on one machine."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from segmenter import environment

# Polars gives freed memory back at once with this; it must be set before its first import.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(environment.text("SEGMENTER_DATA_DIR", str(BASE_DIR / ".data"))).absolute()

DEBUG = environment.flag("SEGMENTER_DEBUG", False)
SECRET_KEY = environment.secret("SEGMENTER_SECRET_KEY", DATA_DIR / "secret_key")
# Secrets of before: what they signed, sessions and tokens, is still taken.
SECRET_KEY_FALLBACKS = environment.words("SEGMENTER_SECRET_KEY_FALLBACKS", "")
ALLOWED_HOSTS = environment.words("SEGMENTER_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = environment.words("SEGMENTER_TRUSTED_ORIGINS", "")

INSTALLED_APPS = [
    "procrastinate.contrib.django",  # before contacts, which takes its page out of the admin
    "segmenter",
    "segments",
    "contacts",
    "workspaces",
    "django.contrib.admin.apps.SimpleAdminConfig",  # commands need no admin: segmenter/urls.py finds its pages
    "django.contrib.auth",
    "django.contrib.postgres",  # whose fields contacts have; Django 6.1 asks for it
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "segmenter.csp.middleware",
    "segmenter.errors.no_nul",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "segmenter.urls"
WSGI_APPLICATION = "segmenter.wsgi.application"
APPEND_SLASH = False  # a redirect would lose the body of a POST; both forms are routed instead

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]


def database(url: str) -> dict[str, Any]:
    """Django's settings for a PostgreSQL URL; for an empty one those of the embedded server."""
    common = {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True, "ATOMIC_REQUESTS": False}
    if not url:
        return {"ENGINE": "segmenter.embedded", "NAME": "segmenter", **common}
    known = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    parts = conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{setting: parts.pop(key) for key, setting in known.items() if key in parts},
        "OPTIONS": parts,
        **common,
    }


DATABASES = {"default": database(environment.text("DATABASE_URL", ""))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True  # serves the apps' own static folders; nothing has to be collected first

SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = environment.flag("SEGMENTER_HTTPS", False)
if SESSION_COOKIE_SECURE:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# How many proxies of ours stand in front, each adding whom it heard from to X-Forwarded-For.
PROXIES = environment.number("SEGMENTER_PROXIES", 0)

# 0 is no limit: see workspaces/tallies.py and workspaces/logins.py.
REQUESTS_A_MINUTE = environment.number("SEGMENTER_REQUESTS_A_MINUTE", 1_200)
LOGIN_FAILURES = environment.number("SEGMENTER_LOGIN_FAILURES", 10)
LOGIN_FAILURES_BY_ADDRESS = environment.number("SEGMENTER_LOGIN_FAILURES_BY_ADDRESS", 100)
SIGN_UP = environment.flag("SEGMENTER_SIGN_UP", False)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["workspaces.key_authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["workspaces.key_authentication.ScopeAllows"],
    "DEFAULT_THROTTLE_CLASSES": ["workspaces.throttles.EachCaller"],
    "DEFAULT_PARSER_CLASSES": ["segmenter.json.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["segmenter.json.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "segmenter.json.AnyAccept",
    "EXCEPTION_HANDLER": "segmenter.errors.answer",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "segmenter.openapi.document.TableSchema",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Segmenter",
    "DESCRIPTION": "Segments over your contacts: who is in, how many and why, exactly and at once.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "PREPROCESSING_HOOKS": ["segmenter.openapi.document.with_plain_paths"],
    "POSTPROCESSING_HOOKS": ["segmenter.openapi.document.with_components"],
}

SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(hours=environment.number("SEGMENTER_TOKEN_HOURS", 12, least=1)),
    "AUTH_HEADER_TYPES": ("JWT", "jwt", "Jwt"),
    "CHECK_REVOKE_TOKEN": True,  # a token ends with the password that it was given for
}

# A request body larger than this is refused with 413. In bytes.
BODY_LIMIT = environment.number("SEGMENTER_BODY_LIMIT_MB", 32, least=1) * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_LIMIT
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000  # the import wizard asks several things of each column of a file

# A file to be imported that is larger than this is refused with 413. In bytes.
IMPORT_LIMIT = environment.number("SEGMENTER_IMPORT_LIMIT_MB", 2_048, least=1) * 1024 * 1024

# How background jobs are run, by `manage.py serve` and `manage.py procrastinate worker`.
PROCRASTINATE_IMPORT_PATHS = ["contacts.importing.tasks"]
PROCRASTINATE_WORKER_DEFAULTS = {"concurrency": 4, "delete_jobs": "always", "shutdown_graceful_timeout": 1}

# The columnar snapshot: see contacts/columnar/snapshot.py. The first three are counts of contacts.
SNAPSHOT_MARKS_BEFORE_REFRESH = environment.number("SEGMENTER_MARKS_BEFORE_REFRESH", 5_000, least=1)
SNAPSHOT_DELTA_BEFORE_MERGE = environment.number("SEGMENTER_DELTA_BEFORE_MERGE", 50_000, least=1)
SNAPSHOT_CHUNK = environment.number("SEGMENTER_CHUNK", 131_072, least=1)
SNAPSHOT_CACHE_BYTES = environment.number("SEGMENTER_CACHE_MB", 256, least=1) * 1024 * 1024

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "django.request": {"level": "ERROR"},  # a client's 404 is not our warning
        "procrastinate.periodic": {"level": "ERROR"},  # two workers at one tick are as they should be
    },
    "root": {"handlers": ["stderr"], "level": environment.text("SEGMENTER_LOG_LEVEL", "WARNING")},
}
