"""create_app: the table of contents of the service."""

from flask import Flask

from ofektom import (
    caching,
    callers,
    cli,
    database,
    discovery,
    edge,
    errors,
    freshness,
    logs,
    metrics,
    rate_limits,
    response_cache,
)
from ofektom.config import Settings, load_settings
from ofektom.extensions import db, migrate


def create_app(settings: Settings | None = None, *, testing: bool = False) -> Flask:
    """Make the WSGI application from `settings` (the environment's when None).

    Opens no connection. Raises ConfigurationError for unsafe settings and DeclarationError for a view or slice that
    does not say what it must.
    """
    settings = settings or load_settings()
    app = edge.Service("ofektom", static_folder=None)
    app.testing = testing
    app.config.from_mapping(settings.as_flask_config(), CLOCK_OFFSET=settings.clock_offset)
    edge.init_app(app)
    logs.init_app(app)
    errors.init_app(app)
    database.init_app(app, settings)
    metrics.init_app(app, database.get_connection_pool_status)
    freshness.init_app(app)
    caching.init_app(app, settings)
    callers.init_app(app)
    rate_limits.init_app(app)
    discovery.import_models()
    migrate.init_app(app, db, compare_type=True, compare_server_default=False)
    discovery.register_slices(app)
    discovery.check_views(app)
    excluded = settings.response_cache_exclude
    app.add_middleware(response_cache.CachingMiddleware, ttl=settings.response_cache_seconds, exclude_paths=excluded)
    cli.init_app(app)
    return app
