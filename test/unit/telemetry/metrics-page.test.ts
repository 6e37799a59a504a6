import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { DECISION_FAMILIES } from '../../../src/telemetry/decision-families.ts'
import { EXCHANGE_FAMILIES } from '../../../src/telemetry/exchange-families.ts'
import { EXPORT_FAMILIES } from '../../../src/telemetry/export-families.ts'
import type { Family } from '../../../src/telemetry/family.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { renderMetricsPage } from '../../../src/telemetry/metrics-page.ts'
import { SERVICE_FAMILIES } from '../../../src/telemetry/service-families.ts'
import { SUPERVISOR_FAMILIES } from '../../../src/workers/supervisor-metrics.ts'
import { fullScrape } from '../../support/full-scrape.ts'

const FAMILIES: readonly Family[] = [
  DECISION_FAMILIES,
  SERVICE_FAMILIES,
  EXCHANGE_FAMILIES,
  EXPORT_FAMILIES,
].flatMap(families => Object.values<Family>(families))

describe('docs/en/metrics.md', () => {
  it('is what `weir schema --format metrics` prints', () => {
    const page = readFileSync(new URL('../../../docs/en/metrics.md', import.meta.url), 'utf8')
    const again = 'make it again: npm run --silent weir -- schema --format metrics > docs/en/metrics.md'
    expect(page, again).toBe(renderMetricsPage(SUPERVISOR_FAMILIES))
  })

  it('has every family that is shown, of its type, and no other', async () => {
    const metrics = createMetrics()
    const shown = await metrics.asObjects()
    metrics.close()
    const ours = shown.filter(({ name }) => name.startsWith('weir_'))
    const key = ({ name, type, help }: { name: unknown; type: unknown; help?: unknown }) =>
      `${name} ${type} ${help}`
    expect(ours.map(key).toSorted()).toEqual(FAMILIES.map(key).toSorted())
  })
})

describe('the families', () => {
  it('have a value each once everything has happened, and counters one above zero', async () => {
    const lines = (await fullScrape()).split('\n').filter(line => !line.startsWith('#'))
    const silent = FAMILIES.filter(({ name, type }) => {
      const ofFamily = new RegExp(`^${name}${type === 'histogram' ? '_count' : ''}(?:\\{.*\\})? (\\S+)$`)
      const values = lines.flatMap(line => ofFamily.exec(line)?.[1] ?? [])
      return !values.some(value => type === 'gauge' || Number(value) > 0)
    })
    const names = silent.map(({ name }) => name)
    expect(names, 'let it happen in test/support/full-scrape.ts, and count it where it does').toEqual([])
  })

  it('are named as Prometheus wants them', () => {
    for (const { name, type, labels } of FAMILIES) {
      expect(name).toMatch(/^weir_[a-z]+(_[a-z]+)*$/)
      expect(name.endsWith('_total')).toBe(type === 'counter')
      // What Prometheus itself adds to histograms, and to what it scrapes.
      for (const label of Object.keys(labels)) expect(['le', 'job', 'instance']).not.toContain(label)
    }
  })

  it('stand beside none of another name for what is no counter', async () => {
    const metrics = createMetrics()
    const shown = await metrics.asObjects()
    metrics.close()
    const misnamed = shown.filter(({ name, type }) => name.endsWith('_total') !== (type === 'counter'))
    expect(misnamed.map(({ name }) => name)).toEqual([])
  })
})
