import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { findEnvoy } from '../../scripts/envoy-binary.ts'
import { type Bootstrap, clusterOf, connectionManagerOf, loadBootstrap } from '../support/bootstrap.ts'

/** Where a piece of Envoy's config belongs in the bootstrap. */
type Place = 'bootstrap' | 'manager' | 'filter' | 'cluster' | 'route'

const MARKS: Readonly<Record<Place, readonly string[]>> = {
  bootstrap: ['static_resources', 'layered_runtime', 'overload_manager'],
  manager: [
    'http_filters',
    'local_reply_config',
    'access_log',
    'stream_idle_timeout',
    'route_config',
    'tracing',
  ],
  filter: ['processing_mode', 'grpc_service', 'message_timeout', 'failure_mode_allow'],
  cluster: ['load_assignment', 'circuit_breakers', 'lb_policy', 'transport_socket', 'health_checks'],
  route: ['route', 'typed_per_filter_config', 'direct_response'],
}

/** Which piece of Envoy's config this YAML is; undefined when it is none. */
export function envoyPlaceOf(text: string): Place | undefined {
  const value: unknown = parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const places = ['bootstrap', 'manager', 'filter', 'cluster', 'route'] as const
  return places.find(place => MARKS[place].some(mark => Object.hasOwn(value, mark)))
}

/** Envoy's own validation of the shipped full-duplex bootstrap with this piece in its place. Rejects with its words. */
export async function validateEnvoyBlock(text: string, place: Place): Promise<void> {
  const binary = findEnvoy()
  if (binary === undefined) throw new Error('no Envoy to validate with: run `make setup`, or set ENVOY_BIN')
  const folder = await mkdtemp(join(tmpdir(), 'weir-docs-'))
  try {
    const file = join(folder, 'envoy.json')
    await writeFile(file, JSON.stringify(bootstrapWith(parse(text), place)))
    await promisify(execFile)(binary, ['--mode', 'validate', '--log-level', 'error', '-c', file])
  } finally {
    await rm(folder, { recursive: true })
  }
}

function bootstrapWith(piece: object, place: Place): Bootstrap {
  const bootstrap = loadBootstrap('full-duplex')
  switch (place) {
    case 'bootstrap':
      Object.assign(bootstrap, piece)
      break
    case 'manager':
      assignKeepingRouter(bootstrap, piece)
      break
    case 'filter':
      Object.assign(connectionManagerOf(bootstrap).http_filters[0]!.typed_config, piece)
      break
    case 'cluster':
      Object.assign(clusterOf(bootstrap, 'weir'), piece, { name: 'weir' })
      break
    case 'route':
      Object.assign(connectionManagerOf(bootstrap).route_config.virtual_hosts[0].routes[0]!, piece)
      break
  }
  return bootstrap
}

/** A page leaves out the router that has to end every chain. */
function assignKeepingRouter(bootstrap: Bootstrap, piece: object): void {
  const manager = connectionManagerOf(bootstrap)
  const router = manager.http_filters.at(-1)!
  Object.assign(manager, piece)
  if (manager.http_filters.at(-1)?.name !== router.name) manager.http_filters.push(router)
}
