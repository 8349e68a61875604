"""HMS-AGX and HMS-AGT: believable answers, tokens, conversations."""

from __future__ import annotations

from typing import Any

import pytest

from stubs.services.agent_words import TOPICS, say_answer
from stubs.services.agx import tokens_of
from tests.stubs.services.asking import Sandbox


@pytest.mark.parametrize("service", ["agx", "agt", "agx-eligibility"])
async def test_it_answers_a_question(service: str) -> None:
    said = await Sandbox().post(f"{service}/ask", {"question": "Is C-1 eligible?"})
    assert said.status == 200
    assert TOPICS["eligib"] in said.json["answer"]
    assert said.json["conversation"].startswith("CONV-")
    assert said.json["tokens"] == {
        "prompt": 4,
        "completion": tokens_of(len(said.json["answer"])),
    }


async def test_a_conversation_goes_on() -> None:
    sandbox = Sandbox()
    body = {"message": "and then?", "conversation": "T-1"}
    turns = [(await sandbox.post("agx/chat", body)).json for _ in range(3)]
    assert [turn["turn"] for turn in turns] == [1, 2, 3]
    assert len({turn["answer"] for turn in turns}) > 1
    shown = (await sandbox.get("agx/conversations/T-1")).json
    used = sum(turn["tokens"]["prompt"] + turn["tokens"]["completion"] for turn in turns)
    assert (shown["turns"], shown["tokens"]) == (3, used)
    assert (await sandbox.get("agt/conversations/T-1")).status == 404


async def test_of_messages_the_last_is_answered_and_all_are_counted() -> None:
    messages = [{"role": "user", "content": "x" * 400}, {"role": "user", "content": "a permit?"}]
    said = await Sandbox().post("agx/chat", {"messages": messages})
    assert TOPICS["permit"] in said.json["answer"]
    assert said.json["tokens"]["prompt"] == tokens_of(409)


def test_the_same_talk_has_the_same_words() -> None:
    said = [say_answer(seed, "why?", turn) for seed in (1, 2) for turn in range(1, 20)]
    assert said == [say_answer(seed, "why?", turn) for seed in (1, 2) for turn in range(1, 20)]
    assert len(set(said)) > 30


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        ("ask", {}, "question is missing"),
        ("ask", {"question": " "}, "question is missing"),
        ("chat", {"messages": []}, "1 to 200 messages"),
        ("chat", {"messages": [{}] * 201}, "1 to 200 messages"),
        ("chat", {"messages": [{"role": "user"}]}, "each message has a role and a content"),
    ],
)
async def test_what_is_no_question_is_refused(path: str, body: Any, detail: str) -> None:
    said = await Sandbox().post(f"agx/{path}", body)
    assert said.status == 400
    assert detail in said.json["detail"]
