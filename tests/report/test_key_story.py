"""A bundle tells what became of the version's key: wrapped anew, shredded by whom and why."""

from __future__ import annotations

import shutil

from strongroom.home.home import Home
from strongroom.keys.trust import Role
from strongroom.registry import rotation
from strongroom.registry.registry import Registry
from strongroom.registry.shredding import shred
from strongroom.report.audit import choose, write_bundle
from strongroom.report.extras import bundle_extras
from strongroom.report.verify import verify_bundle


def test_a_shredded_version_is_told_of_by_the_bundle_and_by_whom_it_was(audited, tmp_path):
    folder = shutil.copytree(audited.home, tmp_path / "home")
    with Home.open(folder) as home:
        home.add_key("sue", [Role.SHRED])
        list(rotation.rotate(home))
        (version,) = Registry(home).versions()
        shred(home, version.seal, by="sue", reason="erasure", force=True)
        chosen = choose(home, audited.loaded)
        extras = bundle_extras(home, audited.loaded, chosen)
        bundle = write_bundle(home, audited.loaded, chosen, tmp_path / "bundle", extras)
        result = verify_bundle(bundle, home.trust)
    assert result.problems == ()
    told = [line for line in result.story if "key was" in line or "hredded" in line]
    assert ["wrapped anew" in told[0], "Ordered" in told[1]] == [True, True]
    assert "by sue: erasure. No copy of its files opens" in told[2]
