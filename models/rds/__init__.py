"""RDS: MySQL and PostgreSQL on EBS volumes, with what keeps them available."""

from models.rds.mysql import MODEL as MYSQL
from models.rds.postgresql import MODEL as POSTGRESQL

__all__ = ["MYSQL", "POSTGRESQL"]
