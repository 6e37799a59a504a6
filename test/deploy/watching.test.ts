import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { z } from 'zod'
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { fullScrape } from '../support/full-scrape.ts'
import { promtool, withFile } from '../support/validators.ts'
import { chooses, groupedBy, type Series, selectorsOf, seriesOf } from './promql.ts'

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')

const target = z.strictObject({
  refId: z.string(),
  datasource: z.strictObject({ type: z.literal('prometheus'), uid: z.literal('$' + '{datasource}') }),
  expr: z.string().min(1),
  legendFormat: z.string().min(1),
})
const panel = z.looseObject({
  id: z.int(),
  type: z.string(),
  title: z.string().min(1),
  gridPos: z.strictObject({ h: z.int(), w: z.int(), x: z.int(), y: z.int() }),
  targets: z.array(target).optional(),
})
const dashboard = z.looseObject({
  uid: z.string(),
  panels: z.array(panel),
  templating: z.looseObject({ list: z.array(z.looseObject({ name: z.string(), type: z.string() })) }),
})
const rules = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string(),
          expr: z.string(),
          for: z.string().optional(),
          labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
          annotations: z.strictObject({ summary: z.string(), runbook: z.string() }),
        }),
      ),
    }),
  ),
})

const board = dashboard.parse(JSON.parse(read('deploy/helm/weir/files/dashboard.json')))
const alerts = rules.parse(parse(read('deploy/helm/weir/files/rules.yaml'))).groups.flatMap(one => one.rules)

/** What the config of a scrape adds; `name` is cert-manager's. */
const ADDED = new Set(['namespace', 'job', 'pod', 'instance', 'name'])

let series: readonly Series[]
let envoy: RunningEnvoy
beforeAll(async () => {
  const addresses = { weirAddress: '127.0.0.1:1', upstreamAddress: '127.0.0.1:1' }
  envoy = await startEnvoy({ mode: 'full-duplex', ...addresses })
  const envoys = await (await fetch(`${envoy.adminUrl}/stats/prometheus`)).text()
  const managers = 'certmanager_certificate_expiration_timestamp_seconds 1'
  series = seriesOf([await fullScrape(), envoys, managers].join('\n'))
})
afterAll(() => envoy.stop())

describe.each([
  ['an alert', alerts.map(({ alert, expr }) => [alert, expr] as const)],
  ['a panel', board.panels.flatMap(one => (one.targets ?? []).map(({ expr }) => [one.title, expr] as const))],
])('%s', (_what, expressions) => {
  test.each(expressions)('%s asks for series that there are, by labels that they have', (_name, expr) => {
    const selectors = selectorsOf(expr)
    expect(selectors.length).toBeGreaterThan(0)
    const labels = new Set([...ADDED, 'le'])
    for (const selector of selectors) {
      expect({ selector, isThere: chooses(selector, series, ADDED) }).toEqual({ selector, isThere: true })
      for (const one of series) {
        if (one.metric === selector.metric) for (const label of Object.keys(one.labels)) labels.add(label)
      }
    }
    for (const label of groupedBy(expr)) expect([...labels]).toContain(label)
  })
})

test('what is not there is found', () => {
  const isThere = (expr: string) => selectorsOf(expr).every(one => chooses(one, series, ADDED))
  expect(isThere('rate(weir_decisions_total{job=~"$job", reason="failed-open"}[5m])')).toBe(true)
  expect(isThere('rate(weir_decisions_total{reason="fail-open"}[5m])')).toBe(false)
  expect(isThere('rate(weir_decisions_total{because="failed-open"}[5m])')).toBe(false)
  expect(isThere('rate(weir_decision_total[5m])')).toBe(false)
})

test('every alert has its section in docs/en/alerts.md, and every section its alert', () => {
  const headings = Array.from(read('docs/en/alerts.md').matchAll(/^### (\w+)$/gm), ([, name]) => name)
  expect(headings).toEqual(alerts.map(({ alert }) => alert))
  for (const { alert, annotations } of alerts)
    expect(annotations.runbook).toBe(`docs/en/alerts.md#${alert.toLowerCase()}`)
})

test.each(['weir_held_bytes', 'weir_event_loop_lag_seconds'])(
  '%s is to be looked at from where its alert begins',
  family => {
    const row = new RegExp(`^\\| \`${family}\` .*Look when:\\*\\* (?:Over|Above) ([\\d.]+)( %)?`, 'm')
    const [, bound, percent] = row.exec(read('docs/en/metrics.md')) ?? []
    const expr = alerts.find(alert => alert.expr.includes(family))?.expr ?? ''
    expect(Number(bound) / (percent === undefined ? 1 : 100)).toBe(Number(/> ([\d.]+)$/.exec(expr)?.[1]))
  },
)

describe('the dashboard', () => {
  test('has a row for each matter', () => {
    const rows = board.panels.filter(({ type }) => type === 'row').map(({ title }) => title)
    expect(rows).toEqual([
      'Traffic',
      'Decisions',
      'Guardrails',
      'Failures',
      'Streams and Envoy',
      'Memory',
      'Process',
    ])
  })

  test("asks the data source that its reader chose, by panels of Grafana's own", () => {
    expect(board.templating.list.map(({ name, type }) => [name, type])).toEqual([
      ['datasource', 'datasource'],
      ['job', 'query'],
    ])
    expect(new Set(board.panels.map(({ type }) => type))).toEqual(new Set(['row', 'timeseries']))
    for (const { type, targets = [] } of board.panels) expect(targets.length > 0).toBe(type !== 'row')
  })

  test('asks in PromQL', async () => {
    const expressions = board.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    const records = expressions.map((expr, index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }))
    const check = (rules: typeof records) =>
      withFile('rules.yaml', stringify({ groups: [{ name: 'panels', rules }] }), file =>
        promtool(['check', 'rules', file]),
      )
    expect(await check(records)).toMatchObject({ code: 0 })
    expect(await check([{ record: 'broken', expr: 'sum by (a rate(b[5m])' }])).toMatchObject({ code: 1 })
  })

  test('lays its panels out beside each other', () => {
    const taken = new Set<string>()
    for (const { title, gridPos } of board.panels) {
      const { h, w, x, y } = gridPos
      expect({ title, fits: x + w <= 24 }).toEqual({ title, fits: true })
      for (let column = x; column < x + w; column++) {
        for (let line = y; line < y + h; line++) {
          expect({ title, isFree: !taken.has(`${column},${line}`) }).toEqual({ title, isFree: true })
          taken.add(`${column},${line}`)
        }
      }
    }
    expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length)
  })
})
