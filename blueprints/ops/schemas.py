"""What the health checks answer."""

from marshmallow import Schema, fields


class HealthOut(Schema):
    status = fields.String(metadata={"description": "healthy or unhealthy"})
    timestamp = fields.Float(metadata={"description": "seconds since 1970"})
    database = fields.String(metadata={"description": "healthy or unreachable"})


class LiveOut(Schema):
    status = fields.String()
