import type { Chapter } from './requirement.ts'

const CHAT = 'envoy/chat › through a real Envoy in %s'
const BYTES = 'envoy/stream-bytes › the bytes of a withheld answer, Envoy in %s'
const WINDOW = 'envoy/window › delivery window through a real Envoy in %s'
const LIMITS = 'envoy/stream-limits › in %s'
const MATRIX = 'clients/matrix › official clients, Envoy in %s › %s'
const STREAM = 'exchange/response › an event stream'
const LOCAL = 'exchange/window › a stream released by window, local rules that scan as the text grows'
const REMOTE = 'exchange/window › a stream released by window, rules that scan by windows'

/** How a response that may pass reaches its client. */
export const DELIVERIES: Chapter = {
  title: 'How an answer is delivered',
  requirements: [
    {
      id: 'json-after-the-scan',
      says: 'A JSON answer goes out once it was judged: as it came, in the coding that it came in, unless it is changed.',
      seen: 'outside',
      provedBy: [
        `${CHAT} › a clean JSON exchange passes byte for byte, both ways`,
        `${CHAT} › a large body passes whole`,
        `${BYTES} › a JSON answer that nothing changes goes out in the coding that it came in`,
      ],
    },
    {
      id: 'withhold',
      says: '`delivery: withhold` sends heartbeats while it judges, then the exact bytes of the upstream.',
      seen: 'outside',
      provedBy: [
        `${CHAT} › a clean stream passes byte for byte, heartbeats aside`,
        `${BYTES} › a heartbeat comes by itself, behind the byte order mark of a stream that has one`,
        `${BYTES} › a heartbeat takes the place of a withheld chunk, once one is due`,
        `${MATRIX} › allowed: shows what it shows without us, and every byte arrives`,
      ],
    },
    {
      id: 'window',
      says: '`delivery: window` lets every event go as soon as the text in it was judged.',
      seen: 'outside',
      provedBy: [
        `${WINDOW} › local: the first tokens arrive while the upstream still writes`,
        `${WINDOW} › remote: the first window is out before the upstream ends`,
      ],
    },
    {
      id: 'live',
      says: '`live` touches nothing and keeps nothing back: chunk by chunk, and a copy is judged at the end.',
      seen: 'outside',
      provedBy: [
        `${CHAT} › live delivery hands every event on as it comes, and judges at the end`,
        `${MATRIX} › live: an alert changes nothing`,
      ],
    },
    {
      id: 'live-scans-outlive-the-call',
      says: 'The scan of a live answer runs on after its exchange, with a deadline of its own; a shutdown waits for it, and a copy past its bound is recorded as over-limit.',
      seen: 'outside',
      provedBy: [
        'envoy/traces › the span of a scan › ends after the call that it outlives',
        'protocol/large-scans › a large body › that only a shadow looks at is passed at once, and the drain waits for the verdict',
        `${STREAM} › that was live when its client went is judged as far as it came`,
        'envoy/decisions › what is decided, Envoy in %s › a live answer past max_response_bytes passes whole, and its record says why nobody judged it',
      ],
    },
    {
      id: 'stream-loses-its-coding',
      says: 'An event stream that is not delivered live has no `content-encoding`, from its header reply on.',
      seen: 'outside',
      provedBy: [
        `${BYTES} › an event stream loses its coding with its header reply`,
        'exchange/encodings › %s, %s › an event stream goes out in identity, delivery %s',
      ],
    },
    {
      id: 'held-limit-window',
      says: 'A withheld stream past `max_held_bytes` is judged as far as it is held, released if it may, and goes on as `window`: nothing is released unjudged, and nothing lost.',
      seen: 'outside',
      provedBy: [
        `${LIMITS} › past max_held_bytes › on_held_limit window: arrives whole, its beginning before its end, and all is scanned ($delivery, $headers, $guard)`,
        `${LIMITS} › past max_held_bytes › on_held_limit window, flagged: is refused after what was clean ($delivery, $headers, $guard)`,
        `${LIMITS} › past max_held_bytes › while a verdict is on its way: loses nothing ($delivery, $headers, $guard)`,
      ],
    },
    {
      id: 'held-limit-deny',
      says: 'With `on_held_limit: deny` it is denied, unless every rule has `fail_open: true`.',
      seen: 'outside',
      provedBy: [
        `${LIMITS} › past max_held_bytes › on_held_limit deny: is refused ($headers, $guard)`,
        `${LIMITS} › past max_held_bytes › on_held_limit deny, failing open: arrives whole ($headers, $guard)`,
      ],
    },
    {
      id: 'response-limit',
      says: 'Past `limits.max_response_bytes` what came before is judged and goes, and the rest is refused.',
      seen: 'outside',
      provedBy: [
        `${LIMITS} › past max_response_bytes ($delivery, $headers, $guard) › is refused $what`,
        `${LIMITS} › past max_response_bytes ($delivery, $headers, $guard) › flagged within: none of that is out`,
      ],
    },
    {
      id: 'nothing-out-of-a-cut',
      says: 'What is held when the upstream, the client or Weir itself breaks off does not get out.',
      seen: 'outside',
      provedBy: [
        'envoy/stream-cuts › in %s › delivery $delivery, headers $headers, guard $guard › an upstream that is cut while its text is held: the client is cut, and nothing held is out',
        'envoy/serve › a processor that is killed in the middle of a stream cuts it: no byte that was held comes out',
      ],
    },
  ],
}

