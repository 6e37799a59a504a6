import type { Chapter } from './requirement.ts'

const LAKERA =
  'envoy/lakera › Lakera behind a real Envoy in %s › $outcome, action $action, fail_open $failOpen: $verdict'
const DECISIONS = 'envoy/decisions › what is decided, Envoy in %s'
const CHAT = 'envoy/chat › through a real Envoy in %s'
const REDACT = 'envoy/redact › action redact, Envoy in %s'
const LAKERA_REDACT = 'envoy/lakera-redact › Lakera and action redact, Envoy in %s'
const TABLE = 'unit/policy/decide › the truth table'

/** What one rule's outcome leads to, and what several lead to together. */
export const DECIDING: Chapter = {
  title: 'What is decided',
  requirements: [
    {
      id: 'clean-passes',
      says: 'What no guardrail flags passes as it came, whatever the `action`.',
      seen: 'outside',
      provedBy: [`${LAKERA} › a request (stream: %s)`, `${LAKERA} › a response (stream: %s, delivery %s)`],
    },
    {
      id: 'block-denies',
      says: 'What a rule with `action: block` flags is denied.',
      seen: 'outside',
      provedBy: [`${LAKERA} › a request (stream: %s)`, `${LAKERA} › a response (stream: %s, delivery %s)`],
    },
    {
      id: 'redact-replaces',
      says: 'Of what a rule with `action: redact` flags, the findings are replaced and the rest passes.',
      seen: 'outside',
      provedBy: [
        `${REDACT} › of a request, style %s: the upstream gets the placeholder and every other byte`,
        `${REDACT} › of a JSON answer: the text changes, and nothing else`,
        `${REDACT} › of a stream, delivery %s: across tokens, and every other event as it came`,
      ],
    },
    {
      id: 'redact-denies-without-a-place',
      says: 'A finding that a redacting rule has no place for is denied.',
      seen: 'outside',
      provedBy: [
        `${LAKERA_REDACT} › %s is denied › in a request`,
        `${LAKERA_REDACT} › %s is denied › in a JSON answer`,
        `${LAKERA_REDACT} › %s is denied › in a stream, delivery %s`,
      ],
    },
    {
      id: 'alert-passes',
      says: 'What a rule with `action: alert` flags passes, and is recorded as alerted.',
      seen: 'outside',
      provedBy: [
        `${LAKERA} › a request (stream: %s)`,
        `${CHAT} › live delivery hands every event on as it comes, and judges at the end`,
      ],
    },
    {
      id: 'failure-denies',
      says: 'A guardrail that fails (an error, a timeout, an answer that means nothing) denies, under `alert` as well.',
      seen: 'outside',
      provedBy: [
        `${LAKERA} › a request (stream: %s)`,
        `${LAKERA} › a response (stream: %s, delivery %s)`,
        `${TABLE} › %s, action %s %s, %s: %s`,
      ],
    },
    {
      id: 'fail-open-passes',
      says: 'With `fail_open: true` a failure lets pass, and is recorded as failed-open.',
      seen: 'outside',
      provedBy: [
        `${LAKERA} › a request (stream: %s)`,
        'envoy/access-log › the access log of Envoy in %s › tells what a failure led to',
      ],
    },
    {
      id: 'strictest-wins',
      says: 'Of several rules the strictest counts: a denial before a redaction, a redaction before a release. A flagged text is the reason before a failure.',
      seen: 'outside',
      provedBy: [
        `${DECISIONS} › the strictest of several rules counts: %s`,
        `${DECISIONS} › a redaction stands beside an alert and a forgiven failure`,
        `${TABLE} › over several rules the strictest wins, in any order`,
      ],
    },
    {
      id: 'only-an-alert-that-forgives-is-live',
      says: 'A response is delivered live exactly when nothing can deny or change it: every output rule `alert` with `fail_open: true`, and no `restore`.',
      seen: 'outside',
      provedBy: [
        `${LAKERA} › a response (stream: %s, delivery %s)`,
        'exchange/response › an event stream › is live exactly when nothing can deny, and is judged at its end',
        'unit/policy/decide › only alert with fail_open, throughout, can never intervene',
      ],
    },
    {
      id: 'alert-that-holds-is-told',
      says: 'A config in which `alert` with `fail_open: false` holds streams back says so once when it is loaded.',
      seen: 'inside',
      provedBy: ['unit/config/compile › warnings › of a use with %s'],
    },
    {
      id: 'records-say-what-the-client-got',
      says: 'Records, metrics and the access log say what reached the client, never what was meant.',
      seen: 'outside',
      provedBy: [
        'envoy/access-log › the access log of Envoy in %s › tells why a request was denied (stream: %s)',
        'envoy/access-log › the access log of Envoy in %s › tells why an answer was denied (stream: %s)',
        'envoy/policies › observability_mode › lets everything through and records what would have been denied',
        'envoy/stream-cuts › in %s › delivery $delivery, headers $headers, guard $guard › an upstream that is cut while its text is held: the client is cut, and nothing held is out',
        'unit/telemetry/telemetry › a decision › is counted by what reached the client, each rule by what it came to',
      ],
    },
  ],
}

