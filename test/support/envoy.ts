import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { findEnvoy } from '../../scripts/envoy-binary.ts'
import {
  type Bootstrap,
  clusterOf,
  connectionManagerOf,
  type EnvoyMode,
  loadBootstrap,
  parseAddress,
  type Route,
  setClusterAddress,
} from './bootstrap.ts'
import type { EnvoyInstance, EnvoyLaunch } from './envoy-launch.ts'
import { launchProcess } from './envoy-process.ts'

const READY_WITHIN_MS = 30_000
const POLL_MS = 10

export interface EnvoyOptions {
  readonly mode: EnvoyMode
  /** `host:port`, or a Unix socket as `unix:///path` or a path. */
  readonly weirAddress: string
  readonly upstreamAddress: string
  /** How Envoy speaks to the upstream; only http2 carries trailers. Default http1. */
  readonly upstreamProtocol?: 'http1' | 'http2'
  /** Take the place of the bootstrap's one route. */
  readonly routes?: readonly Route[]
  /** The last word on the bootstrap before it is written. */
  readonly overrides?: (bootstrap: Bootstrap) => void
  /** Envoy worker threads. Default 1. */
  readonly concurrency?: number
  /** What to run. Default: what `ENVOY_DRIVER` says, else the binary where there is one. */
  readonly driver?: 'binary' | 'docker'
  /** `--component-log-level`, such as `ext_proc:debug`, for hunting a failure. All else logs warnings. */
  readonly componentLogLevel?: string
}

export interface RunningEnvoy {
  /** Base URL of the listener, without a trailing slash. */
  readonly address: string
  readonly adminUrl: string
  /** One counter or gauge. Throws when Envoy has none of that name. */
  stats(name: string): Promise<number>
  /** Access log, application log and stderr so far. */
  logs(): string
  /** The first match in the logs, waited for: Envoy writes an access log line after the client has its answer. */
  logged(pattern: RegExp): Promise<string>
  /** Ends Envoy. May be called twice. */
  stop(): Promise<void>
}

/**
 * Starts an Envoy with `envoy/<mode>.yaml`, its addresses changed and its ports chosen by the kernel, and waits
 * until it serves. The binary is preferred; `ENVOY_DRIVER=docker`, or a machine without the binary, takes Docker.
 */
export function startEnvoy(options: EnvoyOptions): Promise<RunningEnvoy> {
  const socketFolders = [options.weirAddress, options.upstreamAddress].flatMap(at => {
    const parsed = parseAddress(at)
    return 'pipe' in parsed ? [dirname(parsed.pipe.path)] : []
  })
  return startEnvoyWith(patchBootstrap(options), { ...options, socketFolders })
}

export interface LaunchOptions extends Pick<EnvoyOptions, 'concurrency' | 'driver' | 'componentLogLevel'> {
  /** Folders of Unix sockets that Envoy must reach. */
  readonly socketFolders?: readonly string[]
}

