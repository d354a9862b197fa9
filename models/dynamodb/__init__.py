"""Amazon DynamoDB."""

from models.dynamodb.model import BACKEND, MODEL

__all__ = ["BACKEND", "MODEL"]
