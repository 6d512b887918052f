"""The whole hall on one fraud model: refused, mended, proven, promoted, attacked, rolled back.

`play` runs the story on real parts (files, checks, keys, ledger, registry) and tells an audience
what happens; the command line is one audience, tests are another.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol

import lightgbm
import polars as pl

from strongroom.assess.assessing import assess
from strongroom.assess.home_store import HomeStore
from strongroom.assess.runner import Assessed, Plan, Watch
from strongroom.assess.tables import feature_matrix
from strongroom.domain.decision import Approval, Stage, Verdict
from strongroom.domain.errors import IntegrityError
from strongroom.governance.artifacts import subjects_of
from strongroom.governance.catalog import load_catalog
from strongroom.governance.loader import Loaded, load_manifest
from strongroom.home.home import Home
from strongroom.keys.trust import Role, TrustPolicy
from strongroom.payments.sources import Source
from strongroom.registry.deciding import Decided, put_before_gate
from strongroom.registry.opening import Opened
from strongroom.registry.registry import Registry
from strongroom.report.audit import choose, write_bundle
from strongroom.report.extras import bundle_extras
from strongroom.report.promotion import promote
from strongroom.report.verify import Verification, verify_bundle
from strongroom.storage.files import write_file

HOME: Final = "store"
APPROVERS: Final = ("bob", "carol")
RETRAINED: Final = 1
"""Added to the seed for the model that comes after the mended one."""


class Audience(Protocol):
    """Whoever the story is told to."""

    def scene(self, title: str) -> None:
        """A new part begins."""
        ...

    def say(self, text: str) -> None:
        """Something happened."""
        ...

    def watch(self) -> AbstractContextManager[Watch]:
        """Follows the checks while they run."""
        ...

    def assessed(self, evidence: Sequence[Assessed]) -> None:
        """What the checks said."""
        ...

    def decided(self, decided: Decided) -> None:
        """What the gate said."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """How the story ended; the machine contract of `strongroom demo --format json`."""

    first_decision: Verdict
    second_decision: Verdict
    tamper: str
    """`refused`, `opened` (which would be a defect), or `not reached` after a denial."""
    rolled_back: bool
    bundle: Path
    trust: Path
    passport: Path
    verified: bool
    seconds: float


def play(source: Source, out: Path, audience: Audience, *, seed: int, cores: int) -> Told:
    """Run the story in the folder `out`, which must not exist."""
    started = time.monotonic()
    out.mkdir(parents=True)
    with Home.open(out / HOME, create=True) as home:
        stage = _Stage(home, out, audience, seed, cores)
        first, second = stage.careless(source), stage.mended(source)
        tamper, rolled_back = "not reached", False
        if second.allowed:
            tamper, rolled_back = stage.attacked(source, second.loaded)
        bundle, trust, verification = stage.audited(second.loaded)
        passport = stage.passport(bundle)
    return Told(
        first.verdict,
        second.verdict,
        tamper,
        rolled_back,
        bundle,
        trust,
        passport,
        verification.verified,
        round(time.monotonic() - started, 1),
    )


@dataclass(frozen=True, slots=True)
class _Version:
    """A model that was put before the gate."""

    loaded: Loaded
    verdict: Verdict
    """Of the last stage that it was put before."""

    @property
    def allowed(self) -> bool:
        return self.verdict is Verdict.ALLOW


@dataclass(frozen=True, slots=True)
class _Stage:
    """The scenes, on one home."""

    home: Home
    out: Path
    audience: Audience
    seed: int
    cores: int

    def careless(self, source: Source) -> _Version:
        """Trained in a hurry, handed in, and refused."""
        self.audience.scene("A fraud model, trained in a hurry")
        loaded = load_manifest(source.careless(self.out / "first"))
        trainer = loaded.system.model.trained_by if loaded.system.model else "somebody"
        self.audience.say(f"{trainer} hands in {loaded.folder}")
        self._assess(loaded)
        self.audience.scene("May it go live?")
        return _Version(loaded, self._decide(loaded, Stage.PRODUCTION))

    def mended(self, source: Source) -> _Version:
        """Mended, proven, approved by two others, and promoted through each stage."""
        for name in APPROVERS:
            self.home.add_key(name, [Role.APPROVAL])
        self.audience.scene("The same model, mended")
        return self._proven(load_manifest(source.mended(self.out / "second", self.seed)))

    def attacked(self, source: Source, second: Loaded) -> tuple[str, bool]:
        """A later version goes live, is tampered with, refused, and rolled back."""
        self.audience.scene("A week later: retrained, proven again, live")
        manifest = source.mended(self.out / "third", self.seed + RETRAINED)
        third = self._proven(load_manifest(manifest))
        if not third.allowed:
            return "not reached", False
        system, registry = second.system.system.name, Registry(self.home)
        opened = registry.open(system, Stage.PRODUCTION)
        self.audience.say(f"opened in memory, verified: {self._scored(third.loaded, opened)}")
        self.audience.scene("Somebody flips one byte of the model in the store")
        tamper = self._tampered(registry, system, opened)
        before = time.monotonic()
        move = registry.rollback(system, Stage.PRODUCTION)
        took = time.monotonic() - before
        back = registry.open(system, Stage.PRODUCTION)
        self.audience.say(f"rolled back to version {move.version.short} in {took:.2f} s")
        self.audience.say(f"serving again: {self._scored(second, back)}")
        return tamper, back.version == move.version

    def audited(self, loaded: Loaded) -> tuple[Path, Path, Verification]:
        """The bundle for the auditor, checked with nothing but the trust policy."""
        self.audience.scene("The auditor comes")
        chosen = choose(self.home, loaded)
        bundle = write_bundle(
            self.home,
            loaded,
            chosen,
            self.out / "audit-bundle",
            bundle_extras(self.home, loaded, chosen),
        )
        trust = self.out / "trust.json"
        write_file(trust, self.home.trust.to_bytes())
        verification = verify_bundle(bundle, TrustPolicy.parse(trust.read_bytes()))
        for line in verification.story:
            self.audience.say(line)
        word = "every one holds" if verification.verified else "NOT ALL HOLD"
        self.audience.say(f"{verification.checked} checks, offline: {word}")
        return bundle, trust, verification

    def passport(self, bundle: Path) -> Path:
        """The bundle's passport, where people look for it; gives the page's path."""
        folder = self.out / "passport"
        folder.mkdir()
        for name in ("passport.html", "passport.pdf"):
            shutil.copyfile(bundle / name, folder / name)
        return folder / "passport.html"

    def _proven(self, loaded: Loaded) -> _Version:
        self._assess(loaded)
        verdict = Verdict.DENY
        for stage in Stage:
            if stage is not Stage.DEVELOPMENT:
                self._approve(loaded, stage)
            verdict = self._decide(loaded, stage, quietly=stage is not Stage.PRODUCTION)
            if verdict is Verdict.DENY:
                break
            move = promote(self.home, loaded, stage).move
            self.audience.say(f"sealed as {move.version.short} and promoted to {stage}")
        return _Version(loaded, verdict)

    def _assess(self, loaded: Loaded) -> None:
        plan = Plan(seed=self.seed, jobs=self.cores, cores=self.cores)
        with self.audience.watch() as watch:
            evidence = assess(
                loaded,
                load_catalog(),
                plan,
                store=HomeStore(self.home),
                now=self.home.clock,
                watch=watch,
            )
        self.audience.assessed(evidence)

    def _decide(self, loaded: Loaded, stage: Stage, *, quietly: bool = False) -> Verdict:
        now = self.home.clock()
        decided = put_before_gate(self.home, loaded, stage, load_catalog(), now)
        verdict = decided.decision.verdict
        if not quietly or verdict is Verdict.DENY:
            self.audience.decided(decided)
        return verdict

    def _approve(self, loaded: Loaded, stage: Stage) -> None:
        now = self.home.clock()
        for name in APPROVERS:
            approval = Approval(
                loaded.system.system.name,
                stage,
                subjects_of(loaded),
                name,
                "I read the passport and the evidence it rests on.",
                now,
                now + timedelta(days=30),
            )
            self.home.record(approval.to_statement(), name)
        self.audience.say(f"{' and '.join(APPROVERS)} approve it for {stage}")

    def _tampered(self, registry: Registry, system: str, opened: Opened) -> str:
        sealed = max(opened.seal.files, key=lambda file: file.size)
        path = self.home.objects.path(sealed.object)
        if path is None:
            return "not reached"
        _flip(path)
        try:
            registry.open(system, Stage.PRODUCTION)
        except IntegrityError as error:
            self.audience.say(f"refused: {error}")
            return "refused"
        return "opened"

    def _scored(self, loaded: Loaded, opened: Opened) -> str:
        """Score rows with the bytes that were opened; nothing touches the disk."""
        system = loaded.system
        if system.model is None or system.data is None:
            return "nothing to score"
        rows = pl.read_parquet(loaded.file(system.data.test.path), n_rows=1000)
        booster = lightgbm.Booster(model_str=opened.files[system.model.path].decode())
        scores = booster.predict(feature_matrix(rows, system.data.schema_.features))
        return f"{len(rows):,} payments scored, the riskiest {scores.max():.3f}"


def _flip(path: Path) -> None:
    """One bit in the middle of a file."""
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
