"""Values go out as pseudonyms of their shape and come back: whole, in pieces, to nobody else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.domain.identifiers import mod97
from strongroom.guard.drivers import Guard
from strongroom.guard.engine import Question
from strongroom.guard.policy import read_policy
from strongroom.guard.records import Action, Grounds, Source
from strongroom.guard.tokens import vault as vaults
from strongroom.guard.tokens.vault import Restorer, Vault, plain

KEY = bytes(range(32))
PAN, IBAN, MAIL = "4111 1111-1111 1111", "GB82 WEST 1234 5698 7654 32", "ana.lee@bank.example"
POLICY = b"""
version: 1
model: off
actions:
  pii.pan: {any: {tokenise: 0.6}}
  pii.iban: {any: {tokenise: 0.6}, output: {mask: 0.6}}
  pii.email: {any: {tokenise: 0.6}}
"""


@pytest.fixture
def vault():
    return Vault(KEY, lambda: 0.0)


def luhn(text: str) -> bool:
    digits = [int(c) for c in reversed(text) if c.isdigit()]
    return sum(sum(divmod(2 * d, 10)) if n % 2 else d for n, d in enumerate(digits)) % 10 == 0


class TestShapes:
    def test_a_card_keeps_its_groups_and_can_never_be_charged(self, vault) -> None:
        for number in range(300):
            token = vault.conversation(str(number)).stand_in("pii.pan", PAN)
            assert token[:2] == "99"
            assert [len(part) for part in token.replace("-", " ").split()] == [4, 4, 4, 4]
            assert not luhn(token)

    def test_an_iban_keeps_country_and_groups_and_has_good_check_digits(self, vault) -> None:
        for number in range(100):
            token = vault.conversation(str(number)).stand_in("pii.iban", IBAN)
            assert token != IBAN
            assert token[:2] == "GB"
            assert [len(part) for part in token.split()] == [len(part) for part in IBAN.split()]
            assert mod97(plain(token)) == 1

    def test_an_address_leads_to_nobody(self, vault) -> None:
        token = vault.conversation("c").stand_in("pii.email", MAIL)
        assert token.endswith(".example")
        assert len(token.partition("@")[0]) == len("ana.lee")

    def test_a_phone_keeps_its_country(self, vault) -> None:
        token = vault.conversation("c").stand_in("pii.phone", "+60 12-345 6789")
        assert token.startswith("+60 ")
        assert token[6] == "-"


class TestVault:
    def test_a_value_has_one_pseudonym_in_a_conversation_and_others_elsewhere(self, vault) -> None:
        one = vault.conversation("a").stand_in("pii.pan", PAN)
        assert vault.conversation("a").stand_in("pii.pan", PAN) == one
        assert Vault(KEY, lambda: 0.0).conversation("a").stand_in("pii.pan", PAN) == one
        assert vault.conversation("b").stand_in("pii.pan", PAN) != one
        assert Vault(bytes(32), lambda: 0.0).conversation("a").stand_in("pii.pan", PAN) != one

    def test_a_card_is_the_same_card_however_it_is_grouped(self, vault) -> None:
        conversation = vault.conversation("a")
        one = conversation.stand_in("pii.pan", PAN)
        other = conversation.stand_in("pii.pan", plain(PAN))
        assert plain(one) == other
        assert conversation.restore(f"{one}, {other}") == f"{PAN}, {plain(PAN)}"

    def test_nothing_is_revealed_to_another_conversation(self, vault) -> None:
        token = vault.conversation("a").stand_in("pii.pan", PAN)
        assert vault.conversation("a").restore(f"<{token}>") == f"<{PAN}>"
        assert vault.conversation("b").restore(token) == token

    def test_values_do_not_lie_open_in_memory(self, vault) -> None:
        conversation = vault.conversation("a")
        conversation.stand_in("pii.email", MAIL)
        assert MAIL not in repr(conversation._values)
        assert MAIL.encode() not in b"".join(v for _, v in conversation._values.values())

    def test_conversations_are_forgotten_after_a_while_and_when_there_are_too_many(self) -> None:
        time = [0.0]
        vault = Vault(KEY, lambda: time[0], seconds=10, conversations=2)
        token = vault.conversation("a").stand_in("pii.pan", PAN)
        time[0] = 9.0
        assert vault.conversation("a").restore(token) == PAN
        time[0] = 20.0
        assert vault.conversation("a").restore(token) == token
        for name in "bcd":
            vault.conversation(name)
        assert len(vault) == 2

    def test_a_full_conversation_gives_no_more(self, vault) -> None:
        conversation = vault.conversation("a")
        values = [f"4111 1111 1111 {n:04d}" for n in range(60)]
        vaults_most = vaults.VALUES
        assert vaults_most > 60
        tokens = {conversation.stand_in("pii.pan", value) for value in values}
        assert len(tokens) == 60
        assert all(conversation.restore(t) in values for t in tokens)

    @pytest.mark.parametrize("value", ["", "1", "x" * 600])
    def test_what_is_too_short_or_long_gets_none(self, vault, value) -> None:
        assert vault.conversation("a").stand_in("pii.pan", value) is None


class TestRestoring:
    def test_digits_that_the_model_grouped_otherwise_come_back(self, vault) -> None:
        conversation = vault.conversation("a")
        token = conversation.stand_in("pii.pan", PAN)
        assert conversation.restore(f"Card {plain(token)}.") == f"Card {PAN}."

    def test_inside_json_a_value_is_escaped(self, vault) -> None:
        conversation = vault.conversation("a")
        token = conversation.stand_in("pii.name", 'Ana "Bo" Lee')
        text = json.dumps({"name": token}).replace(json.dumps(token)[1:-1], token)
        back = conversation.restore(text, lambda value: json.dumps(value)[1:-1])
        assert token not in back

    @given(cuts=st.lists(st.integers(1, 9), max_size=60))
    @settings(max_examples=80, deadline=None)
    def test_however_a_stream_is_cut_the_whole_comes_back(self, cuts) -> None:
        conversation = Vault(KEY, lambda: 0.0).conversation("a")
        card = conversation.stand_in("pii.pan", PAN)
        mail = conversation.stand_in("pii.email", MAIL)
        text = f"Dear 9, your card {card} and {plain(card)}; write to {mail}! 99"
        restorer, out, at = Restorer(conversation), "", 0
        for cut in cuts:
            out += restorer.feed(text[at : at + cut])
            at += cut
        out += restorer.feed(text[at:]) + restorer.finish()
        assert out == f"Dear 9, your card {PAN} and {PAN}; write to {MAIL}! 99"

    def test_no_more_is_held_than_could_be_half_a_pseudonym(self, vault) -> None:
        conversation = vault.conversation("a")
        conversation.stand_in("pii.pan", PAN)
        restorer = Restorer(conversation)
        assert restorer.feed("plain words ") == "plain words "
        assert restorer.feed("price 12") == "price 12"


class TestInTheEngine:
    def judge(self, detectors, text, source, conversation):
        guard = Guard(read_policy(POLICY), detectors, lambda: None)
        grounds = Grounds(stand_ins=conversation)
        return guard.judge(Question(text, source, grounds))

    def test_there_and_back(self, detectors, vault) -> None:
        text = f"Pay {IBAN} from card {PAN}, tell ana.lee@bank-of-ana.com"
        conversation = vault.conversation("a")
        out = self.judge(detectors, text, Source.USER, conversation)
        assert out.action is Action.MASK
        assert not any(value in out.text for value in (IBAN, PAN, "ana.lee", "["))
        answer = self.judge(detectors, out.text, Source.OUTPUT, conversation)
        assert answer.text == out.text  # pseudonyms are not found again
        assert conversation.restore(answer.text) == text

    def test_a_value_that_the_model_knows_from_elsewhere_is_masked(self, detectors, vault) -> None:
        conversation = vault.conversation("a")
        conversation.stand_in("pii.iban", IBAN)
        other = "DE89 3704 0044 0532 0130 00"
        judged = self.judge(detectors, f"His is {other}", Source.OUTPUT, conversation)
        assert conversation.restore(judged.text) == "His is [IBAN]"

    def test_without_a_conversation_it_is_masked(self, detectors) -> None:
        judged = self.judge(detectors, f"card {PAN}", Source.USER, None)
        assert judged.text == "card [PAN]"
