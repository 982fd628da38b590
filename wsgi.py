"""The WSGI entry point: `gunicorn -c conf/gunicorn.py wsgi:app`, and `flask --app wsgi ...`."""

from ofektom.app import create_app

app = create_app()
