"""Amazon ElastiCache: Memcached, and Redis or Valkey."""

from models.elasticache.memcached import model as memcached
from models.elasticache.redis import model as redis

__all__ = ["memcached", "redis"]
