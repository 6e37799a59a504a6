import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { CHART, type Manifest, render, template, the } from '../support/validators.ts'

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')
const values = (variant: string): { files: string[] } => ({
  files: [fileURLToPath(new URL(`values/${variant}.yaml`, import.meta.url))],
})

const UNPRIVILEGED = {
  runAsNonRoot: true,
  runAsUser: 65532,
  readOnlyRootFilesystem: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}

// biome-ignore lint/suspicious/noExplicitAny: kubeconform has said what these are.
const body = (manifest: Manifest): any => manifest
const podOf = (manifests: readonly Manifest[]) => body(the(manifests, 'Deployment')).spec.template
const configOf = (manifests: readonly Manifest[]) =>
  parse(body(the(manifests, 'ConfigMap', 'weir')).data['weir.yaml'])

describe('the shared form, as it comes', () => {
  let manifests: readonly Manifest[]
  beforeAll(async () => {
    manifests = await render()
  })

  test('is these objects, none of which needs an operator', () => {
    expect(manifests.map(({ kind }) => kind).sort()).toEqual([
      'ConfigMap',
      'Deployment',
      'HorizontalPodAutoscaler',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'Service',
      'ServiceAccount',
    ])
  })

  test('has two replicas at least, and never fewer than it should in a rollout or a drain', () => {
    const { spec } = body(the(manifests, 'Deployment'))
    expect(spec).not.toHaveProperty('replicas')
    expect(spec.strategy.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge: '25%' })
    expect(body(the(manifests, 'HorizontalPodAutoscaler')).spec).toMatchObject({ minReplicas: 2 })
    expect(body(the(manifests, 'PodDisruptionBudget')).spec).toMatchObject({
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    })
    const keys = podOf(manifests).spec.topologySpreadConstraints.map(
      (one: { topologyKey: string }) => one.topologyKey,
    )
    expect(keys).toEqual(['kubernetes.io/hostname', 'topology.kubernetes.io/zone'])
  })

  test('has no privilege and no token to lose', () => {
    const { spec } = podOf(manifests)
    expect(spec.automountServiceAccountToken).toBe(false)
    expect(body(the(manifests, 'ServiceAccount')).automountServiceAccountToken).toBe(false)
    expect(spec.containers).toHaveLength(1)
    expect(spec.containers[0].securityContext).toMatchObject(UNPRIVILEGED)
    expect(JSON.stringify(spec)).not.toContain('hostPath')
  })

  test('takes traffic when it is ready, and ends its streams before it goes', () => {
    const { spec } = podOf(manifests)
    const [weir] = spec.containers
    expect(weir.startupProbe.httpGet).toEqual({ path: '/readyz', port: 'weir-admin' })
    expect(weir.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'weir-admin' })
    expect(weir.livenessProbe.httpGet).toEqual({ path: '/healthz', port: 'weir-admin' })
    expect(configOf(manifests).server.drain_ms).toBe(600_000)
    expect(weir.lifecycle.preStop.sleep.seconds).toBe(10)
    expect(spec.terminationGracePeriodSeconds).toBe(10 + 600 + 15)
  })

  test('bounds its memory, and the heap below that', () => {
    const [weir] = podOf(manifests).spec.containers
    expect(weir.resources.limits).toEqual({ memory: '1Gi' })
    expect(weir.env).toEqual([{ name: 'NODE_OPTIONS', value: '--max-old-space-size-percentage=75' }])
  })

  test('mounts the config as a folder, so that a change arrives', () => {
    const { spec } = podOf(manifests)
    const [mount] = spec.containers[0].volumeMounts
    expect(mount).toEqual({ name: 'weir-config', mountPath: '/etc/weir', readOnly: true })
    expect(spec.volumes).toEqual([{ name: 'weir-config', configMap: { name: 'weir' } }])
  })

  test('is a headless service, each replica an endpoint that speaks HTTP/2', () => {
    const { spec } = body(the(manifests, 'Service'))
    expect(spec.clusterIP).toBe('None')
    expect(spec.ports[0]).toEqual({
      name: 'grpc',
      port: 9002,
      targetPort: 'grpc',
      appProtocol: 'kubernetes.io/h2c',
    })
    const { labels } = podOf(manifests).metadata
    expect(labels).toMatchObject(spec.selector)
    expect(labels).toMatchObject(body(the(manifests, 'Deployment')).spec.selector.matchLabels)
  })

  test('may connect to DNS alone', () => {
    const { spec } = body(the(manifests, 'NetworkPolicy'))
    expect(spec.policyTypes).toEqual(['Ingress', 'Egress'])
    expect(spec.egress).toHaveLength(1)
    expect(spec.egress[0].ports).toEqual([
      { port: 53, protocol: 'UDP' },
      { port: 53, protocol: 'TCP' },
    ])
    // Without `from` or `to` a rule is for everybody.
    for (const rule of spec.ingress) expect(rule.from.length).toBeGreaterThan(0)
    for (const rule of spec.egress) expect(rule.to.length).toBeGreaterThan(0)
  })
})

