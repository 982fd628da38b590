"""Django, Django REST framework and gunicorn with threads; psycopg 3 and Django's own Redis cache."""
