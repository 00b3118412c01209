"""Settings of the demo. What a deployment has to change comes from the environment; demo/README.md lists it."""

import os
from pathlib import Path

from .secret import secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("DEMO_VAR") or BASE_DIR / "var")
VAR_DIR.mkdir(exist_ok=True)  # holds the database, also that of the tests


def _flag(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() in {"1", "true", "yes", "on"}


def _words(name: str) -> list[str]:
    return os.environ.get(name, "").replace(",", " ").split()


DEBUG = _flag("DEMO_DEBUG")
SECRET_KEY = secret_key(VAR_DIR / "secret-key")
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *_words("DEMO_ALLOWED_HOSTS")]

DATABASES = {
    "default": {
        "ENGINE": "django_sqlite_efs",
        "NAME": os.environ.get("DEMO_DATABASE") or VAR_DIR / "demo.sqlite3",
        # Here an atomic block always means to write: let it ask for the writer's lock at its start and wait there,
        # instead of finding out half-way that another commit came in between.
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": float(os.environ.get("DEMO_LOCK_TIMEOUT") or 3)},
        # Saves calls to the file server. (The server of demo/run closes a connection with its thread all the same.)
        "CONN_MAX_AGE": 600,
        # A file: the default, a database in memory, would be served by SQLite alone, without the engine.
        "TEST": {"NAME": VAR_DIR / "test.sqlite3"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "demosite.apps.DemoAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_sqlite_efs",
    "polls",
    "engine",
    "demosite.apps.DemoSiteConfig",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "engine.process.CountRequestsMiddleware",
    "demosite.middleware.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "demosite.middleware.BusyDatabaseMiddleware",
]
ROOT_URLCONF = "demosite.urls"
WSGI_APPLICATION = "demosite.wsgi.application"

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
                "demosite.context.engine",
            ],
        },
    },
]

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Static files are served from where they lie, by the site itself, with DEBUG off too: no collectstatic to forget.
# Only a package for Lambda (scripts/build-lambda) has them collected, compressed, and named by their content.
STATIC_ROOT = BASE_DIR / "static_root" if (BASE_DIR / "static_root").is_dir() else None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if WHITENOISE_USE_FINDERS
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

SESSION_ENGINE = "django.contrib.sessions.backends.db"
# A notice after a vote travels in a cookie: an anonymous visitor's vote is one transaction, with no session to write.
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"

SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = _words("DEMO_TRUSTED_ORIGINS")
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
# Behind HTTPS: no cookie ever travels in the clear.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _flag("DEMO_HTTPS")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    # Django's own handler for this one mails the admins when DEBUG is off; here errors belong on the console.
    "loggers": {"django": {"handlers": ["console"], "level": "INFO", "propagate": False}},
}