describe('the shared form with everything', () => {
  let manifests: readonly Manifest[]
  beforeAll(async () => {
    manifests = await render(values('everything'))
  })

  test('drains for as long as its longest stream, in whole seconds of grace', () => {
    expect(configOf(manifests).server.drain_ms).toBe(900_500)
    expect(podOf(manifests).spec.terminationGracePeriodSeconds).toBe(10 + 901 + 15)
  })

  test('leaves large numbers whole', () => {
    const { server, policies } = configOf(manifests)
    expect(server.max_bytes).toBe(268_435_456)
    expect(policies[0].limits.max_request_bytes).toBe(10_485_760)
    expect(body(the(manifests, 'ConfigMap', 'weir')).data['weir.yaml']).not.toMatch(/\de\+/)
  })

  test('serves by mutual TLS, for those only that got a certificate', () => {
    expect(configOf(manifests).server.tls).toEqual({
      cert: '/run/tls/tls.crt',
      key: '/run/tls/tls.key',
      client_ca: '/run/tls/ca.crt',
      client_sans: ['gateway.istio-ingress.svc', 'spiffe://cluster.local/ns/edge/sa/envoy'],
    })
    const certificates = manifests.filter(({ kind }) => kind === 'Certificate').map(body)
    expect(
      certificates.map(({ metadata, spec }) => [metadata.namespace, spec.secretName, spec.usages]),
    ).toEqual([
      ['weir', 'weir-tls', ['server auth']],
      ['istio-ingress', 'weir-client-gateway', ['client auth']],
      ['edge', 'weir-client', ['client auth']],
    ])
    expect(certificates[0].spec.dnsNames).toContain('weir.weir.svc.cluster.local')
    expect(podOf(manifests).spec.volumes).toContainEqual({
      name: 'weir-tls',
      secret: { secretName: 'weir-tls', defaultMode: 0o440 },
    })
    expect(body(the(manifests, 'Service')).spec.ports[0]).not.toHaveProperty('appProtocol')
  })

  test('is rolled out anew when a server setting changes, and for nothing else of the config', async () => {
    const checksum = async (...set: string[]) =>
      podOf(await render({ ...values('everything'), set })).metadata.annotations['checksum/server']
    const before = await checksum()
    expect(await checksum('config.unmatched=pass')).toBe(before)
    expect(await checksum('config.server.max_exchanges=401')).not.toBe(before)
  })

  test('brings the alerts and the dashboard as they are in its files', () => {
    const rules = parse(read('deploy/helm/weir/files/rules.yaml'))
    expect(body(the(manifests, 'PrometheusRule')).spec).toEqual(rules)
    const dashboard = body(the(manifests, 'ConfigMap', 'weir-dashboard'))
    expect(dashboard.metadata.labels.grafana_dashboard).toBe('1')
    expect(JSON.parse(dashboard.data['weir.json'])).toEqual(
      JSON.parse(read('deploy/helm/weir/files/dashboard.json')),
    )
  })

  test('is scraped at its admin port', () => {
    const { spec } = body(the(manifests, 'ServiceMonitor'))
    expect(spec.endpoints).toEqual([{ port: 'weir-admin', path: '/metrics', interval: '30s' }])
    expect(body(the(manifests, 'Service')).metadata.labels).toMatchObject(spec.selector.matchLabels)
  })
})

test('is where the manifests for the control planes look for it, by the name that is in its certificate', async () => {
  const manifests = await render(values('everything'))
  const { metadata, spec } = body(the(manifests, 'Service'))
  const host = `${metadata.name}.${metadata.namespace}.svc.cluster.local`
  const { port } = spec.ports[0]
  expect(read('deploy/istio/gateway.yaml')).toContain(`{ address: ${host}, port_value: ${port} }`)
  for (const plane of ['envoy-gateway', 'kgateway', 'agentgateway'])
    expect(read(`deploy/${plane}/weir.yaml`)).toContain(
      `{ name: ${metadata.name}, namespace: ${metadata.namespace}, port: ${port} }`,
    )
  expect(read('deploy/envoy-gateway/mtls.yaml')).toContain(`hostname: ${host}\n`)
  expect(body(the(manifests, 'Certificate', 'weir')).spec.dnsNames).toContain(host)
})

