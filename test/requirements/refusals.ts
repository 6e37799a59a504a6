import type { Chapter } from './requirement.ts'

const CHAT = 'envoy/chat › through a real Envoy in %s'
const REFUSAL = 'envoy/refusals › a refusal, Envoy in %s'
const MIDWAY = 'envoy/denied-midway › a stream that is denied in its middle'
const MATRIX = 'clients/matrix › official clients, Envoy in %s › %s'
const OPENAI = 'clients/openai › the openai client, Envoy in %s'
const ENDS = 'envoy/stream-ends › in %s'
const DEADLINE = 'envoy/stream-deadline'

/** What a client gets that is denied. */
export const REFUSALS: Chapter = {
  title: 'What a denied client gets',
  requirements: [
    {
      id: 'who-streams',
      says: "The API's own field or path decides whether a client streams. `Accept` counts only where the body has no such key, the API's default is JSON, and it lists `text/event-stream` without `application/json`.",
      seen: 'outside',
      provedBy: [`${REFUSAL} › streams as the request asks: %s`],
    },
    {
      id: 'denied-request-json',
      says: "A client that does not stream gets the API's own answer that refuses, with `deny_code` 200, and no LLM is asked.",
      seen: 'outside',
      provedBy: [
        `${CHAT} › a denied request never reaches the upstream, and its client gets the JSON refusal`,
        `${MATRIX} › denied on input`,
      ],
    },
    {
      id: 'denied-request-stream',
      says: "A client that streams gets the API's whole event sequence, to its terminator, at once.",
      seen: 'outside',
      provedBy: [
        `${CHAT} › a denied request of a streaming client gets a whole event stream, at once`,
        `${MATRIX} › denied on input`,
      ],
    },
    {
      id: 'denied-request-error',
      says: "With a `deny_code` of 400 to 499 either gets the provider's error object, which its SDK throws and does not retry.",
      seen: 'outside',
      provedBy: [
        `${CHAT} › a denied request with deny_code 403 gets the error object, streaming or not`,
        `${OPENAI} › by %s › gets its own error class with deny_code 403, and does not try again`,
      ],
    },
    {
      id: 'denied-answer-json',
      says: 'A JSON answer that is denied is replaced whole, status and headers too, as long as its header reply is held: in full duplex, in BUFFERED, and in STREAMED where Envoy lets Weir switch it to BUFFERED.',
      seen: 'outside',
      provedBy: [
        `${CHAT} › a denied JSON answer is replaced whole`,
        `${CHAT} › a denied JSON answer with deny_code 403 is a 403, although the upstream said 200`,
        `${MATRIX} › denied on output`,
      ],
    },
    {
      id: 'denied-stream-before-its-headers',
      says: 'So is a stream of which nothing is out: in BUFFERED, and in full duplex with `stream.headers: on_first_release`.',
      seen: 'outside',
      provedBy: [
        'envoy/window › delivery window through a real Envoy in %s › local: nothing released yet, full duplex: a denial is an answer with its own status',
        `${REFUSAL} › stays an answer in the stream once headers are out, whatever deny_format says`,
        'exchange/response › an event stream › withholds its headers too with stream.headers on_first_release, and then denies for real',
      ],
    },
    {
      id: 'denied-json-in-place',
      says: 'Where Envoy lets Weir switch nothing, a denied JSON answer in STREAMED is emptied chunk by chunk, its last chunk is the refusal, and the status stays.',
      seen: 'outside',
      provedBy: [
        'envoy/denied-midway › a JSON answer that is denied in STREAMED, where Envoy lets no mode be overridden › is the refusal in the place of its last chunk, under the status that is out',
      ],
    },
    {
      id: 'denied-in-the-stream',
      says: 'A stream that is denied once its headers are out closes what is open in it, says the refusal with its finish reason, and terminates; nothing flagged is in it.',
      seen: 'outside',
      provedBy: [
        `${CHAT} › a denied stream ends as a refusal in the stream, with no fragment of the answer`,
        `${MATRIX} › denied in the middle of a stream`,
        `${ENDS} › delivery $delivery, headers $headers, guard $guard: a stream with › $how`,
        'exchange/response › an event stream › denied after a part of it went out closes what is open, and only once',
      ],
    },
    {
      id: 'denied-stream-end-duplex',
      says: 'In full duplex it ends there, whether the upstream has ended or not, and the upstream is let go.',
      seen: 'outside',
      provedBy: [`${MIDWAY} › ends at once in full duplex, and lets the upstream go`],
    },
    {
      id: 'denied-stream-end-streamed',
      says: "In STREAMED its terminator goes at once, nothing comes behind it, and its HTTP end is the upstream's; where that never comes, `stream.max_duration_ms` cuts it.",
      seen: 'outside',
      provedBy: [
        `${MIDWAY} › has its terminator at once in STREAMED, nothing behind it, and ends with the upstream`,
        `${DEADLINE} › past max_duration_ms, in streamed › $delivery, $guard: a stream that was refused and goes on in silence is cut after the refusal`,
      ],
    },
    {
      id: 'max-duration',
      says: 'A stream past `stream.max_duration_ms` is judged as far as it came and refused; in STREAMED, where no chunk is there to answer, and in BUFFERED its call ends with an error, and nothing held is out.',
      seen: 'outside',
      provedBy: [
        `${DEADLINE} › past max_duration_ms, in full-duplex › $delivery, $headers, $guard: a silent stream is refused after what is held`,
        `${DEADLINE} › past max_duration_ms, in streamed › $delivery, $guard: a silent stream is cut, there is no chunk to answer`,
        `${DEADLINE} › past max_duration_ms, in buffered › $delivery, $guard: the client gets an error, and no text`,
      ],
    },
    {
      id: 'refusal-headers',
      says: 'While headers are ours a refusal has `cache-control: no-store`, `x-should-retry: false`, `x-weir-decision`, `x-weir-reason` and `x-weir-request-id`, and names its reason to the access log.',
      seen: 'outside',
      provedBy: [
        `${CHAT} › a denied request never reaches the upstream, and its client gets the JSON refusal`,
        `${REFUSAL} › of a %s names its detectors and their best scores where the policy reveals them, and only there`,
        'docs/errors › the page has every header of a refusal',
      ],
    },
    {
      id: 'categories-are-kept',
      says: 'A refusal says nothing of what was detected. With `reveal_failure_categories` its text names the categories and `x-weir-detectors` each with its best score.',
      seen: 'outside',
      provedBy: [
        `${REFUSAL} › of a %s names its detectors and their best scores where the policy reveals them, and only there`,
      ],
    },
    {
      id: 'deny-code-is-no-retry',
      says: '`deny_code` is 200, or 400 to 499 except 408, 409, 425 and 429, which clients try again.',
      seen: 'inside',
      provedBy: [
        'unit/config/schema › a config that holds › may deny with %i',
        'unit/config/schema › a config that does not hold › %s',
      ],
    },
    {
      id: 'no-text-in-the-answer',
      says: 'APIs whose answers have no text (embeddings, images, rankings) refuse with 403 where `deny_code` is 200.',
      seen: 'outside',
      provedBy: [`${REFUSAL} › is an error 403 where an answer of the API has no text: %s`],
    },
    {
      id: 'guardrail-violation',
      says: '`deny_format: guardrail_violation` refuses with 403 and an error object of that type instead, in every API; once headers are out the refusal is in the stream as ever.',
      seen: 'outside',
      provedBy: [
        `${REFUSAL} › is a guardrail_violation where deny_format says so (stream: %s)`,
        `${REFUSAL} › stays an answer in the stream once headers are out, whatever deny_format says`,
      ],
    },
    {
      id: 'finish-reason',
      says: 'A refusal ends with the finish reason that `finish_reason` asks for, in every choice that was asked for.',
      seen: 'outside',
      provedBy: [
        `${OPENAI} › by %s › reads finish reason stop where the policy asks for it`,
        `${OPENAI} › finishes every choice it asked for`,
      ],
    },
  ],
}
