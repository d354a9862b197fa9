"""Aurora: six copies over three zones, a log that is durable by quorum, replicas on one volume, and failover."""

from models.aurora.model import MODEL

__all__ = ["MODEL"]