test('with the least, what is said stands: three replicas, a digest, the drain and the certificate', async () => {
  const manifests = await render(values('least'))
  expect(manifests.map(({ kind }) => kind).sort()).toEqual(['ConfigMap', 'Deployment', 'Service'])
  const { spec } = body(the(manifests, 'Deployment'))
  expect(spec.replicas).toBe(3)
  expect(spec.template.spec.containers[0].image).toMatch(/^weir@sha256:0{64}$/)
  expect(spec.template.spec.containers[0]).not.toHaveProperty('lifecycle')
  expect(spec.template.spec.terminationGracePeriodSeconds).toBe(2 + 15)
  expect(configOf(manifests).server).toMatchObject({
    drain_ms: 1500,
    tls: { client_sans: ['gateway.edge.svc'] },
  })
})

test('a network policy whose lists are empty lets nobody in and nothing out', async () => {
  const { spec } = body(the(await render(values('closed')), 'NetworkPolicy'))
  expect(spec).toMatchObject({ policyTypes: ['Ingress', 'Egress'], ingress: [], egress: [] })
})

describe('the sidecar form', () => {
  let manifests: readonly Manifest[]
  beforeAll(async () => {
    manifests = await render(values('sidecar'))
  })

  test('is a config, a patch, and what watches it', () => {
    expect(manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort()).toEqual([
      'ConfigMap weir',
      'ConfigMap weir-dashboard',
      'ConfigMap weir-sidecar',
      'PodMonitor weir',
      'PrometheusRule weir',
    ])
  })

  test('is the Weir of deploy/kubernetes/sidecar.yaml', async () => {
    const plain = parse(
      body(the(await render({ set: ['form=sidecar'] }), 'ConfigMap', 'weir-sidecar')).data['patch.yaml'],
    )
    const [ours] = plain.spec.template.spec.initContainers
    const example = parseAllDocuments(read('deploy/kubernetes/sidecar.yaml'))
      .map(one => one.toJS())
      .find(one => one.kind === 'Deployment')
    const [theirs] = example.spec.template.spec.initContainers
    const same = [
      'image',
      'restartPolicy',
      'args',
      'env',
      'ports',
      'startupProbe',
      'readinessProbe',
      'livenessProbe',
      'volumeMounts',
    ]
    for (const key of same) expect({ [key]: ours[key] }).toEqual({ [key]: theirs[key] })
    expect(ours.securityContext).toMatchObject(theirs.securityContext)
  })

  test('listens where Envoy has the same folder, in memory, as the same user', () => {
    const patch = parse(body(the(manifests, 'ConfigMap', 'weir-sidecar')).data['patch.yaml'])
    const { initContainers, containers, volumes } = patch.spec.template.spec
    const mount = { name: 'weir-socket', mountPath: '/run/weir' }
    expect(initContainers[0]).toMatchObject({ restartPolicy: 'Always', securityContext: UNPRIVILEGED })
    expect(initContainers[0].args).toContain('unix:///run/weir/ext_proc.sock')
    expect(initContainers[0].volumeMounts).toContainEqual(mount)
    expect(containers).toEqual([
      { name: 'envoy', securityContext: { runAsUser: 65532, runAsGroup: 65532 }, volumeMounts: [mount] },
    ])
    expect(volumes).toContainEqual({ name: 'weir-socket', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } })
  })

  test('shares the heap among its workers', () => {
    const patch = parse(body(the(manifests, 'ConfigMap', 'weir-sidecar')).data['patch.yaml'])
    expect(patch.spec.template.spec.initContainers[0].env).toEqual([
      { name: 'NODE_OPTIONS', value: '--max-old-space-size-percentage=37.5' },
    ])
  })
})

test.each([
  ['config.server.listen=0.0.0.0:1', 'the chart sets it'],
  ['config.server.workers=2', 'replicas are what carries more'],
  ['mtls.enabled=true', '/mtls/issuerRef/name'],
  ['mtls.enabled=true,mtls.issuerRef.name=ca', 'name who may connect'],
  ['form=sidecar,mtls.enabled=true,mtls.existingSecret=own', 'leave mtls off'],
  ['networkPolicy.guardServices[0].ports[0].port=443', "missing property 'to'"],
  ['resources.limits.memory=null', "missing property 'memory'"],
])('is not rendered with %s', async (set, why) => {
  const { code, said } = await template({ set: set.split(',') })
  expect(code).toBe(1)
  expect(said).toContain(why)
})

test('has the version of Weir, and says of each value what it is', () => {
  const { version } = JSON.parse(read('package.json'))
  expect(parse(read('deploy/helm/weir/Chart.yaml')).appVersion).toBe(version)
  const lines = readFileSync(`${CHART}/values.yaml`, 'utf8').split('\n')
  const top = lines.filter(line => /^[a-zA-Z]/.test(line)).map(line => line.split(':')[0])
  const schema = JSON.parse(readFileSync(`${CHART}/values.schema.json`, 'utf8'))
  expect(top.sort()).toEqual(
    Object.keys(schema.properties)
      .filter(key => key !== 'global')
      .sort(),
  )
})
