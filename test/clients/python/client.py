"""Asks through the official Python clients: one JSON request a line in, one JSON answer a line out.

in:  {"client": a key of CLIENTS, "origin": "http://127.0.0.1:port", "content": what the user says}
out: {"kind": "answer", "text", "finish"}    what the client's caller gets to see; finish may be null
     {"kind": "error", "status", "message"}  the client raised an error of its API; status may be null
     {"kind": "crash", "message"}            it raised anything else, as when it cannot read what it was sent

Answers come in the order of the requests. The end of the input ends the program. No client retries.
"""

import json
import sys
import traceback
from collections.abc import Callable
from typing import NamedTuple

import anthropic
import openai
from anthropic.types import Message, MessageParam
from google import genai
from google.genai.errors import APIError as GenaiError
from google.genai.types import GenerateContentResponse, HttpOptions, HttpRetryOptions
from openai.types.chat import ChatCompletionUserMessageParam

GPT = "gpt-test"
CLAUDE = "claude-test"
GEMINI = "gemini-2.5-flash"


class Shown(NamedTuple):
    """What the caller of a client gets to see. `finish` is the API's own word, None where there was none."""

    text: str
    finish: str | None


# openai


def openai_at(origin: str) -> openai.OpenAI:
    return openai.OpenAI(api_key="sk-test", base_url=f"{origin}/v1", max_retries=0)


def said_to_gpt(content: str) -> list[ChatCompletionUserMessageParam]:
    return [{"role": "user", "content": content}]


def chat(origin: str, content: str) -> Shown:
    with openai_at(origin) as client:
        choice = client.chat.completions.create(model=GPT, messages=said_to_gpt(content)).choices[0]
    return Shown(choice.message.content or "", choice.finish_reason)


def chat_events(origin: str, content: str) -> Shown:
    text, finish = "", None
    with openai_at(origin) as client:
        for chunk in client.chat.completions.create(model=GPT, messages=said_to_gpt(content), stream=True):
            for choice in chunk.choices:
                text += choice.delta.content or ""
                finish = choice.finish_reason or finish
    return Shown(text, finish)


def chat_helper(origin: str, content: str) -> Shown:
    """The helper raises at the end of an answer that was filtered: its error holds the text."""
    with (
        openai_at(origin) as client,
        client.chat.completions.stream(model=GPT, messages=said_to_gpt(content)) as stream,
    ):
        try:
            choice = stream.get_final_completion().choices[0]
        except openai.ContentFilterFinishReasonError as error:
            filtered = error.completion.choices if error.completion else []
            return Shown("".join(choice.message.content or "" for choice in filtered), type(error).__name__)
    return Shown(choice.message.content or "", choice.finish_reason)


def responses(origin: str, content: str) -> Shown:
    with openai_at(origin) as client:
        answer = client.responses.create(model=GPT, input=content)
    return Shown(answer.output_text, answer.status)


def responses_events(origin: str, content: str) -> Shown:
    text, finish = "", None
    with openai_at(origin) as client:
        for event in client.responses.create(model=GPT, input=content, stream=True):
            if event.type == "response.output_text.delta":
                text += event.delta
            elif event.type in ("response.completed", "response.incomplete", "response.failed"):
                finish = event.response.status
    return Shown(text, finish)


def responses_helper(origin: str, content: str) -> Shown:
    with openai_at(origin) as client, client.responses.stream(model=GPT, input=content) as stream:
        answer = stream.get_final_response()
    return Shown(answer.output_text, answer.status)


# anthropic


def anthropic_at(origin: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="sk-ant-test", base_url=origin, max_retries=0)


def said_to_claude(content: str) -> list[MessageParam]:
    return [{"role": "user", "content": content}]


def text_of(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def messages(origin: str, content: str) -> Shown:
    with anthropic_at(origin) as client:
        answer = client.messages.create(model=CLAUDE, max_tokens=100, messages=said_to_claude(content))
    return Shown(text_of(answer), answer.stop_reason)


def messages_events(origin: str, content: str) -> Shown:
    text, finish = "", None
    with anthropic_at(origin) as client:
        asked = said_to_claude(content)
        for event in client.messages.create(model=CLAUDE, max_tokens=100, messages=asked, stream=True):
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                text += event.delta.text
            elif event.type == "message_delta":
                finish = event.delta.stop_reason or finish
    return Shown(text, finish)


def messages_helper(origin: str, content: str) -> Shown:
    asked = said_to_claude(content)
    with (
        anthropic_at(origin) as client,
        client.messages.stream(model=CLAUDE, max_tokens=100, messages=asked) as stream,
    ):
        return Shown(stream.get_final_text(), stream.get_final_message().stop_reason)


# google-genai


def genai_at(origin: str) -> genai.Client:
    once = HttpRetryOptions(attempts=1)
    options = HttpOptions(base_url=origin, api_version="v1beta", retry_options=once)
    return genai.Client(api_key="test-key", http_options=options)


def finish_of(answer: GenerateContentResponse) -> str | None:
    reason = answer.candidates[0].finish_reason if answer.candidates else None
    return reason.value if reason else None


def generate(origin: str, content: str) -> Shown:
    with genai_at(origin) as client:
        answer = client.models.generate_content(model=GEMINI, contents=content)
    return Shown(answer.text or "", finish_of(answer))


def generate_events(origin: str, content: str) -> Shown:
    text, finish = "", None
    with genai_at(origin) as client:
        for answer in client.models.generate_content_stream(model=GEMINI, contents=content):
            text += answer.text or ""
            finish = finish_of(answer) or finish
    return Shown(text, finish)


CLIENTS: dict[str, Callable[[str, str], Shown]] = {
    "openai chat.completions.create": chat,
    "openai chat.completions.create, stream": chat_events,
    "openai chat.completions.stream": chat_helper,
    "openai responses.create": responses,
    "openai responses.create, stream": responses_events,
    "openai responses.stream": responses_helper,
    "anthropic messages.create": messages,
    "anthropic messages.create, stream": messages_events,
    "anthropic messages.stream": messages_helper,
    "google-genai generate_content": generate,
    "google-genai generate_content_stream": generate_events,
}


def answer_to(line: str) -> dict[str, object]:
    try:
        request = json.loads(line)
        text, finish = CLIENTS[request["client"]](request["origin"], request["content"])
        return {"kind": "answer", "text": text, "finish": finish}
    except (openai.APIStatusError, anthropic.APIStatusError) as error:
        return {"kind": "error", "status": error.status_code, "message": error.message}
    except (openai.APIError, anthropic.APIError) as error:
        return {"kind": "error", "status": None, "message": error.message}
    except GenaiError as error:
        return {"kind": "error", "status": error.code, "message": error.message or ""}
    except Exception:
        return {"kind": "crash", "message": traceback.format_exc()}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer_to(line)), flush=True)
