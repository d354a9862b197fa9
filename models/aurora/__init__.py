"""Aurora: six copies over three zones, a log that is durable by quorum, replicas on one volume, and failover."""

from models.aurora.durability import MODEL as DURABILITY
from models.aurora.model import MODEL

__all__ = ["DURABILITY", "MODEL"]
