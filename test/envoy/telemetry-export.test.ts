import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { exportingWeir } from '../support/exporting-weir.ts'
import type { ReceivedMetric } from '../support/otlp-messages.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.ts'

let receiver: OtlpReceiver | undefined
afterEach(() => receiver?.close())
const { serve, ask, stopEnvoy } = exportingWeir()

test('metrics go out under the names that /metrics has, and begin when the process did', async () => {
  const into = await startOtlpReceiver()
  receiver = into
  const weir = await serve(
    { traces: { exporter: 'none' }, metrics: { interval_ms: 100 } },
    { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${into.origin}/v1/metrics?key=key-in-a-query` },
  )
  await ask('a forbidden-word here')
  const denied = () =>
    points('weir_decisions_total').find(({ attributes }) => attributes.effective === 'denied')
  const newest = () => into.metrics.at(-1)?.metrics ?? []
  const points = (name: string) => newest().find(metric => metric.name === name)?.sum?.dataPoints ?? []
  await into.until(() => denied()?.asDouble === 1)
  const first = denied()
  await ask('a forbidden-word again')
  await into.until(() => denied()?.asDouble === 2)
  expect(denied()).toMatchObject({
    attributes: { policy: 'chat', phase: 'request', effective: 'denied', reason: 'flagged' },
    startTimeUnixNano: first?.startTimeUnixNano,
  })
  expect(into.problems).toEqual([])
  expect(into.spans).toEqual([])
  const scraped = [...(await weir.page('/metrics')).matchAll(/^# TYPE (\S+) (\S+)$/gm)]
  const kinds = (metric: ReceivedMetric) => (metric.sum ? 'counter' : metric.gauge ? 'gauge' : 'histogram')
  expect(newest().map(metric => `${metric.name} ${kinds(metric)}`)).toEqual(
    scraped.map(([, name, kind]) => `${name} ${kind}`),
  )
  expect(weir.output()).toContain('exporting telemetry')
  expect(weir.output()).not.toContain('key-in-a-query')
  const [one] = into.metrics
  expect(one?.resource).toMatchObject({
    'service.name': 'weir',
    'service.instance.id': expect.stringMatching(/^[0-9a-f-]{36}$/),
  })
})

test('a key that rotates is sent from then on', async () => {
  const into = await startOtlpReceiver()
  receiver = into
  const folder = mkdtempSync(join(tmpdir(), 'weir-otlp-'))
  const file = join(folder, 'key')
  writeFileSync(file, 'key-of-yesterday')
  const headers = { 'x-key': `$secret://file${file}` }
  const served = await serve(
    { otlp: { endpoint: into.origin, headers }, traces: { delay_ms: 10 } },
    { WEIR_SECRET_POLL_MS: '50' },
  )
  await ask('hello')
  await into.until(() => into.headers.length > 0)
  expect(into.headers[0]?.['x-key']).toBe('key-of-yesterday')
  writeFileSync(file, 'key-of-today')
  await served.logged('secrets rotated')
  await ask('hello')
  await into.until(() => into.headers.at(-1)?.['x-key'] === 'key-of-today')
  expect(served.output()).not.toMatch(/key-of-/)
  rmSync(folder, { recursive: true })
})

test('what is left goes when the process ends', async () => {
  const into = await startOtlpReceiver()
  receiver = into
  const served = await serve({ otlp: { endpoint: into.origin }, traces: { delay_ms: 60_000 } })
  await ask('hello')
  expect(into.spans).toEqual([])
  await stopEnvoy()
  served.signal('SIGTERM')
  expect(await served.ended).toBe(0)
  expect(into.spans.map(({ name }) => name)).toContain('weir chat')
  expect(into.metrics).toHaveLength(1)
})

/** Has a process tell on stderr which of these libraries it loads. The API alone is one that prom-client brings. */
const TELL_LIBRARIES = `--import data:text/javascript,${encodeURIComponent(`
import { registerHooks } from 'node:module'
registerHooks({
  resolve(name, context, next) {
    if (/^@opentelemetry\\/(?!api$)/.test(name)) process.stderr.write('loaded ' + name + '\\n')
    return next(name, context)
  },
})
`)}`

test.each([
  ['off, no library of it is loaded', false],
  ['on, they are', true],
])('%s', async (_name, isOn) => {
  const into = await startOtlpReceiver()
  receiver = into
  const served = await serve(isOn ? { otlp: { endpoint: into.origin } } : {}, {
    NODE_OPTIONS: TELL_LIBRARIES,
  })
  await ask('hello')
  expect(served.output().includes('loaded @opentelemetry/')).toBe(isOn)
})
