import { describe, expect, test } from 'vitest'
import type { Environment } from '../../../src/config/environment.ts'
import { telemetrySchema } from '../../../src/config/telemetry-schema.ts'
import { telemetrySettings } from '../../../src/config/telemetry-settings.ts'

const ENDPOINT = { otlp: { endpoint: 'http://collector:4318/' } }

function settings(config: object, env: Environment = {}, headers?: Record<string, string>) {
  return telemetrySettings(telemetrySchema.parse(config), headers, env)
}

describe('nothing is exported', () => {
  test.each<[string, object, Environment]>([
    ['without an endpoint', {}, {}],
    ['with an empty variable', {}, { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
    ['when the SDK is disabled', ENDPOINT, { OTEL_SDK_DISABLED: 'True' }],
    ['with exporter none', { ...ENDPOINT, traces: { exporter: 'none' }, metrics: { exporter: 'none' } }, {}],
    [
      'with the variables for none',
      ENDPOINT,
      { OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' },
    ],
    [
      'in a protocol that Weir does not speak',
      {},
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    ],
    ['to what is no URL', {}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }],
    ['to a metadata service', {}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://169.254.169.254/' }],
  ])('%s', (_name, config, env) => {
    expect(settings(config, env)).toMatchObject({ traces: undefined, metrics: undefined })
  })
})

test('the defaults', () => {
  const to = { timeoutMs: 10_000, compression: 'none', headers: {} }
  expect(settings(ENDPOINT)).toEqual({
    resource: { 'service.name': 'weir' },
    traces: {
      ...to,
      url: 'http://collector:4318/v1/traces',
      sampling: { by: 'parent', ratio: 1 },
      maxQueued: 2048,
      delayMs: 5000,
    },
    metrics: { ...to, url: 'http://collector:4318/v1/metrics', intervalMs: 60_000 },
    warnings: [],
  })
})

describe('the variables', () => {
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://all:4318/base',
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'https://metrics/whole/path',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-key=all%20of%20it,X-Tenant=a',
    OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'x-key=metrics',
    OTEL_EXPORTER_OTLP_TIMEOUT: '4000',
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '2000',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_SERVICE_NAME: 'guards',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,team=a%2Cb,zone=1',
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
    OTEL_BSP_MAX_QUEUE_SIZE: '10',
    OTEL_BSP_SCHEDULE_DELAY: '20',
    OTEL_METRIC_EXPORT_INTERVAL: '1000',
  }

  test('speak where the config is silent', () => {
    expect(settings({}, env)).toEqual({
      resource: { 'service.name': 'guards', team: 'a,b', zone: '1' },
      traces: {
        url: 'https://all:4318/base/v1/traces',
        headers: { 'x-key': 'all of it', 'x-tenant': 'a' },
        timeoutMs: 2000,
        compression: 'gzip',
        sampling: { by: 'ratio', ratio: 0.25 },
        maxQueued: 10,
        delayMs: 20,
      },
      metrics: {
        url: 'https://metrics/whole/path',
        headers: { 'x-key': 'metrics', 'x-tenant': 'a' },
        timeoutMs: 4000,
        compression: 'gzip',
        intervalMs: 1000,
      },
      warnings: [],
    })
  })

  test('give way to the config', () => {
    const config = {
      service_name: 'mine',
      resource: { zone: '2' },
      otlp: { endpoint: 'https://mine', timeout_ms: 100, compression: 'none' },
      traces: { sampler: 'parentbased_traceidratio', sample_ratio: 0.5, max_queued: 1, delay_ms: 10 },
      metrics: { interval_ms: 100 },
    }
    expect(settings(config, env)).toMatchObject({
      resource: { 'service.name': 'mine', team: 'a,b', zone: '2' },
      traces: {
        url: 'https://mine/v1/traces',
        timeoutMs: 100,
        compression: 'none',
        sampling: { by: 'parent', ratio: 0.5 },
        maxQueued: 1,
        delayMs: 10,
      },
      metrics: { url: 'https://mine/v1/metrics', intervalMs: 100 },
    })
  })

  test('give no headers to an endpoint of the config', () => {
    expect(settings(ENDPOINT, env).traces?.headers).toEqual({})
    expect(settings({}, env, { 'x-own': 'a' }).traces?.headers).toEqual({ 'x-own': 'a' })
  })

  test.each([
    ['always_on', { by: 'ratio', ratio: 1 }],
    ['always_off', { by: 'ratio', ratio: 0 }],
    ['parentbased_always_on', { by: 'parent', ratio: 1 }],
    ['parentbased_always_off', { by: 'parent', ratio: 0 }],
    ['parentbased_traceidratio', { by: 'parent', ratio: 0.25 }],
  ])('sampler %s', (OTEL_TRACES_SAMPLER, sampling) => {
    expect(settings({}, { ...env, OTEL_TRACES_SAMPLER }).traces?.sampling).toEqual(sampling)
  })

  test('that cannot be used are told and left out, without their value', () => {
    const { traces, warnings } = settings(
      {},
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: 'https://all',
        OTEL_EXPORTER_OTLP_HEADERS: 'x-key=line%0Aend-secret',
        OTEL_EXPORTER_OTLP_TIMEOUT: 'soon',
        OTEL_TRACES_SAMPLER: 'jaeger_remote',
        OTEL_TRACES_SAMPLER_ARG: '7',
      },
    )
    expect(traces).toMatchObject({ headers: {}, timeoutMs: 10_000, sampling: { by: 'parent', ratio: 1 } })
    for (const name of ['HEADERS', 'TIMEOUT', 'TRACES_SAMPLER:', 'SAMPLER_ARG'])
      expect(warnings.filter(warning => warning.includes(name))).toHaveLength(1)
    expect(warnings.join()).not.toContain('secret')
  })
})

test('headers in plain text are warned of', () => {
  expect(settings(ENDPOINT, {}, { 'x-key': 'secret' }).warnings).toEqual([
    expect.stringMatching(/without TLS/),
  ])
})

describe('the schema', () => {
  test.each([
    ['credentials in the endpoint', { endpoint: 'https://user:pass@collector' }],
    ['no URL', { endpoint: 'collector:4318' }],
    ['a header of its own', { headers: { 'content-type': 'a' } }],
    ['a header in capitals', { headers: { Authorization: 'a' } }],
    ['an unknown key', { url: 'https://collector' }],
  ])('refuses %s', (_name, otlp) => {
    expect(telemetrySchema.safeParse({ otlp }).success).toBe(false)
  })
})
