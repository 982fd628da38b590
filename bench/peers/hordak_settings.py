"""Django with django-hordak and nothing else."""

import os

from bench.peers.django_peer.settings import database

SECRET_KEY = os.environ["SECRET_KEY"]
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"]
DATABASES = {"default": database("hordak")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
# It knows rates from the euro, and none to the naira.
CURRENCIES = ("EUR",)
DEFAULT_CURRENCY = "EUR"
