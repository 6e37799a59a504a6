import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { findEnvoy } from '../../scripts/envoy-binary.ts'
import { MODES } from '../../src/rehearsal/case-schema.ts'
import {
  type Bootstrap,
  clusterOf,
  connectionManagerOf,
  ENVOY_MODES,
  extProcOf,
  loadBootstrap,
  parseAddress,
  parseBootstrap,
  setClusterAddress,
} from '../support/bootstrap.ts'
import { weir } from './cli/command-line.ts'

function read(path: string): string {
  return readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')
}

describe.each(ENVOY_MODES)('envoy/%s.yaml', mode => {
  const config = loadBootstrap(mode)
  const extProc = extProcOf(config)

  it('fails closed', () => {
    expect(extProc).toMatchObject({
      failure_mode_allow: false,
      status_on_error: { code: 'ServiceUnavailable' },
    })
    expect(extProc).not.toHaveProperty('observability_mode')
    expect(extProc).not.toHaveProperty('disable_immediate_response')
  })

  it('asks Weir first and the upstream last', () => {
    const names = connectionManagerOf(config).http_filters.map(filter => filter.name)
    expect(names).toEqual(['envoy.filters.http.ext_proc', 'envoy.filters.http.router'])
  })

  it('lets long answers live', () => {
    const [route] = connectionManagerOf(config).route_config.virtual_hosts[0].routes
    expect(route).toMatchObject({ name: 'llm', route: { cluster: 'llm', timeout: '0s' } })
    for (const name of ['weir', 'llm'] as const) {
      expect(clusterOf(config, name)).toMatchObject({
        circuit_breakers: { thresholds: [{ max_requests: 100_000 }] },
      })
    }
  })

  it('waits longer for Weir than Weir waits for a guardrail', () => {
    const guardrailTimeoutMs = 5_000
    expect(Number.parseInt(String(extProc.message_timeout), 10) * 1_000).toBeGreaterThan(guardrailTimeoutMs)
  })

  it('listens on the loopback interface alone', () => {
    const addresses = [config.admin.address, config.static_resources.listeners[0].address]
    expect(addresses.map(one => 'socket_address' in one && one.socket_address.address)).toEqual([
      '127.0.0.1',
      '127.0.0.1',
    ])
  })
})

describe('the bootstraps', () => {
  it('are one for each mode, here, in a policy test and on the command line', async () => {
    const shipped = readdirSync(new URL('../../envoy', import.meta.url)).map(file =>
      file.replace('.yaml', ''),
    )
    const { err } = await weir(['envoy', '--mode', 'another'])
    const named = /one of ([a-z-]+(?:, [a-z-]+)*)/.exec(err)?.[1]?.split(', ')
    for (const modes of [ENVOY_MODES, MODES, named]) expect(modes?.toSorted()).toEqual(shipped.toSorted())
  })

  it('send bodies in the mode of their name', () => {
    const modes = ENVOY_MODES.map(mode => extProcOf(loadBootstrap(mode)).processing_mode)
    expect(modes).toMatchObject([
      { request_body_mode: 'FULL_DUPLEX_STREAMED', response_body_mode: 'FULL_DUPLEX_STREAMED' },
      { request_body_mode: 'BUFFERED', response_body_mode: 'STREAMED' },
      { request_body_mode: 'BUFFERED', response_body_mode: 'BUFFERED' },
    ])
  })

  it('differ in nothing but how bodies travel', () => {
    const [first, ...others] = ENVOY_MODES.map(mode => withoutBodyModes(loadBootstrap(mode)))
    for (const other of others) expect(other).toEqual(first)
  })
})

/** The bootstrap less what a processing mode has to change. */
function withoutBodyModes(config: Bootstrap): Bootstrap {
  const extProc = extProcOf(config)
  delete extProc.processing_mode
  delete extProc.allow_mode_override
  delete config.static_resources.listeners[0].per_connection_buffer_limit_bytes
  delete clusterOf(config, 'llm').per_connection_buffer_limit_bytes
  return config
}

