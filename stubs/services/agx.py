"""HMS-AGX and HMS-AGT: an agent that believably answers, and knows nothing; see agx.yml.

What it says is a draw from the seed, the question and how far the conversation has got, so that
the same talk has the same words in every run. Floor 1, pure. Read next: `agent_words.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stubs.service import Answer, Asked, BadRequestError, Surroundings, answer_json, text_of
from stubs.services.agent_words import say_answer
from stubs.services.logic import ServiceLogic, Settings, answer_absent, iso_of
from stubs.services.shelf import Shelf

MODEL: Final = "sandbox-agent-1"
CHARS_A_TOKEN: Final = 4
MAX_MESSAGES: Final = 200


@dataclass(slots=True)
class Conversation:
    """What is remembered of one: how long it is, not what was said."""

    name: str
    turns: int = 0
    tokens: int = 0
    last_ms: float = 0.0


def make_logic(surroundings: Surroundings) -> ServiceLogic:
    """Raises ScenarioError when its settings are wrong."""
    Settings(surroundings, "an agent", ()).check()
    agent = Agent()
    handlers = {"ask": agent.ask, "chat": agent.chat, "show": agent.show}
    return ServiceLogic(handlers, (agent.shelf,))


class Agent:
    """One agent and its conversations."""

    def __init__(self) -> None:
        self.shelf: Shelf[Conversation] = Shelf("conversations", _shown, "POST /chat")

    def ask(self, asked: Asked) -> Answer:
        """POST /ask: one question, one answer; a conversation goes on if it is named."""
        fields = asked.json()
        question = _first_text(fields, ("question", "prompt", "text", "message"))
        return self._answer(asked, fields, question, len(question))

    def chat(self, asked: Asked) -> Answer:
        """POST /chat: a `message`, or `messages` as [{role, content}], the last one answered."""
        fields = asked.json()
        raw = fields.get("messages")
        if raw is None:
            message = _first_text(fields, ("message", "question", "text"))
            return self._answer(asked, fields, message, len(message))
        if not isinstance(raw, list) or not 1 <= len(raw) <= MAX_MESSAGES:
            raise BadRequestError(f"messages must be a list of 1 to {MAX_MESSAGES} messages")
        contents = [each.get("content") if isinstance(each, dict) else each for each in raw]
        texts = [text for text in contents if isinstance(text, str)]
        if len(texts) < len(contents) or not texts[-1].strip():
            raise BadRequestError("each message has a role and a content, which is a text")
        return self._answer(asked, fields, texts[-1], sum(map(len, texts)))

    def show(self, asked: Asked) -> Answer:
        """GET /conversations/{conversation}."""
        conversation = self.shelf.get(asked.params["conversation"])
        if conversation is None:
            return answer_absent("conversation", asked.params["conversation"])
        name = conversation.name
        return answer_json(200, conversation=name, **_shown(conversation), env="sandbox")

    def _answer(
        self, asked: Asked, fields: Mapping[str, Any], question: str, prompt_chars: int
    ) -> Answer:
        made_up = f"CONV-{asked.number_for(f'conversation {asked.request_id}', 12)}"
        name = text_of(fields.get("conversation")) or made_up
        conversation = self.shelf.get(name) or Conversation(name)
        conversation.turns += 1
        answer = say_answer(asked.seed, question, conversation.turns)
        prompt, completion = tokens_of(prompt_chars), tokens_of(len(answer))
        conversation.tokens += prompt + completion
        conversation.last_ms = asked.epoch_ms
        self.shelf.keep(name, conversation)
        return answer_json(
            200,
            conversation=name,
            turn=conversation.turns,
            answer=answer,
            model=MODEL,
            tokens={"prompt": prompt, "completion": completion},
            env="sandbox",
        )


def tokens_of(chars: int) -> int:
    """About how many tokens a text has."""
    return max(1, -(-chars // CHARS_A_TOKEN))


def _first_text(fields: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    for key in keys:
        value = fields.get(key)
        if isinstance(value, str) and value.strip():
            return value
    raise BadRequestError(f"{keys[0]} is missing; give a text")


def _shown(conversation: Conversation) -> dict[str, Any]:
    return {
        "turns": conversation.turns,
        "tokens": conversation.tokens,
        "last": iso_of(conversation.last_ms),
    }
