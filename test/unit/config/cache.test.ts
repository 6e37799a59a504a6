import { afterEach, describe, expect, it } from 'vitest'
import type { Snapshot } from '../../../src/config/snapshot.ts'
import type { Outcome } from '../../../src/guardrail/guardrail.ts'
import { runRemoteScan } from '../../../src/guardrail/run-scan.ts'
import { snapshotOf } from '../../support/config.ts'
import { FLAG_MARKER, type LakeraStub, startLakeraStub } from '../../support/lakera-stub.ts'
import { input } from '../guardrail/segments.ts'
import { problemsOf } from './given.ts'

let lakera: LakeraStub | undefined
let snapshot: Snapshot | undefined
afterEach(async () => {
  await snapshot?.close()
  await lakera?.close()
})

async function ask(text: string, name = 'lakera') {
  const guardrail = snapshot!.guardrails.get(name)
  if (guardrail?.locality !== 'remote') throw new Error('no remote guardrail')
  return runRemoteScan(guardrail, input(text), new AbortController().signal, () => 0)
}

async function given(cache: string, more = ''): Promise<LakeraStub> {
  lakera = await startLakeraStub({ apiKey: 'k' })
  const one = `kind: lakera, api_key: k, lakera_endpoint: "${lakera.url}", retry: false`
  snapshot = snapshotOf(
    `guardrails: { lakera: { ${one}${more} }, other: { ${one}, project_id: p } }\npolicies: []\n${cache}`,
  )
  return lakera
}

describe('a config with a cache', () => {
  it('pays for the same text once, and knows a verdict by guardrail and config', async () => {
    const { requests } = await given('cache: {}')
    const flagged = await ask(FLAG_MARKER)
    // Through JSON, where absent and undefined are the same.
    const plain = (outcome: Outcome): unknown => JSON.parse(JSON.stringify(outcome))
    expect(plain(await ask(FLAG_MARKER))).toEqual(plain(flagged))
    expect(flagged).toMatchObject({ kind: 'verdict', verdict: { kind: 'flagged' } })
    await ask('fine')
    await ask('fine')
    expect(requests).toHaveLength(2)
    await ask('fine', 'other')
    expect(requests).toHaveLength(3)
  })

  it('keeps no failure', async () => {
    const { requests, failNext } = await given('cache: {}')
    failNext({ kind: 'status', status: 500 })
    expect(await ask('fine')).toMatchObject({ kind: 'failure' })
    expect(await ask('fine')).toMatchObject({ kind: 'verdict' })
    expect(requests).toHaveLength(2)
  })

  it.each([
    ['without it', '', ''],
    ['where the guardrail has cache: false', 'cache: {}', ', cache: false'],
  ])('asks each time %s', async (_, cache, more) => {
    const { requests } = await given(cache, more)
    await ask('fine')
    await ask('fine')
    expect(requests).toHaveLength(2)
  })
})

describe('a cache that cannot be', () => {
  it.each<[string, string]>([
    ['{ url: "redis://h" }', 'cache.key: is required with url: replicas hash and seal with the same key'],
    ['{ url: "http://h", key: 0123456789abcdef }', 'cache.url: must begin with redis:// or rediss://'],
    ['{ key: short }', 'cache.key: must have at least 16 characters'],
    ['{ url: $env://NOPE, key: 0123456789abcdef }', 'cache.url: the environment variable NOPE is not set'],
    ['{ ttl_ms: 1 }', 'cache.ttl_ms:'],
    ['{ kind: memory }', 'cache.kind:'],
  ])('%s is a problem', (cache, problem) => {
    expect(problemsOf(`policies: []\ncache: ${cache}`)).toEqual([expect.stringContaining(problem)])
  })
})