/** Signs of life of a stream that is held. */
export const HEARTBEATS: Chapter = {
  title: 'Heartbeats',
  requirements: [
    {
      id: 'heartbeat-duplex',
      says: 'In full duplex a heartbeat comes by itself, once `stream.heartbeat_ms` have passed without a byte to the client.',
      seen: 'outside',
      provedBy: [
        `${BYTES} › a heartbeat comes by itself, behind the byte order mark of a stream that has one`,
        `${MATRIX} › heartbeats, also before the first event, are not shown`,
      ],
    },
    {
      id: 'heartbeat-streamed',
      says: 'In STREAMED a withheld chunk becomes a heartbeat when one is due, and is empty otherwise.',
      seen: 'outside',
      provedBy: [
        `${BYTES} › a heartbeat takes the place of a withheld chunk, once one is due`,
        `${STREAM} › in STREAMED gives a sign of life in place of a withheld chunk, when one is due`,
      ],
    },
    {
      id: 'heartbeat-buffered',
      says: 'In BUFFERED there is none.',
      seen: 'outside',
      provedBy: [`${BYTES} › there is no heartbeat where nothing leaves before the end`],
    },
    {
      id: 'heartbeat-not-first',
      says: "None goes out before the upstream's first chunk.",
      seen: 'outside',
      provedBy: [
        `${STREAM} › gives signs of life in full duplex, but none before the first chunk of the upstream`,
        `${BYTES} › there is no heartbeat before the first chunk of the upstream`,
      ],
    },
    {
      id: 'heartbeat-between-events',
      says: 'It stands between two events, never inside of one, and behind a byte order mark; no client shows it.',
      seen: 'outside',
      provedBy: [
        `${BYTES} › a heartbeat comes by itself, behind the byte order mark of a stream that has one`,
        `${STREAM} › sends its byte order mark before the first heartbeat`,
        `${MATRIX} › heartbeats, also before the first event, are not shown`,
      ],
    },
  ],
}

/** What `delivery: window` promises of the text. */
export const WINDOWS: Chapter = {
  title: 'Delivery by windows',
  requirements: [
    {
      id: 'window-local',
      says: 'Local guardrails read the text as it grows; what can no longer become part of a finding goes.',
      seen: 'outside',
      provedBy: [
        `${WINDOW} › local: a finding ends the stream as a refusal, after the clean text and with no part of itself`,
        `${LOCAL} › lets each event go as soon as no finding can begin in it`,
        'property/hold-back › a local guardrail that scans as the text grows › lets no character out of what it will block',
      ],
    },
    {
      id: 'window-remote',
      says: 'Guard services judge windows of the text, in order and one at a time: the first small, then growing, and none waits longer than its time.',
      seen: 'outside',
      provedBy: [
        `${WINDOW} › remote: the openai client reads the clean windows and then the refusal`,
        `${WINDOW} › remote: a window is scanned after a while, though the upstream is silent`,
        `${REMOTE} › is scanned at the first sentence end, then by windows that grow`,
        `${REMOTE} › gathers the next window while one scan is on its way`,
        `${REMOTE} › costs at most 16 scans for 20,000 characters that come at once`,
      ],
    },
    {
      id: 'window-hold-back',
      says: 'The newest `hold_back_chars` stay until more text or the end comes, and each scan sees released text before the new. A finding that is longer may be partly out.',
      seen: 'inside',
      provedBy: [
        `${REMOTE} › keeps the newest characters back until more has come, and shows them again`,
        'property/hold-back › a remote guardrail that scans by windows › redacts all that is not longer than the hold-back, and lets all else through',
      ],
    },
    {
      id: 'window-new-finding',
      says: 'A finding that a later window brings denies in the stream; under `alert` it is recorded once.',
      seen: 'outside',
      provedBy: [
        `${WINDOW} › remote: the openai client reads the clean windows and then the refusal`,
        `${REMOTE} › is refused in the stream when a later window is flagged`,
        'exchange/guarantees › the record says what the client got › a finding of an alert rule is recorded once, however many scans of the growing text repeat it',
      ],
    },
    {
      id: 'nothing-unscanned-nothing-stranded',
      says: 'Whatever the cuts, the rules and the limits: no text is released that was not judged, and a clean stream arrives whole.',
      seen: 'inside',
      provedBy: [
        'property/hold-back › a clean stream arrives whole and ends, and every character of it was scanned › with any rules, windows and ends',
        'exchange/window › for any cut of the bytes and any text › no character of a finding leaves, and clean text arrives byte for byte',
        'property/exchange › for any order of chunks, verdicts, timers and ends › bytes are released in order and only after a verdict, a denial is the last word, and nothing hangs',
      ],
    },
    {
      id: 'tool-calls-whole',
      says: 'A tool call of a stream is judged and released whole, from the event that names the tool on.',
      seen: 'outside',
      provedBy: [
        'envoy/stream-ends › in %s › delivery $delivery, headers $headers, guard $guard: a stream with › $how',
        `${LOCAL} › holds a tool call until all of it was judged, and never leaves a denied one complete`,
      ],
    },
  ],
}
