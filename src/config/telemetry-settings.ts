import { endpointProblem } from '../service/egress.ts'
import type { Environment } from './environment.ts'
import type { TelemetryConfig } from './telemetry-schema.ts'
import { pairsIn, type SignalName, TelemetryVariables } from './telemetry-variables.ts'

/** How one signal is exported. */
export interface SignalExport {
  /** Where its OTLP requests are posted. */
  readonly url: string
  /** Names in lower case. Values may be secrets. */
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly compression: 'gzip' | 'none'
}

export interface TraceExport extends SignalExport {
  readonly sampling: Sampling
  readonly maxQueued: number
  readonly delayMs: number
}

export interface MetricExport extends SignalExport {
  readonly intervalMs: number
}

/** `parent`: as the caller's traceparent says, and `ratio` of those without one. `ratio`: of all. */
export interface Sampling {
  readonly by: 'parent' | 'ratio'
  /** 0 to 1. */
  readonly ratio: number
}

/** What is exported, and how. A signal that is not has nothing here. */
export interface TelemetrySettings {
  /** `service.name` and what the operator added. */
  readonly resource: Readonly<Record<string, string>>
  readonly traces: TraceExport | undefined
  readonly metrics: MetricExport | undefined
  /** One sentence each: a variable that cannot be used, or headers that anyone can read. No value of a header. */
  readonly warnings: readonly string[]
}

/**
 * Puts the config and the variables of OpenTelemetry together: a key of the config goes before its variable. Two rules
 * are not key by key. `OTEL_SDK_DISABLED=true` turns all of it off; and where the config names an endpoint, neither an
 * endpoint nor headers are taken from the environment, since headers open one collector and no other.
 *
 * A variable that cannot be used is told and left out, as OpenTelemetry has it: it may be meant for another program.
 */
export function telemetrySettings(
  config: TelemetryConfig,
  headers: Readonly<Record<string, string>> | undefined,
  env: Environment,
): TelemetrySettings {
  const variables = new TelemetryVariables(env)
  const resource = resourceOf(config, variables)
  if (variables.flag('OTEL_SDK_DISABLED') === true)
    return { resource, traces: undefined, metrics: undefined, warnings: variables.problems }
  const signal = (name: SignalName) => signalExport(name, config, headers, variables)
  const traces = signal('traces')
  const metrics = signal('metrics')
  return {
    resource,
    traces: traces && { ...traces, ...traceOptions(config, variables) },
    metrics: metrics && { ...metrics, intervalMs: metricInterval(config, variables) },
    warnings: [...variables.problems, ...plaintextWarnings([traces, metrics])],
  }
}

function resourceOf(
  config: TelemetryConfig,
  variables: TelemetryVariables,
): Readonly<Record<string, string>> {
  const given = { ...variables.pairs('OTEL_RESOURCE_ATTRIBUTES'), ...config.resource }
  const name = config.service_name ?? variables.text('OTEL_SERVICE_NAME') ?? given['service.name']
  return { ...given, 'service.name': name ?? 'weir' }
}

function signalExport(
  signal: SignalName,
  { otlp, [signal]: own }: TelemetryConfig,
  headers: Readonly<Record<string, string>> | undefined,
  variables: TelemetryVariables,
): SignalExport | undefined {
  const exporter =
    own.exporter ?? variables.oneOf(`OTEL_${variables.upper(signal)}_EXPORTER`, ['otlp', 'none'])
  if (exporter === 'none') return undefined
  const url = otlp.endpoint === undefined ? urlFromVariables(signal, variables) : below(otlp.endpoint, signal)
  if (url === undefined) return undefined
  const isOurs = otlp.endpoint !== undefined || headers !== undefined
  return {
    url,
    headers: isOurs ? (headers ?? {}) : variables.headers(signal),
    timeoutMs:
      otlp.timeout_ms ?? variables.ofSignal(signal, 'TIMEOUT', name => variables.whole(name, 1)) ?? 10_000,
    compression:
      otlp.compression ??
      variables.ofSignal(signal, 'COMPRESSION', name => variables.oneOf(name, ['gzip', 'none'])) ??
      'none',
  }
}