/** The same with a bootstrap of the test's own, whose admin and only listener have port 0. */
export async function startEnvoyWith(bootstrap: object, options: LaunchOptions = {}): Promise<RunningEnvoy> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-envoy-'))
  await writeFile(join(folder, 'config.json'), JSON.stringify(bootstrap))
  const { socketFolders = [] } = options
  const instance = await launch({ folder, args: envoyArgs(folder, options), socketFolders }, options.driver)
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= instance.stop().then(() => rm(folder, { recursive: true, force: true }))
    return stopped
  }
  try {
    const adminUrl = `http://${await whileRunning(instance, 'an admin address', () => readAddress(folder))}`
    await whileRunning(instance, 'a ready Envoy', () => isReady(adminUrl))
    const port = await listenerPort(adminUrl)
    return {
      address: `http://127.0.0.1:${port}`,
      adminUrl,
      stats: name => readStat(adminUrl, name),
      logs: () => instance.logs(),
      logged: pattern =>
        whileRunning(instance, `a log line ${pattern}`, async () => pattern.exec(instance.logs())?.[0]),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function patchBootstrap(options: EnvoyOptions): Bootstrap {
  const bootstrap = loadBootstrap(options.mode)
  bootstrap.admin.address = parseAddress('127.0.0.1:0')
  bootstrap.static_resources.listeners[0].address = parseAddress('127.0.0.1:0')
  setClusterAddress(clusterOf(bootstrap, 'weir'), options.weirAddress)
  const llm = clusterOf(bootstrap, 'llm')
  setClusterAddress(llm, options.upstreamAddress)
  if (options.upstreamProtocol === 'http2') {
    llm.typed_extension_protocol_options = clusterOf(bootstrap, 'weir').typed_extension_protocol_options
  }
  if (options.routes) {
    connectionManagerOf(bootstrap).route_config.virtual_hosts[0].routes = [...options.routes]
  }
  options.overrides?.(bootstrap)
  return bootstrap
}

function envoyArgs(folder: string, options: LaunchOptions): string[] {
  return [
    ...['--config-path', join(folder, 'config.json')],
    ...['--admin-address-path', join(folder, 'admin-address')],
    ...['--concurrency', String(options.concurrency ?? 1)],
    // Without hot restart several Envoys on one machine share nothing and cannot meet.
    '--disable-hot-restart',
    ...['--drain-time-s', '1'],
    // Access log lines are written at once instead of every 10 s.
    ...['--file-flush-min-size-kb', '0'],
    ...['--log-level', 'warning'],
    ...(options.componentLogLevel ? ['--component-log-level', options.componentLogLevel] : []),
  ]
}

async function launch(what: EnvoyLaunch, driver = process.env.ENVOY_DRIVER): Promise<EnvoyInstance> {
  const binary = driver === 'docker' ? undefined : findEnvoy()
  if (binary) return launchProcess(binary, what)
  const { launchContainer } = await import('./envoy-docker.ts')
  try {
    return await launchContainer(what)
  } catch (cause) {
    throw new Error(
      'no Envoy to test with: run `make setup`, or set ENVOY_BIN to an Envoy 1.40 binary, or start a Docker engine',
      { cause },
    )
  }
}

/** Asks until there is an answer. Fails with Envoy's log as soon as Envoy ends, and at the latest after 30 s. */
async function whileRunning<T>(
  instance: EnvoyInstance,
  awaited: string,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = Date.now() + READY_WITHIN_MS
  let ended: string | undefined
  void instance.ended.then(reason => {
    ended = reason
  })
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (ended) throw new Error(`${ended} while waiting for ${awaited}\n${instance.logs()}`)
    if (Date.now() > deadline) throw new Error(`gave up waiting for ${awaited}\n${instance.logs()}`)
    await delay(POLL_MS)
  }
}

async function readAddress(folder: string): Promise<string | undefined> {
  const text = await readFile(join(folder, 'admin-address'), 'utf8').catch(() => '')
  return /^\S+:\d+$/.exec(text.trim())?.[0]
}

async function isReady(adminUrl: string): Promise<true | undefined> {
  const response = await fetch(`${adminUrl}/ready`).catch(() => undefined)
  return response?.ok ? true : undefined
}

const listeners = z.looseObject({
  listener_statuses: z.tuple([
    z.looseObject({
      local_address: z.looseObject({ socket_address: z.looseObject({ port_value: z.number() }) }),
    }),
  ]),
})

async function listenerPort(adminUrl: string): Promise<number> {
  const body = await askAdmin(`${adminUrl}/listeners?format=json`)
  return listeners.parse(JSON.parse(body)).listener_statuses[0].local_address.socket_address.port_value
}

async function readStat(adminUrl: string, name: string): Promise<number> {
  const pattern = encodeURIComponent(`^${name.replace(/[.[\]()*+?{}|^$\\]/g, '\\$&')}$`)
  const body = await askAdmin(`${adminUrl}/stats?filter=${pattern}`)
  const line = body.split('\n').find(one => one.startsWith(`${name}: `))
  if (!line) throw new Error(`Envoy has no stat ${name}`)
  return Number(line.slice(name.length + 2))
}

async function askAdmin(url: string): Promise<string> {
  const response = await fetch(url)
  const body = await response.text()
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${body}`)
  return body
}
