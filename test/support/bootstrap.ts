import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'

export const ENVOY_MODES = ['full-duplex', 'streamed', 'buffered'] as const
export type EnvoyMode = (typeof ENVOY_MODES)[number]

const address = z.union([
  z.strictObject({ socket_address: z.strictObject({ address: z.string(), port_value: z.number() }) }),
  z.strictObject({ pipe: z.strictObject({ path: z.string() }) }),
])
export type Address = z.infer<typeof address>

const lbEndpoint = z.looseObject({ endpoint: z.looseObject({ address }) })

const cluster = z.looseObject({
  name: z.string(),
  load_assignment: z.looseObject({
    endpoints: z.tuple([z.looseObject({ lb_endpoints: z.tuple([lbEndpoint], lbEndpoint) })]),
  }),
})

const route = z.looseObject({ name: z.string() })
export type Route = z.infer<typeof route>

const connectionManager = z.looseObject({
  route_config: z.looseObject({ virtual_hosts: z.tuple([z.looseObject({ routes: z.array(route) })]) }),
  http_filters: z.array(z.looseObject({ name: z.string(), typed_config: z.looseObject({}) })),
})

/** What tests read and change of a bootstrap under envoy/; everything else is kept as it is. */
const bootstrap = z.looseObject({
  admin: z.looseObject({ address }),
  static_resources: z.looseObject({
    listeners: z.tuple([
      z.looseObject({
        name: z.string(),
        address,
        filter_chains: z.tuple([
          z.looseObject({ filters: z.tuple([z.looseObject({ typed_config: connectionManager })]) }),
        ]),
      }),
    ]),
    clusters: z.array(cluster),
  }),
})
export type Bootstrap = z.infer<typeof bootstrap>
export type Cluster = z.infer<typeof cluster>
export type ConnectionManager = z.infer<typeof connectionManager>

export function bootstrapFile(mode: EnvoyMode): URL {
  return new URL(`../../envoy/${mode}.yaml`, import.meta.url)
}

/** Reads `envoy/<mode>.yaml`. Throws when it lost the shape that the tests rely on. */
export function loadBootstrap(mode: EnvoyMode): Bootstrap {
  return parseBootstrap(readFileSync(bootstrapFile(mode), 'utf8'))
}

export function parseBootstrap(yaml: string): Bootstrap {
  return bootstrap.parse(parse(yaml))
}

export function connectionManagerOf(config: Bootstrap): ConnectionManager {
  return config.static_resources.listeners[0].filter_chains[0].filters[0].typed_config
}

/** The ext_proc filter's own config: the place for a test to change a timeout or a mode. */
export function extProcOf(config: Bootstrap): Record<string, unknown> {
  const filter = connectionManagerOf(config).http_filters.find(
    one => one.name === 'envoy.filters.http.ext_proc',
  )
  if (!filter) throw new Error('the bootstrap has no ext_proc filter')
  return filter.typed_config
}

export function clusterOf(config: Bootstrap, name: string): Cluster {
  const found = config.static_resources.clusters.find(one => one.name === name)
  if (!found) throw new Error(`the bootstrap has no cluster ${name}`)
  return found
}

/** Puts a cluster in the place of the one of its name. */
export function replaceCluster(config: Bootstrap, cluster: Cluster): void {
  const { clusters } = config.static_resources
  clusters[clusters.indexOf(clusterOf(config, cluster.name))] = cluster
}

/** Points a cluster at `host:port` or at a Unix socket, given as `unix:///path` or as a path. */
export function setClusterAddress(target: Cluster, at: string): void {
  target.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address = parseAddress(at)
}

export function parseAddress(at: string): Address {
  const path = at.startsWith('unix:') ? at.replace(/^unix:(\/\/)?/, '') : at
  if (path.startsWith('/')) return { pipe: { path } }
  const [, host, port] = /^(.+):(\d+)$/.exec(at) ?? []
  if (!host || !port) throw new Error(`neither host:port nor a socket path: ${at}`)
  return { socket_address: { address: host, port_value: Number(port) } }
}
