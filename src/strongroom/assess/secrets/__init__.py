"""Finds secrets in texts, by rules of our own and by a kept library; never says one whole."""

from strongroom.assess.secrets.find import Secret, find_secrets, redacted

__all__ = ["Secret", "find_secrets", "redacted"]
