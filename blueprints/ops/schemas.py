"""What the health checks and the metrics answer."""

from marshmallow import Schema, fields, validate

SECONDS = {"description": "seconds since 1970"}
HIT_RATE = {"description": "such as 95.67%; null before the first look-up"}


class HealthOut(Schema):
    status = fields.String(
        validate=validate.OneOf(["healthy", "degraded", "unhealthy"]),
        metadata={"description": "degraded: it works, more slowly, without Redis"},
    )
    timestamp = fields.Float(metadata=SECONDS)
    redis = fields.String(validate=validate.OneOf(["connected", "unreachable", "not configured"]))
    database = fields.String(validate=validate.OneOf(["healthy", "unreachable"]))


class LiveOut(Schema):
    status = fields.String()


class ReadyOut(Schema):
    status = fields.String(validate=validate.OneOf(["ready", "not ready"]))


class ConnectionsOut(Schema):
    pool_size = fields.Integer(metadata={"description": "connections the workers' pools keep"})
    connections_checked_in = fields.Integer(metadata={"description": "open and free"})
    connections_checked_out = fields.Integer(metadata={"description": "in use"})
    overflow = fields.Integer(metadata={"description": "open beyond the pools' size"})
    total_connections = fields.Integer(metadata={"description": "open"})


class RedisOut(Schema):
    state = fields.String(validate=validate.OneOf(["connected", "unreachable", "not configured"]))
    connected_clients = fields.Integer(allow_none=True)
    used_memory_human = fields.String(allow_none=True)
    keyspace_hits = fields.Integer(allow_none=True, metadata={"description": "of all users of that Redis"})
    keyspace_misses = fields.Integer(allow_none=True)
    hit_rate = fields.String(allow_none=True, metadata=HIT_RATE)


class TierOut(Schema):
    hits = fields.Integer()
    misses = fields.Integer()
    hit_rate = fields.String(allow_none=True, metadata=HIT_RATE)


class CacheOut(Schema):
    tiers = fields.Dict(keys=fields.String(), values=fields.Nested(TierOut), metadata={"description": "by tier"})
    errors = fields.Integer(metadata={"description": "calls of the shared cache that failed"})
    breaker = fields.String(validate=validate.OneOf(["open", "closed"]))
    workers_with_open_breaker = fields.Integer()


class EndpointOut(Schema):
    count = fields.Integer()
    errors = fields.Integer(metadata={"description": "answers of 500 and above"})
    mean_ms = fields.Float()
    p50_ms = fields.Float(metadata={"description": "estimated, like the others, from a histogram"})
    p95_ms = fields.Float()
    p99_ms = fields.Float()


class MetricsOut(Schema):
    timestamp = fields.Float(metadata=SECONDS)
    database = fields.Nested(ConnectionsOut)
    redis = fields.Nested(RedisOut)
    cache = fields.Nested(CacheOut)
    requests = fields.Dict(
        keys=fields.String(), values=fields.Nested(EndpointOut), metadata={"description": "by endpoint"}
    )
