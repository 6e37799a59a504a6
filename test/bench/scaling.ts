/** docs/scaling.md: `node test/bench/scaling.ts > docs/scaling.md`. Its numbers are computed from sizing.ts. */
import { count, figure } from './section.ts'
import {
  coresAStream,
  DEFAULT_WINDOW,
  heldByWindow,
  type Load,
  PLANNED,
  size,
  windowCalls,
} from './sizing.ts'

const { chunkUs, exchangeUs, guardCallUs, idleStreamBytes, heldEventBytes, processBytes } = PLANNED
const MB = 1024 * 1024
const GB = 1024 * MB

/** The region that is worked through: an answer of 2,400 characters in half a minute. */
const CHARACTERS = 2_400
const CHARACTERS_A_CHUNK = 4
const HOLD_BACK_CHARS = 64
const REGION: Load = {
  streams: 1_000_000,
  secondsAStream: 30,
  chunksASecond: CHARACTERS / CHARACTERS_A_CHUNK / 30,
  heldEvents: heldByWindow(CHARACTERS, DEFAULT_WINDOW, HOLD_BACK_CHARS) / CHARACTERS_A_CHUNK,
}
const FLEET = { utilisation: 0.6, zones: 3, workersAReplica: 4 }
const OUTPUT_CALLS = windowCalls(CHARACTERS, DEFAULT_WINDOW)
/** One for the request. */
const CALLS = 1 + OUTPUT_CALLS
const GUARD_SEC = 0.05
const ENVOY_WORKERS = 4
const CORE_HOUR = 0.04
const ROLLOUT = { shareAtOnce: 0.05, startSec: 20, preStopSec: 60, endSec: 5 }
/** Of `weir serve`, after SIGTERM. */
const DRAIN_SEC = 25

const region = size(REGION, CALLS, FLEET, PLANNED)
const batches = Math.ceil(1 / ROLLOUT.shareAtOnce)
const batchSec = ROLLOUT.startSec + ROLLOUT.preStopSec + ROLLOUT.endSec
const callsInFlight = region.guardCallsASecond * GUARD_SEC
const workersWithAZoneGone = region.workers - region.replicasAZone * FLEET.workersAReplica
const callsAWorker = region.guardCallsASecond / workersWithAZoneGone
const maxExchanges = Math.ceil((1.25 * region.peakStreamsAReplica) / FLEET.workersAReplica / 50) * 50
const coreSecondsAStream = (region.workers * REGION.secondsAStream) / REGION.streams

const perStreamKb = (heldEvents: number): string =>
  figure((idleStreamBytes + heldEvents * heldEventBytes) / 1024)
const withheldEvents = CHARACTERS / CHARACTERS_A_CHUNK / 2

const percent = (share: number): string => `${Number((100 * share).toPrecision(2))} %`
const minutes = (seconds: number): string => `${Math.ceil(seconds / 60)} minutes`

/** Rows of streams a worker, by pace and guard calls. */
function paceRows(): string {
  const paces = [2, 10, 20, 50]
  const row = (calls: number): string => {
    const cells = paces.map(chunksASecond => {
      const load = { ...REGION, chunksASecond }
      return count(Math.floor(FLEET.utilisation / coresAStream(load, calls, PLANNED)))
    })
    return `| ${calls} | ${cells.join(' | ')} |`
  }
  return [
    `| guard calls an exchange | ${paces.map(pace => `${pace} chunks/s`).join(' | ')} |`,
    `|---|${paces.map(() => '---:|').join('')}`,
    ...[0, 2, CALLS].map(row),
  ].join('\n')
}

/** Rows of what a policy's window costs: calls against memory. */
function windowRows(): string {
  const row = (name: string, calls: number, heldEvents: number): string =>
    `| ${name} | ${calls} | ${figure(heldEvents)} | ${perStreamKb(heldEvents)} |`
  const byWindow = (maxChars: number): string => {
    const window = { ...DEFAULT_WINDOW, maxChars }
    const held = heldByWindow(CHARACTERS, window, HOLD_BACK_CHARS) / CHARACTERS_A_CHUNK
    return row(`\`window\`, \`max_chars: ${maxChars}\``, windowCalls(CHARACTERS, window), held)
  }
  return [
    '| delivery | guard calls | events held | KB a stream |',
    '|---|---:|---:|---:|',
    row('`window`, local guardrails only', 0, HOLD_BACK_CHARS / 16),
    byWindow(200),
    byWindow(600),
    byWindow(DEFAULT_WINDOW.maxChars),
    row('`withhold`', 1, withheldEvents),
  ].join('\n')
}