/** The variable of the signal is the whole URL, the one of all signals a base. */
function urlFromVariables(signal: SignalName, variables: TelemetryVariables): string | undefined {
  const protocol = variables.ofSignal(signal, 'PROTOCOL', name => variables.text(name))
  const own = `OTEL_EXPORTER_OTLP_${variables.upper(signal)}_ENDPOINT`
  const whole = usableUrl(own, variables)
  const base = whole === undefined ? usableUrl('OTEL_EXPORTER_OTLP_ENDPOINT', variables) : undefined
  const url = whole ?? (base && below(base, signal))
  if (url === undefined || protocol === undefined || protocol === 'http/protobuf') return url
  variables.problem(
    'OTEL_EXPORTER_OTLP_PROTOCOL',
    `Weir speaks http/protobuf only: no ${signal} are exported`,
  )
  return undefined
}

function usableUrl(name: string, variables: TelemetryVariables): string | undefined {
  const text = variables.text(name)
  if (text === undefined) return undefined
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    variables.problem(name, 'must be an http or https URL without credentials')
    return undefined
  }
  const problem = endpointProblem(text, true)
  if (problem !== undefined) variables.problem(name, problem)
  return problem === undefined ? text : undefined
}

function below(base: string, signal: SignalName): string {
  let end = base.length
  while (base[end - 1] === '/') end -= 1
  return `${base.slice(0, end)}/v1/${signal}`
}

const BY_SAMPLER: Readonly<Record<string, { readonly by: Sampling['by']; readonly ratio?: number }>> = {
  always_on: { by: 'ratio', ratio: 1 },
  always_off: { by: 'ratio', ratio: 0 },
  traceidratio: { by: 'ratio' },
  parentbased_always_on: { by: 'parent', ratio: 1 },
  parentbased_always_off: { by: 'parent', ratio: 0 },
  parentbased_traceidratio: { by: 'parent' },
}

function traceOptions(
  { traces }: TelemetryConfig,
  variables: TelemetryVariables,
): Pick<TraceExport, 'sampling' | 'maxQueued' | 'delayMs'> {
  const name = traces.sampler ?? variables.oneOf('OTEL_TRACES_SAMPLER', Object.keys(BY_SAMPLER))
  const { by, ratio } = BY_SAMPLER[name ?? 'parentbased_traceidratio']!
  return {
    sampling: { by, ratio: traces.sample_ratio ?? ratio ?? variables.share('OTEL_TRACES_SAMPLER_ARG') ?? 1 },
    maxQueued: traces.max_queued ?? variables.whole('OTEL_BSP_MAX_QUEUE_SIZE', 1) ?? 2048,
    delayMs: traces.delay_ms ?? variables.whole('OTEL_BSP_SCHEDULE_DELAY', 1) ?? 5000,
  }
}

function metricInterval({ metrics }: TelemetryConfig, variables: TelemetryVariables): number {
  return metrics.interval_ms ?? variables.whole('OTEL_METRIC_EXPORT_INTERVAL', 100) ?? 60_000
}

function plaintextWarnings(signals: readonly (SignalExport | undefined)[]): readonly string[] {
  const isOpen = signals.some(one => one?.url.startsWith('http:') && Object.keys(one.headers).length > 0)
  return isOpen
    ? ['server.telemetry.otlp: the endpoint is without TLS, so that anyone on the way can read its headers']
    : []
}

/** Headers of the environment, for whoever keeps secrets out of the log. */
export function headerValuesIn(env: Environment): readonly string[] {
  const names = [
    'OTEL_EXPORTER_OTLP_HEADERS',
    'OTEL_EXPORTER_OTLP_TRACES_HEADERS',
    'OTEL_EXPORTER_OTLP_METRICS_HEADERS',
  ]
  return names.flatMap(name => Object.values(pairsIn(env[name] ?? '')))
}
