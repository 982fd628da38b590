"""Django's settings, from the environment."""

import os
from urllib.parse import parse_qs, urlsplit

from django.contrib.auth.hashers import Argon2PasswordHasher


class ServiceHasher(Argon2PasswordHasher):
    """argon2id with the service's parameters."""

    time_cost, memory_cost, parallelism = 2, 19_456, 1


def database(schema: str) -> dict:
    """How to reach DATABASE_URL, with the tables in `schema`."""
    url = urlsplit(os.environ["DATABASE_URL"])
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path.lstrip("/"),
        "USER": url.username,
        "HOST": parse_qs(url.query)["host"][0],
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"options": f"-c search_path={schema}"},
    }


SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
INSTALLED_APPS = ["rest_framework", "bench.peers.django_peer"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "bench.peers.django_peer.urls"
WSGI_APPLICATION = "bench.peers.django_peer.wsgi.application"
DATABASES = {"default": database("django_peer")}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ["REDIS_URL"],
        "KEY_PREFIX": "django",
    }
}
PASSWORD_HASHERS = ["bench.peers.django_peer.settings.ServiceHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
USE_I18N = False
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["bench.peers.django_peer.callers.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["bench.peers.django_peer.callers.HasActiveBusiness"],
    "UNAUTHENTICATED_USER": None,
}
