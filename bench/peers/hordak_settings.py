"""Django with django-hordak and nothing else."""

import os

from bench.peers.django_peer.settings import database

SECRET_KEY = os.environ["SECRET_KEY"]
INSTALLED_APPS = ["mptt", "hordak"]
DATABASES = {"default": database("hordak")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
CURRENCIES = ("NGN",)
DEFAULT_CURRENCY = HORDAK_INTERNAL_CURRENCY = "NGN"