describe.each(['gateway', 'sidecar-inbound', 'sidecar-outbound', 'sidecar-uds', 'waypoint'])(
  'deploy/istio/%s.yaml',
  name => {
    const envoyFilter = z.looseObject({
      kind: z.literal('EnvoyFilter'),
      spec: z.looseObject({
        configPatches: z.array(
          z.looseObject({ applyTo: z.string(), patch: z.looseObject({ value: z.looseObject({}) }) }),
        ),
      }),
    })
    const patches = parseAllDocuments(read(`deploy/istio/${name}.yaml`))
      .map(one => envoyFilter.safeParse(one.toJS()))
      .flatMap(({ data }) => data?.spec.configPatches ?? [])
    const patchedBy = (applyTo: string) => patches.find(one => one.applyTo === applyTo)?.patch.value

    it('configures the filter as the full-duplex bootstrap does', () => {
      expect(patchedBy('HTTP_FILTER')?.typed_config).toEqual(extProcOf(loadBootstrap('full-duplex')))
    })

    it('brings a cluster of the name that the filter calls', () => {
      const { circuit_breakers, typed_extension_protocol_options } = clusterOf(
        loadBootstrap('full-duplex'),
        'weir',
      )
      const options = { circuit_breakers, typed_extension_protocol_options }
      expect(patchedBy('CLUSTER')).toMatchObject({ name: 'weir', ...options })
    })

    it('reads paths as the bootstrap does, and waits as long', () => {
      const { stream_idle_timeout, normalize_path, merge_slashes } = connectionManagerOf(
        loadBootstrap('full-duplex'),
      )
      const options = { stream_idle_timeout, normalize_path, merge_slashes }
      expect(patchedBy('NETWORK_FILTER')?.typed_config).toMatchObject(options)
    })
  },
)

describe('deploy/kubernetes/sidecar.yaml', () => {
  const container = z.looseObject({ name: z.string(), image: z.string() })
  const pod = z.looseObject({
    automountServiceAccountToken: z.boolean(),
    initContainers: z.array(container),
    containers: z.array(container),
    volumes: z.array(z.looseObject({ name: z.string() })),
  })
  const documents = parseAllDocuments(read('deploy/kubernetes/sidecar.yaml')).map(one => one.toJS())
  const deployment = documents.find(one => one.kind === 'Deployment')
  const spec = pod.parse(deployment.spec.template.spec)
  const weir = spec.initContainers.find(one => one.name === 'weir')
  const envoyFile = documents.find(one => one.metadata.name === 'weir-envoy').data['envoy.yaml']
  const embedded = parseBootstrap(envoyFile)

  it('runs Weir as a native sidecar that Envoy waits for', () => {
    expect(weir).toMatchObject({ restartPolicy: 'Always', startupProbe: { httpGet: { path: '/readyz' } } })
  })

  it('gives Weir no privilege to lose', () => {
    expect(spec.automountServiceAccountToken).toBe(false)
    for (const one of [...spec.initContainers, ...spec.containers]) {
      expect(one).toMatchObject({
        securityContext: {
          runAsNonRoot: true,
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          seccompProfile: { type: 'RuntimeDefault' },
        },
      })
    }
  })

  it('shares the socket in memory, and Envoy dials where Weir listens', () => {
    expect(spec.volumes).toContainEqual({
      name: 'weir-socket',
      emptyDir: { medium: 'Memory', sizeLimit: '1Mi' },
    })
    expect(weir).toMatchObject({
      args: expect.arrayContaining(['--listen', 'unix:///run/weir/ext_proc.sock']),
    })
    expect(clusterOf(embedded, 'weir').load_assignment.endpoints[0].lb_endpoints[0].endpoint.address).toEqual(
      {
        pipe: { path: '/run/weir/ext_proc.sock' },
      },
    )
  })

  it('embeds the full-duplex bootstrap with other addresses and nothing else', () => {
    expect(withoutAddresses(embedded)).toEqual(withoutAddresses(loadBootstrap('full-duplex')))
  })
})

/** Less where the listener, Weir and the LLM are. */
function withoutAddresses(config: Bootstrap): Bootstrap {
  const copy = structuredClone(config)
  copy.static_resources.listeners[0].address = parseAddress('nowhere:0')
  for (const one of copy.static_resources.clusters) {
    setClusterAddress(one, 'nowhere:0')
    delete one.type
  }
  return copy
}

describe('looking for an Envoy', () => {
  it('refuses an ENVOY_BIN that cannot be run', () => {
    expect(() => findEnvoy({ ENVOY_BIN: '/nowhere/envoy' })).toThrow('ENVOY_BIN is /nowhere/envoy')
  })

  it('takes ENVOY_BIN before anything else', () => {
    expect(findEnvoy({ ENVOY_BIN: process.execPath, PATH: '/usr/bin' })).toBe(process.execPath)
  })
})

describe('reading an address', () => {
  it.each([
    ['127.0.0.1:80', { socket_address: { address: '127.0.0.1', port_value: 80 } }],
    ['unix:///run/a.sock', { pipe: { path: '/run/a.sock' } }],
    ['/run/a.sock', { pipe: { path: '/run/a.sock' } }],
  ])('reads %s', (text, address) => {
    expect(parseAddress(text)).toEqual(address)
  })

  it('refuses what is neither', () => {
    expect(() => parseAddress('localhost')).toThrow('neither host:port nor a socket path: localhost')
  })
})
