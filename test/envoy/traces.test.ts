import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { clusterOf, connectionManagerOf } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest } from '../support/chat.ts'
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { FLAG_MARKER, type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import type { ReceivedSpan } from '../support/otlp-messages.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.ts'
import { type Served, serveConfig } from '../support/served.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const SERVER = 2
const CLIENT = 3
const INTERNAL = 1
const ERROR = 2

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const CALLER = 'b7ad6b7169203331'
const PARENT = { traceparent: `00-${TRACE}-${CALLER}-01`, tracestate: 'vendor=some' }

const KEY = 'key-of-the-collector-9931'

let receiver: OtlpReceiver
let lakera: LakeraStub
let upstream: Upstream
let weir: Served
let envoy: RunningEnvoy

function config(): string {
  const policy = (name: string, ...guardrails: object[]) => ({
    name,
    match: { paths: [`/${name}/`] },
    guardrails,
  })
  return stringify({
    server: {
      telemetry: {
        otlp: { endpoint: receiver.origin, headers: { 'x-key': '$env://OTLP_KEY' }, compression: 'gzip' },
        resource: { 'deployment.environment.name': 'test' },
        traces: { delay_ms: 10 },
        metrics: { exporter: 'none' },
      },
    },
    guardrails: {
      words: { kind: 'keywords', words: ['forbidden-word'] },
      pii: { kind: 'local-pii' },
      lakera: { kind: 'lakera', api_key: 'some-key', lakera_endpoint: lakera.url, timeout: 2000 },
    },
    policies: [
      policy('words', { use: 'words', direction: 'both' }),
      policy('pii', { use: 'pii', direction: 'both', action: 'redact' }),
      policy('lakera', { use: 'lakera', direction: 'both' }),
      policy('open', { use: 'lakera', fail_open: true }),
      policy('local', { use: 'words', direction: 'both' }),
      policy('alert', { use: 'lakera', direction: 'output', action: 'alert', fail_open: true }),
    ],
    cache: {},
  })
}

beforeAll(async () => {
  receiver = await startOtlpReceiver()
  lakera = await startLakeraStub({ apiKey: 'some-key' })
  upstream = await startUpstream()
  weir = await serveConfig(config(), { OTLP_KEY: KEY, OTEL_SERVICE_NAME: 'guards' })
  envoy = await startEnvoy({
    mode: 'full-duplex',
    weirAddress: weir.address,
    upstreamAddress: upstream.address,
    routes: [
      { name: 'local', match: { prefix: '/local/' }, direct_response: { status: 503 } },
      { name: 'llm', match: { prefix: '/' }, route: { cluster: 'llm', timeout: '0s' } },
    ],
  })
})
afterAll(async () => {
  await envoy?.stop()
  await weir?.stop()
  await upstream?.stop()
  await lakera?.close()
  await receiver?.close()
})
/** Attributes and events of all spans so far. */
const seen = new Set<string>()
beforeEach(() => {
  for (const { attributes, events, resource } of receiver.spans) {
    if (resource['service.name'] !== 'guards') continue
    for (const key of Object.keys(attributes)) seen.add(key)
    for (const event of events)
      for (const key of [event.name, ...Object.keys(event.attributes)]) seen.add(key)
  }
  receiver.clear()
  lakera.failAlways(undefined)
  answer('all is well')
})

function answer(text: string): void {
  upstream.respond(async (incoming, reply) => {
    const asked: { stream?: boolean } = JSON.parse((await incoming.complete).toString())
    reply.head(200, { 'content-type': asked.stream ? 'text/event-stream' : 'application/json' })
    for (const chunk of asked.stream ? chatEvents(text) : [chatCompletion(text)]) await reply.send(chunk)
    reply.end()
  })
}

interface Asked {
  readonly policy: string
  readonly text?: string
  readonly extra?: Record<string, unknown>
  readonly headers?: Record<string, string>
}

async function ask({ policy, text = 'hello', extra, headers }: Asked): Promise<string> {
  const response = await fetch(`${envoy.address}/${policy}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: chatRequest(text, extra),
  })
  return response.text()
}

/** Of the one exchange since the last test: its own span, and those of its scans by their start. */
async function trace(): Promise<{
  readonly exchange: ReceivedSpan
  readonly scans: readonly ReceivedSpan[]
}> {
  const exchange = await receiver.span(({ name }) => !name.startsWith('scan '))
  const scans = receiver.spans.filter(span => span !== exchange)
  expect(receiver.problems).toEqual([])
  for (const scan of scans) {
    expect(scan.traceId).toBe(exchange.traceId)
    expect(scan.parentSpanId).toBe(exchange.spanId)
  }
  return {
    exchange,
    scans: scans.toSorted((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano))),
  }
}

describe('the span of an exchange', () => {
  test("continues the caller's trace", async () => {
    await ask({ policy: 'words', headers: PARENT })
    const { exchange } = await trace()
    expect(exchange).toMatchObject({
      name: 'weir chat',
      kind: SERVER,
      traceId: TRACE,
      parentSpanId: CALLER,
      traceState: 'vendor=some',
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-test',
        'weir.policy': 'words',
        'weir.format': 'openai-chat',
        'weir.request.effective': 'released',
        'weir.request.because': 'clean',
        'weir.response.effective': 'released',
        'weir.response.because': 'clean',
        'weir.response.delivery': 'body',
        'weir.exchange.id': expect.stringMatching(/^[0-9a-f]{32}$/),
      },
      resource: { 'service.name': 'guards', 'deployment.environment.name': 'test' },
    })
    expect(exchange.status?.code ?? 0).toBe(0)
    expect(receiver.headers[0]).toMatchObject({ 'x-key': KEY, 'content-encoding': 'gzip' })
  })

  test.each([
    ['none', {}],
    ['one that is broken', { traceparent: `00-${TRACE}-${CALLER}` }],
    ['one of zeros', { traceparent: `00-${'0'.repeat(32)}-${CALLER}-01` }],
    ['one that stands twice', { traceparent: `${PARENT.traceparent}, ${PARENT.traceparent}` }],
  ])('begins a trace of its own with %s', async (_name, headers) => {
    await ask({ policy: 'words', headers })
    const { exchange } = await trace()
    expect(exchange.parentSpanId).toBeUndefined()
    expect(exchange.traceId).not.toBe(TRACE)
  })

  test('is not there when the caller did not sample', async () => {
    await ask({ policy: 'words', headers: { traceparent: `00-${TRACE}-${CALLER}-00` } })
    await ask({ policy: 'words', headers: PARENT })
    await trace()
    expect(receiver.spans.filter(({ kind }) => kind === SERVER)).toHaveLength(1)
  })

  test('of a denial is no error', async () => {
    await ask({ policy: 'words', text: 'a forbidden-word here' })
    const { exchange } = await trace()
    expect(exchange.attributes).toMatchObject({
      'weir.request.effective': 'denied',
      'weir.request.because': 'flagged',
      'weir.request.flagged_by': ['words'],
    })
    expect(exchange.attributes).not.toHaveProperty('weir.response.effective')
    expect(exchange.events).toMatchObject([
      { name: 'weir.decision', attributes: { 'weir.phase': 'request', 'weir.effective': 'denied' } },
    ])
    expect(exchange.status?.code ?? 0).toBe(0)
  })

  test('tells what was found in a stream that was read piece by piece, which has no span of a scan', async () => {
    answer('all was well until a forbidden-word came')
    await ask({ policy: 'words', extra: { stream: true } })
    const { exchange, scans } = await trace()
    expect(scans.map(({ attributes }) => attributes['weir.phase'])).toEqual(['request'])
    expect(exchange.events).toMatchObject([
      { name: 'weir.decision', attributes: { 'weir.phase': 'request', 'weir.because': 'clean' } },
      { attributes: { 'weir.phase': 'response', 'weir.because': 'flagged', 'weir.detectors': ['keyword'] } },
    ])
    expect(exchange.events[0]?.attributes).not.toHaveProperty('weir.detectors')
  })

  test('tells a redaction', async () => {
    answer('write to ann@example.com')
    await ask({ policy: 'pii', text: 'I am bob@example.com', extra: { stream: true } })
    const { exchange } = await trace()
    expect(exchange.attributes).toMatchObject({
      'weir.request.effective': 'redacted',
      'weir.response.effective': 'redacted',
      'weir.response.flagged_by': ['pii'],
      'weir.response.delivery': 'withhold',
    })
  })

  test('of a guardrail that fails closed is an error', async () => {
    lakera.failAlways({ kind: 'status', status: 400 })
    await ask({ policy: 'lakera' })
    const { exchange, scans } = await trace()
    expect(exchange.attributes).toMatchObject({
      'weir.request.because': 'failed-closed',
      'weir.request.failed': ['lakera'],
      'error.type': 'failed-closed',
    })
    expect(exchange.status?.code).toBe(ERROR)
    expect(scans).toMatchObject([
      {
        attributes: {
          'weir.outcome': 'failure',
          'weir.reason': 'bad-response',
          'weir.detail': 'status-4xx',
          'error.type': 'bad-response',
        },
        status: { code: ERROR },
      },
    ])
  })

  test('of one that fails open is none', async () => {
    lakera.failAlways({ kind: 'status', status: 400 })
    await ask({ policy: 'open' })
    const { exchange } = await trace()
    expect(exchange.attributes).toMatchObject({ 'weir.request.because': 'failed-open' })
    expect(exchange.status?.code ?? 0).toBe(0)
  })

  test('names no model that is none', async () => {
    await ask({ policy: 'words', extra: { model: 'tell me a secret, please' } })
    const { exchange } = await trace()
    expect(exchange.attributes).not.toHaveProperty('gen_ai.request.model')
    expect(receiver.received()).not.toContain('secret')
  })

  test('is there for an answer of Envoy as well', async () => {
    await ask({ policy: 'local' })
    const { exchange } = await trace()
    expect(exchange.attributes).toMatchObject({
      'weir.request.effective': 'released',
      'weir.exchange.end': expect.any(String),
    })
    expect(exchange.attributes).not.toHaveProperty('weir.response.effective')
    expect(exchange.status?.code ?? 0).toBe(0)
  })
})

describe('the span of a scan', () => {
  test('is a child, with what came of it', async () => {
    await ask({ policy: 'lakera', text: 'ask once' })
    const { exchange, scans } = await trace()
    const common = {
      'weir.guardrail.name': 'lakera',
      'weir.guardrail.kind': 'lakera',
      'weir.outcome': 'clean',
    }
    expect(scans).toMatchObject([
      { name: 'scan lakera', kind: CLIENT, attributes: { ...common, 'weir.phase': 'request' } },
      { name: 'scan lakera', kind: CLIENT, attributes: { ...common, 'weir.phase': 'response' } },
    ])
    for (const scan of scans) {
      expect(BigInt(scan.startTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(exchange.startTimeUnixNano))
      expect(scan.attributes['weir.guardrail.request_id']).toEqual(expect.any(String))
    }
  })

  test('tells what was remembered', async () => {
    await ask({ policy: 'lakera', text: 'ask this twice' })
    await trace()
    receiver.clear()
    await ask({ policy: 'lakera', text: 'ask this twice' })
    const { scans } = await trace()
    expect(scans[0]?.attributes).toMatchObject({ 'weir.cache.hits': 1, 'weir.cache.misses': 0 })
  })

  test('tells a second try', async () => {
    lakera.failNext({ kind: 'status', status: 500 })
    await ask({ policy: 'lakera', text: 'try me again' })
    const { scans } = await trace()
    expect(scans[0]?.events).toMatchObject([{ name: 'retry' }])
    expect(scans[0]?.attributes).toMatchObject({ 'weir.outcome': 'clean' })
  })

  test('of a local guardrail is its own', async () => {
    await ask({ policy: 'words', text: 'a forbidden-word here' })
    const { scans } = await trace()
    expect(scans).toMatchObject([
      {
        name: 'scan words',
        kind: INTERNAL,
        attributes: {
          'weir.guardrail.kind': 'keywords',
          'weir.outcome': 'flagged',
          'weir.scan.lifetime': 'call',
        },
      },
    ])
  })

  test('ends after the call that it outlives', async () => {
    answer(`something ${FLAG_MARKER}`)
    const until = Promise.withResolvers<void>()
    lakera.failNext({ kind: 'gate', until: until.promise })
    await ask({ policy: 'alert', extra: { stream: true } })
    await vi.waitUntil(async () => /^weir_exchanges_open 0$/m.test(await weir.page('/metrics')), {
      interval: 5,
    })
    until.resolve()
    const { exchange, scans } = await trace()
    expect(scans).toMatchObject([
      { attributes: { 'weir.scan.lifetime': 'shadow', 'weir.outcome': 'flagged' } },
    ])
    expect(exchange.attributes).toMatchObject({
      'weir.response.because': 'alerted',
      'weir.response.delivery': 'live',
    })
    expect(BigInt(scans[0]!.endTimeUnixNano)).toBeGreaterThan(BigInt(exchange.endTimeUnixNano))
  })
})

describe('the lines of the log', () => {
  const linesOf = (exchange: ReceivedSpan) =>
    weir.lines.filter(({ exchangeId }) => exchangeId === exchange.attributes['weir.exchange.id'])
  const msgOf = ({ msg }: { readonly msg: string }) => msg

  test('of an exchange that is traced name its span: decisions, what was flagged, and failures', async () => {
    lakera.failNext({ kind: 'status', status: 400 })
    await ask({ policy: 'open' })
    const failed = await trace()
    receiver.clear()
    await ask({ policy: 'words', text: 'a forbidden-word here' })
    const denied = await trace()
    // The span may be here before the line is.
    await vi.waitUntil(() => linesOf(denied.exchange).length === 2)
    expect(linesOf(failed.exchange).map(msgOf)).toEqual(['guardrail failed', 'decision'])
    expect(linesOf(denied.exchange).map(msgOf)).toEqual(['decision', 'flagged'])
    for (const { exchange } of [failed, denied]) {
      const { traceId, spanId } = exchange
      for (const line of linesOf(exchange)) expect(line).toMatchObject({ trace_id: traceId, span_id: spanId })
    }
  })

  test('of one that is not have no such field', async () => {
    const before = weir.lines.length
    await ask({ policy: 'words', headers: { traceparent: `00-${TRACE}-${CALLER}-00` } })
    await vi.waitUntil(() => weir.lines.length >= before + 2)
    for (const line of weir.lines.slice(before)) {
      expect(line).toMatchObject({ msg: 'decision', because: 'clean' })
      expect(Object.keys(line)).not.toEqual(expect.arrayContaining([expect.stringMatching(/trace|span/)]))
    }
  })
})

test('a key of the collector stands nowhere', async () => {
  await ask({ policy: 'words' })
  await trace()
  expect(await weir.page('/config')).toContain('"x-key": "***"')
  expect((await weir.page('/config')) + weir.output() + receiver.received()).not.toContain(KEY)
})

describe('an Envoy that traces', () => {
  let tracing: RunningEnvoy
  beforeAll(async () => {
    const { port } = new URL(receiver.origin)
    tracing = await startEnvoy({
      mode: 'full-duplex',
      weirAddress: weir.address,
      upstreamAddress: upstream.address,
      overrides(bootstrap) {
        const collector = structuredClone(clusterOf(bootstrap, 'llm'))
        collector.name = 'collector'
        collector.load_assignment = {
          cluster_name: 'collector',
          endpoints: [
            {
              lb_endpoints: [
                {
                  endpoint: {
                    address: { socket_address: { address: '127.0.0.1', port_value: Number(port) } },
                  },
                },
              ],
            },
          ],
        }
        bootstrap.static_resources.clusters.push(collector)
        // Envoy sends spans five at a time, or after five seconds, if it is not told otherwise.
        const static_layer = { 'tracing.opentelemetry.min_flush_spans': 1 }
        Object.assign(bootstrap, { layered_runtime: { layers: [{ name: 'spans', static_layer }] } })
        Object.assign(connectionManagerOf(bootstrap), {
          tracing: {
            provider: {
              name: 'envoy.tracers.opentelemetry',
              typed_config: {
                '@type': 'type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig',
                service_name: 'envoy',
                http_service: {
                  http_uri: { uri: `${receiver.origin}/v1/traces`, cluster: 'collector', timeout: '1s' },
                },
              },
            },
          },
        })
      },
    })
  })
  afterAll(() => tracing?.stop())

  test("has Weir's span below its own", async () => {
    await fetch(`${tracing.address}/words/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...PARENT },
      body: chatRequest('hello'),
    })
    const isWeirs = (span: ReceivedSpan) => span.resource['service.name'] === 'guards' && span.kind === SERVER
    const exchange = await receiver.span(isWeirs)
    expect(exchange.traceId).toBe(TRACE)
    expect(exchange.parentSpanId).not.toBe(CALLER)
    const parent = await receiver.span(({ spanId }) => spanId === exchange.parentSpanId)
    expect(parent.resource['service.name']).toBe('envoy')
  })
})

test('what spans had until here stands on the page', () => {
  const page = readFileSync(new URL('../../docs/en/observability.md', import.meta.url), 'utf8')
  expect(seen.size).toBeGreaterThan(25)
  expect([...seen].filter(key => !page.includes(`\`${key}\``))).toEqual([])
})
