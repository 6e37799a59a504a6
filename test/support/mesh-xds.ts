import { z } from 'zod'
import { parseAddress } from './bootstrap.ts'

/** A message of Envoy's API as protojson writes it. */
const message = z.looseObject({ name: z.string().optional() })
type Message = z.infer<typeof message>

/** What a control plane would send to one proxy. */
export interface MeshXds {
  readonly listeners: readonly Message[]
  readonly routes: readonly Message[]
  readonly clusters: readonly Message[]
}

/** A message that stands where its type is not told by its place. */
const typed = message.transform(({ '@type': _, ...rest }): Message => rest)
const dump = z.looseObject({
  dynamicListeners: z.array(z.looseObject({ activeState: z.looseObject({ listener: typed }) })).default([]),
  dynamicRouteConfigs: z.array(z.looseObject({ routeConfig: typed })).default([]),
  dynamicActiveClusters: z.array(z.looseObject({ cluster: typed })).default([]),
})
const translated = z.strictObject({
  xds: z.record(z.string(), z.looseObject({ configs: z.array(dump) })),
})

/** Reads what `egctl x translate --to xds --output json` prints for one Gateway. */
export function readEgctl(json: string): MeshXds {
  const gateways = Object.values(translated.parse(JSON.parse(json)).xds)
  const [only] = gateways
  if (only === undefined || gateways.length > 1) throw new Error('expected the translation of one Gateway')
  return {
    listeners: only.configs.flatMap(one =>
      one.dynamicListeners.map(({ activeState }) => activeState.listener),
    ),
    routes: only.configs.flatMap(one => one.dynamicRouteConfigs.map(({ routeConfig }) => routeConfig)),
    clusters: only.configs.flatMap(one => one.dynamicActiveClusters.map(({ cluster }) => cluster)),
  }
}

const fromIstio = z.looseObject({
  listeners: z.array(message),
  routes: z.array(message),
  clusters: z.array(message),
})

/** Reads what `istio-xds translate` prints. */
export function readIstio(json: string): MeshXds {
  return fromIstio.parse(JSON.parse(json))
}

const networkFilter = z.looseObject({ name: z.string(), typedConfig: z.looseObject({}).optional() })
const httpFilter = z.looseObject({ name: z.string(), typedConfig: message.optional() })
const accessLog = z.looseObject({
  name: z.string(),
  typedConfig: z.looseObject({ '@type': z.string(), logFormat: z.unknown() }),
})
const manager = z.looseObject({
  accessLog: z.array(accessLog).default([]),
  rds: z.looseObject({ routeConfigName: z.string() }).optional(),
  routeConfig: message.optional(),
  httpFilters: z.array(httpFilter),
})
export type MeshManager = z.infer<typeof manager>
const filterChain = z.looseObject({
  name: z.string().optional(),
  filters: z.array(networkFilter).default([]),
})
const listenerShape = z.looseObject({
  name: z.string(),
  filterChains: z.array(filterChain).default([]),
  defaultFilterChain: filterChain.optional(),
})
type FilterChain = z.infer<typeof filterChain>

const MANAGER = 'envoy.filters.network.http_connection_manager'
/** What only Istio's own build of Envoy has, and what reads its tunnels. None of it looks at bodies. */
const ISTIO_ONLY = /^istio\.|_peer_metadata$|^connect_authority$/

/** The HTTP connection managers of a listener, each with the filter chain that it is of. */
export function managersOf(xds: MeshXds, listenerName: string): { chain: string; manager: MeshManager }[] {
  return chainsOf(xds, listenerName).flatMap(({ name = '', filters }) =>
    filters
      .filter(one => one.name === MANAGER)
      .map(one => ({ chain: name, manager: manager.parse(one.typedConfig) })),
  )
}

function chainsOf(xds: MeshXds, listenerName: string): FilterChain[] {
  const found = xds.listeners.find(one => one.name === listenerName)
  if (found === undefined) {
    throw new Error(`no listener ${listenerName} among ${xds.listeners.map(one => one.name).join(', ')}`)
  }
  const { filterChains, defaultFilterChain } = listenerShape.parse(found)
  return [...filterChains, ...(defaultFilterChain ? [defaultFilterChain] : [])]
}

export interface StaticOptions {
  readonly manager: MeshManager
  /** The virtual host that takes every request, whatever host the test's client names. Default: they stay as they are. */
  readonly virtualHost?: string
  /** The clusters that matter, each with `host:port` or a socket's path; all others are left out. */
  readonly addresses: Readonly<Record<string, string>>
}

/**
 * A bootstrap that serves what the control plane says, without the control plane: one listener on a port of the
 * kernel's choice, its routes inline, and the clusters at addresses of the test's.
 */
export function staticBootstrap(xds: MeshXds, options: StaticOptions): object {
  const { rds, ...rest } = options.manager
  const routeConfig = rds ? xds.routes.find(one => one.name === rds.routeConfigName) : rest.routeConfig
  if (routeConfig === undefined) throw new Error(`no routes of the name ${rds?.routeConfigName}`)
  const typedConfig = {
    ...rest,
    routeConfig: options.virtualHost ? only(options.virtualHost, routeConfig) : routeConfig,
    accessLog: rest.accessLog.map(toStdout),
    httpFilters: rest.httpFilters.filter(one => !ISTIO_ONLY.test(one.name)),
  }
  return {
    admin: { address: parseAddress('127.0.0.1:0') },
    staticResources: {
      listeners: [
        {
          name: 'llm',
          address: parseAddress('127.0.0.1:0'),
          filterChains: [{ filters: [{ name: MANAGER, typedConfig }] }],
        },
      ],
      clusters: Object.entries(options.addresses).map(([name, at]) => staticCluster(xds, name, at)),
    },
  }
}

const routes = z.looseObject({ virtualHosts: z.array(z.looseObject({ name: z.string() })) })

function only(virtualHost: string, routeConfig: Message): Message {
  const found = routes.parse(routeConfig).virtualHosts.find(one => one.name === virtualHost)
  if (found === undefined) throw new Error(`no virtual host ${virtualHost}`)
  return { ...routeConfig, virtualHosts: [{ ...found, domains: ['*'] }] }
}

/** A log at /dev/stdout, as the logger for a stdout that is a socket and no file: what a child of Node has. */
function toStdout({ name, typedConfig }: z.infer<typeof accessLog>): object {
  const type = 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog'
  return { name, typedConfig: { '@type': type, logFormat: typedConfig.logFormat } }
}

/** How a cluster finds and chooses its endpoints, and what only Istio's build of Envoy can put before them. */
const ELSEWHERE = [
  'edsClusterConfig',
  'loadAssignment',
  'clusterType',
  'lbPolicy',
  'dnsRefreshRate',
  'dnsJitter',
  'respectDnsTtl',
  'transportSocket',
  'transportSocketMatches',
  'filters',
]

function staticCluster(xds: MeshXds, name: string, at: string): object {
  const found = xds.clusters.find(one => one.name === name)
  if (found === undefined) {
    throw new Error(`no cluster ${name} among ${xds.clusters.map(one => one.name).join(', ')}`)
  }
  const kept = Object.entries(found).filter(([key]) => !ELSEWHERE.includes(key))
  return {
    ...Object.fromEntries(kept),
    type: 'STATIC',
    loadAssignment: {
      clusterName: name,
      endpoints: [{ lbEndpoints: [{ endpoint: { address: parseAddress(at) } }] }],
    },
  }
}
