"""ElastiCache: caches in memory, Memcached's and Redis's."""
