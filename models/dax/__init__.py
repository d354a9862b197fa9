"""Amazon DynamoDB Accelerator (DAX)."""

from models.dax.model import model

__all__ = ["model"]
