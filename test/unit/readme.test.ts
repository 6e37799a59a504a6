import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { formatTable } from '../../src/llm/formats.ts'
import { snapshotOf } from '../support/config.ts'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const blocks = [...readme.matchAll(/```yaml\n(.*?)```/gs)].map(match => match[1] ?? '')

test('the config of the README loads, and needs the key that it names', async () => {
  const config = blocks.find(block => block.includes('guardrails:')) ?? ''
  expect(() => snapshotOf(config)).toThrow(expect.objectContaining({ code: 'bad-config' }))
  const snapshot = snapshotOf(config, { LAKERA_API_KEY: 'key' })
  expect(snapshot.policySet.policies.map(policy => policy.name)).toEqual(['chat'])
  await snapshot.close()
})

test('the filter of the README is the one of the bootstrap, in short', () => {
  const filter = parse(blocks.find(block => block.includes('http_filters:')) ?? '')
  const bootstrap = parse(readFileSync(new URL('../../envoy/full-duplex.yaml', import.meta.url), 'utf8'))
  const manager = bootstrap.static_resources.listeners[0].filter_chains[0].filters[0].typed_config
  expect(manager.http_filters[0].typed_config).toMatchObject(filter.http_filters[0].typed_config)
})

test('the list of APIs in the README is the one of the code', () => {
  const [, table] = readme.match(/\n\n(\| API \| paths \|\n.*?)\n\n/s) ?? []
  expect(table, 'the README is to have the table that is expected here').toBe(formatTable())
})

test('the README says nothing twice', () => {
  const headings = readme.match(/^#+ .*$/gm) ?? []
  expect(headings.length).toBeGreaterThan(5)
  expect(new Set(headings).size).toBe(headings.length)
})