/** What cannot be read, or has nothing to judge. */
export const UNREADABLE: Chapter = {
  title: 'What cannot be judged',
  requirements: [
    {
      id: 'path-claims-a-format',
      says: 'The normalised path says which API speaks; content type and method are hints only.',
      seen: 'outside',
      provedBy: [
        'envoy/evasion › headers',
        'envoy/evasion › paths',
        'unit/llm/detect › the format that a path claims › %s is chat',
      ],
    },
    {
      id: 'no-format-is-for-fail-mode',
      says: 'Traffic of no known API passes with `fail_mode: skip` (the default), passes and is recorded with `warn`, and is a 500 as JSON with `x-should-retry: false` with `error`.',
      seen: 'outside',
      provedBy: [
        `${CHAT} › an unsupported path passes by default, and is refused with fail_mode error`,
        'exchange/request › a request in %s › that no format claims passes with fail_mode skip, and is refused with error',
      ],
    },
    {
      id: 'no-text-is-for-fail-mode',
      says: 'So is a request of a known API that has no text at all: token ids, or images alone.',
      seen: 'outside',
      provedBy: [`${DECISIONS} › a request with no text at all is for fail_mode: %s`],
    },
    {
      id: 'uninspectable-beside-text',
      says: 'Parts that no guard can read, beside text, pass and are counted, or are denied with `uninspectable: deny`.',
      seen: 'outside',
      provedBy: [
        `${DECISIONS} › parts that no guard can read pass and are counted, or are denied where uninspectable says so`,
        'exchange/guarantees › no byte leaves uninspected › an event stream with parts that no guard can read obeys uninspectable: deny (%s)',
      ],
    },
    {
      id: 'request-faults',
      says: "A request that cannot be read is a 400, one over `limits.max_request_bytes` a 413, one in an unknown encoding a 415, in the provider's error shape and whatever `deny_code` says.",
      seen: 'outside',
      provedBy: [
        `${CHAT} › faults of the body get the status and shape that say so`,
        `${DECISIONS} › a request that cannot be read passes where every rule forgives it, and only there`,
        'exchange/request › a request in %s › over the limit gets 413 in the provider shape, whatever deny_code says',
      ],
    },
    {
      id: 'response-faults',
      says: 'A response that cannot be read gets the refusal of a response; it never counts as having no text.',
      seen: 'outside',
      provedBy: [
        'envoy/evasion-answers › %s, %s › %s: %s, for %s',
        `${DECISIONS} › an answer that cannot be read passes where every rule forgives it, and only there`,
        'exchange/response › a JSON answer in %s › that is %s is refused, not passed',
      ],
    },
    {
      id: 'faults-that-all-forgive',
      says: 'Where every rule of that side has `fail_open: true` such a body passes as it came, recorded as failed-open; one rule without it is enough to refuse.',
      seen: 'outside',
      provedBy: [
        `${DECISIONS} › a request that cannot be read passes where every rule forgives it, and only there`,
        `${DECISIONS} › an answer that cannot be read passes where every rule forgives it, and only there`,
        'exchange/request › a request in %s › over the limit goes on whole when every rule fails open',
      ],
    },
    {
      id: 'readers-that-differ',
      says: 'A request that another reader could read differently (keys twice, bytes behind the value, a byte order mark) is one that cannot be read.',
      seen: 'outside',
      provedBy: ['envoy/evasion-bodies › bodies', 'envoy/evasion-bodies › charsets'],
    },
    {
      id: 'strange-streams-are-scanned',
      says: 'A stream without a usage event, without its terminator, cut, or with tool calls alone is scanned like any other.',
      seen: 'outside',
      provedBy: [
        'envoy/stream-ends › in %s › delivery $delivery, headers $headers, guard $guard: a stream with › $how',
        `${CHAT} › a stream that is cut by the upstream while it is held lets nothing out`,
      ],
    },
    {
      id: 'long-texts-are-split',
      says: "A text over a guardrail's own limit is split on boundaries and judged in all its parts, never cut short.",
      seen: 'outside',
      provedBy: [
        `${LAKERA_REDACT} › of a request that is too long for one of Lakera’s`,
        'guardrails/contract › $title › long and strange texts › a text of five times its limit arrives whole, and is flagged by its last part',
        'unit/guardrail/pieces › cutting › a phrase across a cut stands whole in one of the pieces',
      ],
    },
    {
      id: 'errors-of-the-upstream-pass',
      says: 'An error of the LLM, and an answer of Envoy itself that is no success, pass as they are.',
      seen: 'outside',
      provedBy: [
        `${CHAT} › an error of the upstream passes as it is`,
        'envoy/policies › an answer that Envoy gives itself › %s: passes when it is no success',
      ],
    },
    {
      id: 'responses-without-a-request',
      says: 'A success whose request was never shown is told by its own shape, and takes the policy of its route; what has no known shape is for `fail_mode`.',
      seen: 'outside',
      provedBy: [
        'envoy/policies › an answer that Envoy gives itself › %s: is a completion when it looks like one',
        'envoy/policies › an answer that Envoy gives itself › is a completion even when the request was never shown',
        'exchange/response › response phases without request phases in %s › pass with what no format takes: fail_mode',
        'exchange/response › response phases without request phases in %s › take their policy from the route name',
      ],
    },
    {
      id: 'policy-by-name',
      says: 'The policy that the gRPC metadata `x-weir-policy` names goes before any `match`; an unknown name is a 500, and the header of a client has no say.',
      seen: 'outside',
      provedBy: [
        'envoy/policies › which policy takes an exchange › is told outright by the gRPC metadata of the route, never by a header of the client',
        'envoy/policies › which policy takes an exchange › is told by host, path and route name, the first that fits',
      ],
    },
  ],
}
