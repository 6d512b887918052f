"""The list of specimens: what each is called, which advisory it stands for, what it would do."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Specimen:
    """One file."""

    name: str
    make: Callable[[], bytes]
    advisory: str
    """Public id of the class it stands for, or of the paper."""
    event: str | None = None
    """The audit event that proves that loading it with pickle runs something; None if it is not
    loaded in a test (needs another package or platform)."""
    verdict: str = "block"
    filename: str = "model.pkl"

    def __str__(self):
        return self.name


MALICIOUS: list[Specimen] = []


def malicious(name, advisory, event=None, verdict="block", filename="model.pkl"):
    """Register the function that makes a specimen."""

    def register(make):
        MALICIOUS.append(Specimen(name, make, advisory, event, verdict, filename))
        return make

    return register


def malicious_bytes(name, advisory, data, event=None, **more):
    """Register a specimen that is made already."""
    malicious(name, advisory, event, **more)(lambda: data)
