"""All models by name: what `list`, `schema` and scenario files know."""

from __future__ import annotations

from models import aurora, dax, dynamodb, elasticache, rds
from models.generic import cache_aside, copies, queue
from models.kernel.registry import Model

MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        queue.MODEL,
        cache_aside.MODEL,
        copies.MODEL,
        dynamodb.MODEL,
        dax.model(dynamodb.BACKEND),
        elasticache.memcached(dynamodb.BACKEND),
        elasticache.redis(dynamodb.BACKEND),
        aurora.MODEL,
        aurora.DURABILITY,
        rds.MYSQL,
        rds.POSTGRESQL,
    )
}
