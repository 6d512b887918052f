"""Events as lines, as OCSF, as spans; and an outlet that never stands in the way."""

from __future__ import annotations

import dataclasses
import json
import threading
from pathlib import Path

import pytest
import yaml

from strongroom.domain.errors import InputError, IntegrityError
from strongroom.guard.events.content import MAX_KEPT, content_key, open_texts, seal_texts
from strongroom.guard.events.event import Event
from strongroom.guard.events.ocsf import to_ocsf
from strongroom.guard.events.outlet import LineWriter, Outlet
from strongroom.guard.records import Source

REQUIRED = yaml.safe_load((Path(__file__).parent / "ocsf_required.yaml").read_text())
KEY = bytes(range(32))


def objections(document: dict) -> list[str]:
    """What the published definitions say against a document."""
    own = REQUIRED["classes"][document["class_uid"]]
    wrong = [n for n in (*REQUIRED["base"], *own["required"]) if n not in document]
    if document["type_uid"] != document["class_uid"] * 100 + document["activity_id"]:
        wrong.append("type_uid")
    if document["category_uid"] != own["category"]:
        wrong.append("category_uid")
    wrong += [n for n, known in REQUIRED["numbers"].items() if document[n] not in known]
    stack: list[tuple[str, object]] = [("event", document)]
    while stack:
        name, value = stack.pop()
        if isinstance(value, list):
            stack += [(name, one) for one in value]
        elif isinstance(value, dict) and name != "unmapped":
            wrong += [f"{name}.{n}" for n in REQUIRED["objects"].get(name, ()) if n not in value]
            some = REQUIRED["at_least_one"].get(name)
            if some and not set(some) & set(value):
                wrong.append(f"{name}: none of {some}")
            stack += [("analytic" if n == "related_analytics" else n, v) for n, v in value.items()]
    return wrong


class TestOcsf:
    def test_both_classes_have_what_the_standard_requires(self, found, clean) -> None:
        assert objections(to_ocsf(found)) == []
        assert objections(to_ocsf(clean)) == []
        assert to_ocsf(found)["class_uid"] == 2004
        assert to_ocsf(clean)["class_uid"] == 6003

    def test_the_check_itself_objects(self, found) -> None:
        document = to_ocsf(found)
        del document["metadata"]["version"], document["finding_info"]
        assert objections(document) == ["finding_info", "metadata.version"]

    def test_an_event_of_which_little_is_known_is_valid_too(self, clean) -> None:
        bare = Event(clean.at, "1", "input", "block", "block", 0.0, "p", 0, "", reason="malformed")
        assert objections(to_ocsf(bare)) == []
        bare = dataclasses.replace(bare, reason="", action="allow", would="allow")
        assert objections(to_ocsf(bare)) == []

    @pytest.mark.parametrize(
        ("action", "action_id", "disposition"),
        [("allow", 1, 1), ("flag", 1, 19), ("mask", 1, 11), ("block", 2, 2)],
    )
    def test_actions_in_the_words_of_the_standard(self, found, action, action_id, disposition):
        document = to_ocsf(dataclasses.replace(found, action=action))
        assert (document["action_id"], document["disposition_id"]) == (action_id, disposition)

    def test_severity_is_of_what_would_be_done(self, found) -> None:
        """A block that observe mode let pass is as severe as one that happened."""
        document = to_ocsf(dataclasses.replace(found, action="flag", would="block"))
        assert document["severity_id"] == 4
        assert document["is_alert"] is True


class TestEvent:
    def test_a_line_reads_back_as_it_was(self, found, clean) -> None:
        for event in (found, clean):
            assert Event.from_json(json.loads(json.dumps(event.to_json()))) == event

    @pytest.mark.parametrize("raw", [{}, [], {"at": 1}, {"at": "2026-01-01T00:00:00Z"}, None])
    def test_what_is_no_event_is_refused(self, raw) -> None:
        with pytest.raises(InputError, match=r"no event|RFC 3339"):
            Event.from_json(raw)


class TestContent:
    def test_opens_for_its_event_and_key_only(self, found) -> None:
        texts = ((Source.USER, "card 4111"), (Source.SYSTEM, "é"))
        kept = dataclasses.replace(found, sealed=seal_texts(texts, KEY, found.uid))
        assert "card 4111" not in json.dumps(kept.to_json())
        assert open_texts(kept, KEY).texts == texts
        with pytest.raises(IntegrityError):
            open_texts(kept, bytes(32))
        with pytest.raises(IntegrityError):
            open_texts(dataclasses.replace(kept, id="sr_2"), KEY)
        with pytest.raises(IntegrityError):
            open_texts(dataclasses.replace(kept, sealed="no base64"), KEY)
        with pytest.raises(InputError, match="keeps no content"):
            open_texts(found, KEY)

    def test_of_long_texts_the_beginning_is_kept_and_it_says_so(self, found) -> None:
        sealed = seal_texts([(Source.USER, "a" * (MAX_KEPT + 1))], KEY, found.uid)
        kept = open_texts(dataclasses.replace(found, sealed=sealed), KEY)
        assert kept.cut
        assert len(kept.texts[0][1]) == MAX_KEPT

    @pytest.mark.parametrize("text", ["", "ab", "zz" * 32])
    def test_a_key_is_32_bytes(self, text) -> None:
        with pytest.raises(InputError, match="32 bytes"):
            content_key(text, "key")


class Slow:
    """A writer that waits for a word."""

    name = "slow"

    def __init__(self) -> None:
        self.go, self.got, self.closed = threading.Event(), [], False

    def write(self, event: Event) -> None:
        self.go.wait(10)
        self.got.append(event)

    def close(self) -> None:
        self.closed = True


class Broken(Slow):
    name = "broken"

    def write(self, event: Event) -> None:
        raise OSError("disk full")


class TestOutlet:
    def test_a_full_queue_drops_and_counts(self, clean) -> None:
        slow = Slow()
        outlet = Outlet([slow], size=3)
        for _ in range(10):
            outlet.put(clean)
        assert outlet.dropped >= 6  # one may be with the writer
        slow.go.set()
        outlet.close()
        assert len(slow.got) + outlet.dropped == 10
        assert slow.closed

    def test_a_writer_that_fails_is_counted_and_the_others_go_on(self, clean) -> None:
        fine = Slow()
        fine.go.set()
        outlet = Outlet([Broken(), fine])
        outlet.put(clean)
        outlet.close()
        assert outlet.failed == {"broken": 1}
        assert fine.got == [clean]

    def test_closing_writes_what_waits(self, clean, found, tmp_path) -> None:
        outlet = Outlet([LineWriter(tmp_path / "o.jsonl", to_ocsf, "ocsf")])
        for event in (clean, found):
            outlet.put(event)
        outlet.close()
        lines = (tmp_path / "o.jsonl").read_text().splitlines()
        assert [json.loads(line)["class_uid"] for line in lines] == [6003, 2004]
        assert (tmp_path / "o.jsonl").stat().st_mode & 0o077 == 0

    def test_what_comes_after_the_end_or_hangs_is_dropped_not_waited_for(self, clean) -> None:
        slow = Slow()
        outlet = Outlet([slow])
        outlet.put(clean)
        outlet.put(clean)
        outlet.close(seconds=0.05)
        outlet.put(clean)
        assert outlet.dropped >= 2
        slow.go.set()
