import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments, stringify } from 'yaml'
import {
  CHART,
  hadolint,
  helm,
  KUBERNETES_VERSIONS,
  kubeconform,
  promtool,
  render,
  template,
  the,
  withFile,
} from '../support/validators.ts'

const VARIANTS = ['default', 'everything', 'least', 'closed', 'sidecar'] as const
const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
const valuesOf = (variant: string): readonly string[] =>
  variant === 'default' ? [] : [path(`values/${variant}.yaml`)]

describe.each(VARIANTS)('the chart with the values `%s`', variant => {
  const files = valuesOf(variant)

  test('passes the strict lint', async () => {
    const args = files.flatMap(file => ['--values', file])
    expect(await helm(['lint', '--strict', CHART, ...args])).toMatchObject({ code: 0 })
  })

  test.each(KUBERNETES_VERSIONS)('is what Kubernetes %s and the operators take', async version => {
    const { stdout } = await template({ files })
    const documents = parseAllDocuments(stdout).length
    const { code, said } = await kubeconform(stdout, version)
    expect(said).toContain(`${documents} resources found`)
    expect({ code, said }).toMatchObject({ code: 0, said: expect.stringContaining('Skipped: 0') })
  })
})

test.each(KUBERNETES_VERSIONS)("the sidecar's patch makes what Kubernetes %s takes", async version => {
  const { data } = the(
    await render({ files: valuesOf('sidecar') }),
    'ConfigMap',
    'weir-sidecar',
  ) as unknown as {
    data: Record<string, string>
  }
  const patch = parse(data['patch.yaml']!)
  const pod = patch.spec.template
  const selector = { matchLabels: { app: 'gateway' } }
  const [envoy] = pod.spec.containers
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'gateway' },
    spec: {
      selector,
      template: {
        metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, ...selector.matchLabels } },
        spec: { ...pod.spec, containers: [{ image: 'envoyproxy/envoy:v1.40.0', ...envoy }] },
      },
    },
  }
  expect(await kubeconform(stringify(deployment), version)).toMatchObject({ code: 0 })
})

test.each(KUBERNETES_VERSIONS)('deploy/kubernetes is what Kubernetes %s takes', async version => {
  const text = readFileSync(path('../../deploy/kubernetes/sidecar.yaml'), 'utf8')
  expect(await kubeconform(text, version)).toMatchObject({ code: 0 })
})

describe('a manifest that does not hold is found', () => {
  const broken = async (change: (text: string) => string) => {
    const { stdout } = await template({ files: valuesOf('everything') })
    expect(change(stdout)).not.toBe(stdout)
    return kubeconform(change(stdout), KUBERNETES_VERSIONS[0])
  }

  test.each([
    [
      'a field of the Deployment that there is not',
      'Deployment',
      'readOnlyRootFilesystem',
      'readOnlyRootFileSystem',
    ],
    ['a value of the wrong type', 'PodDisruptionBudget', 'AlwaysAllow', '[AlwaysAllow]'],
    ['a field of cert-manager that there is not', 'Certificate', 'renewBefore', 'renewsBefore'],
    ['a field of the operator that there is not', 'ServiceMonitor', 'interval: 30s', 'every: 30s'],
    ['a kind without a schema', 'weir', 'kind: ServiceAccount', 'kind: ServiceAcount'],
  ])('%s', async (_what, kind, from, to) => {
    const { code, said } = await broken(text => text.replace(from, to))
    expect(code).toBe(1)
    expect(said).toContain(kind)
  })

  test('a value that the chart does not know', async () => {
    const { code, said } = await template({ set: ['replica=3'] })
    expect(code).toBe(1)
    expect(said).toContain("additional properties 'replica' not allowed")
  })
})

describe('deploy/Dockerfile', () => {
  const file = path('../../deploy/Dockerfile')

  test('passes hadolint', async () => {
    expect(await hadolint(file)).toEqual({ code: 0, stdout: '', said: '' })
  })

  test('would not with a base image of no version', async () => {
    const text = readFileSync(file, 'utf8').replace(/^FROM node:\S+/gm, 'FROM node')
    const { code, said } = await withFile('Dockerfile', text, hadolint)
    expect({ code, said }).toMatchObject({ code: 1, said: expect.stringContaining('DL3006') })
  })
})

describe('the alerts', () => {
  const rules = path('../../deploy/helm/weir/files/rules.yaml')
  const cases = path('alerts.promtool.yaml')

  test('pass promtool', async () => {
    expect(await promtool(['check', 'rules', rules])).toMatchObject({ code: 0 })
  })

  test('fire where they should and nowhere else', { timeout: 120_000 }, async () => {
    expect(await promtool(['test', 'rules', cases])).toMatchObject({ code: 0 })
  })

  test('are each seen to fire', () => {
    const known = parse(readFileSync(rules, 'utf8')).groups.flatMap((group: { rules: { alert: string }[] }) =>
      group.rules.map(({ alert }) => alert),
    )
    const { tests } = parse(readFileSync(cases, 'utf8'))
    const fired = tests.flatMap((one: { alert_rule_test: { alertname: string; exp_alerts?: unknown[] }[] }) =>
      one.alert_rule_test
        .filter(({ exp_alerts = [] }) => exp_alerts.length > 0)
        .map(({ alertname }) => alertname),
    )
    const silent = tests.at(-1).alert_rule_test.map(({ alertname }: { alertname: string }) => alertname)
    expect(fired).toEqual(known)
    expect(silent).toEqual(known)
  })

  test('would be found out, were one of them wrong', { timeout: 120_000 }, async () => {
    const wrong = readFileSync(rules, 'utf8').replace(
      'weir_guardrail_circuit_state) == 2',
      'weir_guardrail_circuit_state) == 3',
    )
    const { tests, ...rest } = parse(readFileSync(cases, 'utf8'))
    const told = tests.filter((one: { alert_rule_test: { alertname: string; exp_alerts?: unknown[] }[] }) =>
      one.alert_rule_test.some(
        ({ alertname, exp_alerts = [] }) => alertname === 'WeirCircuitOpen' && exp_alerts.length > 0,
      ),
    )
    const said = await withFile('rules.yaml', wrong, file =>
      withFile('cases.yaml', stringify({ ...rest, rule_files: [file], tests: told }), test =>
        promtool(['test', 'rules', test]),
      ),
    )
    expect(said).toMatchObject({ code: 1, said: expect.stringContaining('WeirCircuitOpen') })
  })
})

test('the values of docs/en/kubernetes.md are rendered, each by itself and all of them together', async () => {
  const page = readFileSync(path('../../docs/en/kubernetes.md'), 'utf8')
  const blocks = Array.from(
    page.matchAll(/<!-- config of: the chart, values -->\n```yaml\n(.*?)```/gs),
    ([, text]) => text!,
  )
  expect(blocks).toHaveLength(4)
  for (const block of blocks) {
    const { stdout } = await withFile('values.yaml', block, file => template({ files: [file] }))
    expect(await kubeconform(stdout, KUBERNETES_VERSIONS[0])).toMatchObject({ code: 0 })
  }
  const together = Object.assign({}, ...blocks.slice(0, 3).map(block => parse(block)))
  await withFile('values.yaml', stringify(together), file => render({ files: [file] }))
})