export function renderScaling(): string {
  return `# How many of it one needs

This page says how to size Weir, what to set in Envoy, Kubernetes and guard services, and works through one region of
${count(REGION.streams)} concurrent streams. The figures that it plans with are rounded up from
[performance.md](performance.md), which says where one of them does not hold; the arithmetic is in
\`test/bench/sizing.ts\`, and the page is made by \`node test/bench/scaling.ts > docs/scaling.md\`. Measure your own
traffic and put in your own figures.

## What it plans with

| | figure |
|---|---:|
| \`C\`: CPU of a chunk | ${chunkUs} µs |
| \`X\`: CPU of an exchange without its chunks | ${exchangeUs} µs |
| \`G\`: CPU of a guard call, plain HTTP | ${guardCallUs} µs |
| \`M\`: memory of a stream that waits | ${figure(idleStreamBytes / 1024)} KB |
| \`E\`: memory of a small event that is held | ${figure(heldEventBytes / 1024)} KB |
| \`P\`: memory of a process | ${figure(processBytes / MB)} MB |
| \`U\`: how much of a core a worker may use | ${percent(FLEET.utilisation)} |

They are for keyword lists and short chunks. A guardrail that looks at more costs more: PII and prompt attacks together
cost about two chunks for each kilobyte of a prompt. TLS to Envoy or to the guard service is not
in them, nor is the CPU of Envoy, which the table of the side-by-side runs has and which is of the same order.

## Formulas

With \`S\` streams at once, each \`T\` seconds long, \`r\` chunks a second, \`g\` guard calls an exchange, \`h\` events
held on average:

- cores of a stream: \`c = (r × C + (X + g × G) / T) / 1,000,000\`
- streams of a worker: \`U / c\`; a worker is one process and uses one core
- exchanges a second: \`S / T\`; guard calls a second: \`g × S / T\`; guard calls at once: that, times the seconds one takes
- memory of a process: \`P + 2 × streams × (M + h × E)\`; the 2 is for what waits to be collected

Chunks decide: a worker carries so many streams of ${REGION.secondsAStream} s at ${percent(FLEET.utilisation)} of a core:

${paceRows()}

An upstream that sends more tokens in a chunk costs less, and so does one that is faster than it is read: chunks that wait
come together.

## Memory of a stream

What waits costs little; what is held back costs by the event, not by the byte. For an answer of
${count(CHARACTERS)} characters, ${CHARACTERS_A_CHUNK} an event, at an even pace, averaged over its life:

${windowRows()}

Larger windows are fewer calls and more memory. No stream holds more than \`stream.max_held_bytes\` (1 MiB) of bytes, and
Envoy is not read while a full one is judged. \`server.max_bytes\` is for what a process holds in all, and
\`server.max_exchanges\` for how many exchanges a worker has open at once: set it to the streams of a worker at the peak
and a quarter more. One more is refused at once, with 503 from Envoy, instead of making all of them slow.

## Guard services

- \`withhold\` asks once an answer. \`window\` asks about \`log2(L / first_chars) + 1\` times for \`L\` characters until
  windows have their full size, then once each \`max_chars\`; ${count(CHARACTERS)} characters are
  ${OUTPUT_CALLS} calls. A slow LLM adds some, as no text waits longer than \`max_held_ms\` (1 s, growing to 10 s).
  performance.md has the formula against what was counted.
- A request is one call for each remote guardrail. With \`scan: latest_turn\` it is a short one, however long the
  conversation. A text over the service's own limit is split: as many calls as pieces.
- **Rate limit**: a service that takes \`R\` calls a second carries \`R / g\` exchanges a second, so \`T × R / g\` streams.
  It answers 429 beyond that, which is a failure and so a refusal unless the rule says \`fail_open\`. Weir then asks less
  for a while and never more than \`max_concurrent\` at once (64 of each process), with \`max_queued\` (256) waiting.
- \`max_concurrent\` must be above calls a second of a process times the seconds one takes.
- A \`retry\` or \`hedge\` is one call more; both matter when the service is at its limit already.
- **Redis** (\`cache.url\`) is asked once for each text that a service would be, and told once for each that it was: plan
  its rate as the guard calls. It spares the repeated turns of conversations and the same prompts, not the answers of a
  model, which are new each time. Without \`cache.url\` each process remembers for itself.

## Envoy

| what | set it to | why |
|---|---|---|
| ext_proc cluster: \`max_requests\` | streams of this Envoy at the peak, twice | one exchange is one request for as long as it lasts; one too many is a 503. The default is 1,024 |
| ext_proc cluster: \`max_connections\`, \`max_pending_requests\` | as \`max_requests\` | a burst waits for the first connection; the default of 1,024 refuses the rest |
| LLM cluster: the same three | as above | an HTTP/1.1 upstream has a connection for each stream |
| \`http2_protocol_options.max_concurrent_streams\` | leave it, or less for more connections | an Envoy worker opens another connection to a Weir for each ${count(1_024)} exchanges; one that breaks takes its exchanges with it |
| HTTP/2 windows | leave Envoy's | Weir grants 4 MiB a stream and 16 MiB a connection for what comes to it |
| \`connection_keepalive\` | 30 s and 10 s | a Weir that vanished is noticed |
| \`lb_policy\` | \`LEAST_REQUEST\` | streams differ in length: round robin drifts |
| \`message_timeout\` | full duplex: has no effect. STREAMED, BUFFERED: above the guards' \`timeout\` | else Envoy gives up first |
| \`per_connection_buffer_limit_bytes\`, or by route \`request_body_buffer_limit\` | BUFFERED: above the largest body. Full duplex: leave it | in full duplex the caps are Weir's |
| route \`timeout\` | \`0s\`, and an idle timeout above \`heartbeat_ms\` | the default of 15 s cuts streams |
| \`overload_manager\`: \`global_downstream_max_connections\` | clients at the peak, and file descriptors for three times as many | one flood must not take the connections to Weir |

Each Envoy worker has its own connections to each endpoint: Envoys × their workers × Weir processes (\`server.workers\`
× replicas). Beside each other in one pod that is a handful. Where one shared Weir serves many Envoys it grows with the
product: keep to zones (zone-aware routing), give each group of Envoys its own Weirs, or let a subset of the
endpoints be enough for each. \`weir envoy --workers N\` prints the endpoints of one host. In short:

\`\`\`yaml
name: weir
type: STATIC
connect_timeout: 2s
lb_policy: LEAST_REQUEST
load_assignment:
  cluster_name: weir
  endpoints:
    - lb_endpoints:
        - endpoint: { address: { pipe: { path: /run/weir/ext_proc.sock } } }
        - endpoint: { address: { pipe: { path: /run/weir/ext_proc.sock.1 } } }
        - endpoint: { address: { pipe: { path: /run/weir/ext_proc.sock.2 } } }
        - endpoint: { address: { pipe: { path: /run/weir/ext_proc.sock.3 } } }
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config:
      http2_protocol_options: { connection_keepalive: { interval: 30s, timeout: 10s } }
circuit_breakers:
  thresholds:
    - { max_connections: 10000, max_pending_requests: 10000, max_requests: 10000 }
\`\`\`

## When to scale

Scale on exchanges: they last, so that CPU tells late. Of the metrics on the admin listener (with \`server.workers\`,
those of all workers together):

| metric | use |
|---|---|
| \`weir_exchanges_open\` | the HPA's target: streams of a worker × workers, so that ${percent(FLEET.utilisation)} of a core is used |
| \`process_cpu_seconds_total\` | the HPA's second target, ${percent(FLEET.utilisation)} of a core each worker: traffic may cost more than planned |
| \`weir_event_loop_lag_seconds\` | alert above 0.05: what one exchange costs the others |
| \`weir_held_bytes\`, \`process_resident_memory_bytes\` | alert at three quarters of the limit |
| \`weir_exchanges_turned_away_total\` | alert on any: \`server.max_exchanges\` is reached |
| \`weir_guardrail_outcomes_total\` | failures by reason: \`rate-limited\` and \`overloaded\` say that the guard service is what is too small |
| \`weir_guardrail_refused_total\`, \`weir_guardrail_circuit_state\` | scans that never reached the service |
| \`weir_guardrail_duration_seconds\` | the seconds of a call, for the formulas |
| \`weir_verdict_cache_lookups_total\` | what the cache spares |
| \`weir_workers_serving\`, \`weir_worker_restarts_total\` | a worker that ends and ends again |

More of Weir never helps a guard service that is at its limit: leave latency and failures out of the HPA. At Envoy:
\`cluster.weir.circuit_breakers.default.rq_open\` and \`cluster.weir.upstream_rq_pending_overflow\` say that
\`max_requests\` is too small, \`http.llm.ext_proc.streams_failed\` that exchanges failed for whatever reason. Scale in
slowly (a stabilisation window of ten minutes): each replica that goes takes its drain.

## One region: ${count(REGION.streams)} streams at once

Answers of ${count(CHARACTERS)} characters in ${REGION.secondsAStream} s, ${REGION.chunksASecond} chunks a second;
local guardrails on both sides, one remote guardrail on the request and on the answer by windows, ${GUARD_SEC * 1000} ms a
call; three zones, any two of which carry everything; Envoy and Weir in one pod, over sockets, ${FLEET.workersAReplica}
workers each.

| | how | figure |
|---|---|---:|
| exchanges a second | S / T | ${count(Math.round(region.exchangesASecond))} |
| chunks a second | S × r | ${count(REGION.streams * REGION.chunksASecond)} |
| cores of a stream | formula above | ${region.coresAStream.toFixed(6)} |
| streams of a worker | U / c | ${count(region.streamsAWorker)} |
| replicas, a zone | what two zones need, halved | ${count(region.replicasAZone)} |
| replicas | three zones | ${count(region.replicas)} |
| cores for Weir | replicas × ${FLEET.workersAReplica} | ${count(region.workers)} |
| cores in use, all zones up | S × c | ${count(Math.round(REGION.streams * region.coresAStream))} |
| streams of a replica, all zones up | S / replicas | ${count(region.streamsAReplica)} |
| streams of a replica, a zone gone | S / replicas of two zones | ${count(region.peakStreamsAReplica)} |
| \`server.max_exchanges\` (each worker) | a quarter above that, by worker | ${count(maxExchanges)} |
| memory of a replica | formula above, a zone gone | ${figure(region.replicaBytes / GB)} GB |
| memory of the region | × replicas | ${count(Math.round((region.replicas * region.replicaBytes) / GB))} GB |
| connections Envoy to Weir, a pod | Envoy workers × Weir workers | ${ENVOY_WORKERS * FLEET.workersAReplica} |
| guard calls an exchange | 1 + ${OUTPUT_CALLS} | ${CALLS} |
| guard calls a second | × exchanges a second | ${count(Math.round(region.guardCallsASecond))} |
| guard calls at once | × ${GUARD_SEC} s | ${count(Math.round(callsInFlight))} |
| guard calls at once, a worker | of ${count(workersWithAZoneGone)} workers; \`max_concurrent\` is 64 | ${figure(callsAWorker * GUARD_SEC)} |
| core seconds of a stream | cores × T / S | ${figure(coreSecondsAStream)} |
| Weir's cost of a million streams | at ${CORE_HOUR} a core-hour | ${figure((coreSecondsAStream * 1e6 * CORE_HOUR) / 3600)} |

The guard service is the larger part: ${CALLS} calls an exchange are ${count(CALLS)} million for those million streams.
\`withhold\` asks twice an exchange, ${count(Math.round(2 * region.exchangesASecond))} a second, and holds
${perStreamKb(withheldEvents)} KB a stream instead of ${perStreamKb(REGION.heldEvents)}; the client sees nothing until
the answer is over. Between these lie \`window\` settings.

**When something goes.** A worker that dies cuts ${count(Math.ceil(region.streamsAReplica / FLEET.workersAReplica))} streams,
a replica ${count(region.streamsAReplica)} (${percent(1 / region.replicas)} of all), a zone a third: of each stream the
client has what was cleared, then a cut ([reliability.md](reliability.md)), and asks again. New exchanges go to the
others at once; a zone's ${count(Math.round(region.exchangesASecond / 3))} exchanges a second find
${percent(FLEET.utilisation)} of a core used where all zones up used ${percent((FLEET.utilisation * 2) / 3)}. The clients
whose streams were cut ask again all together: ${count(Math.round(REGION.streams / 3))} requests, each of which costs the CPU of
${Math.round((exchangeUs + guardCallUs) / chunkUs)} chunks. Let clients wait a random time before they do.

**Rollout.** A pod takes ${ROLLOUT.startSec} s to start. When it is to go it is out of the endpoints at once, and the
sleep in Envoy's \`preStop\`, here ${ROLLOUT.preStopSec} s, is the time that its streams have to end by themselves; then Envoy
ends, and Weir, as a native sidecar, after it. A Weir that is a deployment of its own serves on for \`server.drain_ms\`
(${DRAIN_SEC} s) after SIGTERM, or until its last exchange has ended, and cuts what is left: set it to the longest stream. A
short \`preStop\` sleep before it is for Envoys that have not heard yet.
\`terminationGracePeriodSeconds\` must be above the sum. With ${percent(ROLLOUT.shareAtOnce)} of the replicas
at once (\`maxSurge\`, \`maxUnavailable: 0\`): ${batches} batches of ${batchSec} s,
**${minutes(batches * batchSec)}**, with ${count(Math.ceil(region.replicas * ROLLOUT.shareAtOnce))} replicas more meanwhile.
A changed config, secrets and lists are taken while streams go on; server settings and a new image are a rollout.

**Where it stops being one region's matter.** Scraping ${count(region.replicas)} replicas, a cache of
${count(Math.round(region.guardCallsASecond))} lookups a second (shard it, or give each zone its own), and the guard service
itself, which at that rate is a fleet of the same kind. Divide the region into cells of ten or twenty thousand streams
that share nothing: a bad config, a cache or a guard service then harms one of them.
`
}

if (import.meta.main) process.stdout.write(renderScaling())
