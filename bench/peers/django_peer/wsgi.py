"""`gunicorn --workers 2 --worker-class gthread --threads 4 bench.peers.django_peer.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.peers.django_peer.settings")
application = get_wsgi_application()
