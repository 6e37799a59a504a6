import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { render, the } from '../support/validators.ts'

const DEPLOY = new URL('../../deploy/', import.meta.url)
const PLANES = ['agentgateway', 'envoy-gateway', 'gke', 'istio', 'kgateway']

const object = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({}),
})

function objectsOf(file: string): z.infer<typeof object>[] {
  const text = readFileSync(new URL(file, DEPLOY), 'utf8')
  return parseAllDocuments(text).map(one => object.parse(one.toJS()))
}

function specOf(file: string, kind: string): Record<string, unknown> {
  const found = objectsOf(file).find(one => one.kind === kind)
  if (found === undefined) throw new Error(`${file} has no ${kind}`)
  return found.spec
}

/** Every value of that key, however deep. */
function valuesOf(key: string, inside: unknown): unknown[] {
  if (typeof inside !== 'object' || inside === null) return []
  return Object.entries(inside).flatMap(([name, value]) => [
    ...(name === key ? [value] : []),
    ...valuesOf(key, value),
  ])
}

describe('what attaches Weir', () => {
  const files = PLANES.flatMap(plane =>
    readdirSync(new URL(`${plane}/`, DEPLOY)).map(name => `${plane}/${name}`),
  )

  test.each(files)('%s never lets Envoy pass what Weir could not judge', file => {
    const objects = parseAllDocuments(readFileSync(new URL(file, DEPLOY), 'utf8')).map(one => one.toJS())
    for (const key of ['failOpen', 'failure_mode_allow']) {
      expect(valuesOf(key, objects).filter(value => value !== false)).toEqual([])
    }
    for (const key of ['failureMode', 'shadowMode', 'observability_mode', 'observabilityMode']) {
      expect(valuesOf(key, objects)).toEqual([])
    }
  })

  test.each([
    ['kgateway/weir.yaml', 'GatewayExtension'],
    ['envoy-gateway/weir.yaml', 'EnvoyExtensionPolicy'],
    ['gke/weir.yaml', 'GCPTrafficExtension'],
  ])('%s says so, whatever the default is', (file, kind) => {
    expect(valuesOf('failOpen', specOf(file, kind))).toEqual([false])
  })
})

describe('the Service that they count on', () => {
  test('is the one that the chart makes, release and namespace being weir', async () => {
    const service = the(await render(), 'Service')
    expect(service).toMatchObject({
      metadata: { name: 'weir', namespace: 'weir' },
      // Each address is an endpoint, and the port says that it speaks HTTP/2.
      spec: {
        clusterIP: 'None',
        ports: expect.arrayContaining([
          expect.objectContaining({ port: 9002, appProtocol: 'kubernetes.io/h2c' }),
        ]),
      },
    })
    const reference = { name: 'weir', namespace: 'weir', port: 9002 }
    const byPlane = [
      specOf('envoy-gateway/weir.yaml', 'EnvoyExtensionPolicy'),
      specOf('kgateway/weir.yaml', 'GatewayExtension'),
      specOf('agentgateway/weir.yaml', 'AgentgatewayPolicy'),
    ]
    for (const spec of byPlane) {
      const found = [...valuesOf('backendRef', spec), ...valuesOf('backendRefs', spec).flat()]
      expect(found).toEqual([reference])
    }
    const address = { socket_address: { address: 'weir.weir.svc.cluster.local', port_value: 9002 } }
    for (const name of ['gateway', 'sidecar-inbound', 'sidecar-outbound', 'waypoint']) {
      const filters = objectsOf(`istio/${name}.yaml`).filter(one => one.kind === 'EnvoyFilter')
      expect(valuesOf('address', filters)).toContainEqual(address)
    }
  })
})

describe('deploy/envoy-gateway', () => {
  test('mTLS changes what Envoy shows to Weir and nothing else', () => {
    const { backendTLS, ...rest } = specOf('envoy-gateway/mtls.yaml', 'EnvoyProxy')
    expect(backendTLS).toMatchObject({ clientCertificateRef: { kind: 'Secret' } })
    expect(rest).toEqual(specOf('envoy-gateway/gateway.yaml', 'EnvoyProxy'))
  })
})

describe('deploy/gke', () => {
  test('asks both forms of the load balancer for the same events', () => {
    const gateway = specOf('gke/weir.yaml', 'GCPTrafficExtension')
    const text = readFileSync(new URL('gke/lb-traffic-extension.yaml', DEPLOY), 'utf8')
    const plain = parseAllDocuments(text)[0]!.toJS()
    const upperSnake = (name: string): string => name.replaceAll(/(?<=[a-z])([A-Z])/g, '_$1').toUpperCase()
    const events = z.array(z.array(z.string())).parse(valuesOf('supportedEvents', gateway))
    expect(valuesOf('supportedEvents', plain)).toEqual(events.map(list => list.map(upperSnake)))
    expect(valuesOf('timeout', plain)).toEqual(valuesOf('timeout', gateway))
  })
})
