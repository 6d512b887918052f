"""The forms that detect-secrets knows, without its judgement by entropy.

Its plug-ins are asked directly, so that nothing is verified over the network and no global setting
is touched. Left out: entropy of any string (hashes in lock files, images in notebooks), any
address, and names (`secrets.toml` has them, and says what is no value).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

PLUGINS: Final = (
    ("artifactory", "ArtifactoryDetector", "an Artifactory credential"),
    ("aws", "AWSKeyDetector", "an AWS key"),
    ("azure_storage_key", "AzureStorageKeyDetector", "an Azure storage key"),
    ("cloudant", "CloudantDetector", "a Cloudant credential"),
    ("discord", "DiscordBotTokenDetector", "a Discord bot token"),
    ("github_token", "GitHubTokenDetector", "a GitHub token"),
    ("gitlab_token", "GitLabTokenDetector", "a GitLab token"),
    ("ibm_cloud_iam", "IbmCloudIamDetector", "an IBM Cloud key"),
    ("ibm_cos_hmac", "IbmCosHmacDetector", "an IBM storage key"),
    ("mailchimp", "MailchimpDetector", "a Mailchimp key"),
    ("npm", "NpmDetector", "an npm token"),
    ("openai", "OpenAIDetector", "an OpenAI key"),
    ("pypi_token", "PypiTokenDetector", "a PyPI token"),
    ("sendgrid", "SendGridDetector", "a SendGrid key"),
    ("slack", "SlackDetector", "a Slack token"),
    ("softlayer", "SoftlayerDetector", "a SoftLayer credential"),
    ("square_oauth", "SquareOAuthDetector", "a Square secret"),
    ("stripe", "StripeDetector", "a Stripe key"),
    ("twilio", "TwilioKeyDetector", "a Twilio key"),
)
"""Module, class and what it finds."""
LONG: Final = re.compile(r"[A-Za-z0-9_/+=.-]{20}")
"""Every secret that we take from it is at least that long."""
TRIGGER: Final = re.compile(
    r"(?i)\b(?:AP[0-9A-F]|AC[0-9a-z]{32}|SK[0-9a-z]{32}|cloudant|softlayer|ibm|iam|cos|key|token|secret"
    r"|pass|auth|aws|A3T|A[KBCS][CIPRA]A|gh[pousr]_|gl[a-z]{2,6}-|GR1348941|xox|hooks\.slack|npm|sk-|SG\.|"
    r"pypi-|sq0csp|[rs]k_live|[0-9a-z]{32}-us|[MNO][a-z\d_-]{23,25}\.)"
)
"""What stands in every line that one of them could find something in."""
_QUICK: Final = re.compile(
    r"ap[0-9a-f]|ac[0-9a-z]{32}|sk[0-9a-z]{32}|cloudant|softlayer|ibm|iam|cos|key|token|secret"
    r"|pass|auth|aws|a3t|a[kbcs][cipra]a|gh[pousr]_|gl[a-z]{2,6}-|gr1348941|xox|hooks\.slack|npm"
    r"|sk-|sg\.|pypi-|sq0csp|[rs]k_live|-us|[mno][a-z\d_-]{23,25}\."
)
"""The same of a line in small letters, without word boundaries: it passes over numbers in a third
of the time, and models that are text are made of them."""


class Kept(NamedTuple):
    """What the library found."""

    kind: str
    title: str
    value: str


@cache
def _plugins() -> tuple[tuple[str, str, Any], ...]:
    if find_spec("detect_secrets") is None:
        return ()
    found = []
    for module, name, title in PLUGINS:
        # Of an extra, and slow to import: only when the first text is looked at.
        plugin = getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
        found.append((f"secret.{module}", title, plugin))
    return tuple(found)


def find_kept(line: str) -> Iterator[Kept]:
    """What detect-secrets finds in one line; nothing where it is not installed."""
    if not (_QUICK.search(line.lower()) and LONG.search(line) and TRIGGER.search(line)):
        return
    for kind, title, plugin in _plugins():
        for value in plugin.analyze_string(line):
            yield Kept(kind, title, value)
