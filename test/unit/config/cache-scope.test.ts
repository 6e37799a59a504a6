import { describe, expect, it } from 'vitest'
import { compile } from '../../../src/config/compile.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { Verdict } from '../../../src/guardrail/guardrail.ts'
import { runRemoteScan } from '../../../src/guardrail/run-scan.ts'
import { cacheKeys } from '../../../src/verdict-cache/secret-key.ts'
import { openVerdictCaches, type VerdictCaches } from '../../../src/verdict-cache/verdict-caches.ts'
import { guardrailDeps } from '../../support/guard-http.ts'
import { input } from '../guardrail/segments.ts'
import { sources } from './given.ts'

/** Whoever shows this flags everything, as a service does that chooses its policy by a header. */
const STRICT = 'strict-1f7720c3'
const LAX = 'lax-86e0c29d41'

/** What one guardrail says of the same text, and how often its service is asked for it. */
async function ask(caches: VerdictCaches, secrets: string, env: Record<string, string> = {}) {
  let asked = 0
  const deps = guardrailDeps(() => async ({ headers }) => {
    asked++
    const flagged = Object.values(headers).some(value => value.includes(STRICT))
    return { status: 200, headers: {}, json: { flagged } }
  })
  const text = `guardrails: { w: { kind: webhook, dialect: generic, url: "https://guard.example/", ${secrets} } }\npolicies: []\ncache: {}`
  const { guardrails } = compile(loadConfig(text, sources({ env })), {
    guardrails: deps,
    caches,
    close: async () => {},
  })
  const guardrail = guardrails.get('w')
  if (guardrail?.locality !== 'remote') throw new Error('no remote guardrail')
  const outcome = await runRemoteScan(guardrail, input('the same'), new AbortController().signal, () => 0)
  return { said: outcome.kind === 'verdict' ? outcome.verdict.kind : outcome.reason, asked }
}

const CLEAN = { said: 'clean', asked: 1 }
const FLAGGED = { said: 'flagged', asked: 1 }

describe('a verdict', () => {
  it.each([
    ['a header', `headers: { x-policy: ${LAX} }`, `headers: { x-policy: ${STRICT} }`],
    ['the key', `api_key: ${LAX}`, `api_key: ${STRICT}`],
  ])('is not shared by guardrails that differ in %s alone', async (_, lax, strict) => {
    const caches = openVerdictCaches(() => {})
    expect(await ask(caches, lax)).toEqual(CLEAN)
    expect(await ask(caches, strict)).toEqual(FLAGGED)
    expect(await ask(caches, lax)).toEqual({ ...CLEAN, asked: 0 })
    expect(await ask(caches, strict)).toEqual({ ...FLAGGED, asked: 0 })
  })

  it('is asked for anew where what a reference leads to has changed', async () => {
    const caches = openVerdictCaches(() => {})
    const rotating = 'headers: { x-policy: $env://KEY }'
    expect(await ask(caches, rotating, { KEY: LAX })).toEqual(CLEAN)
    expect(await ask(caches, rotating, { KEY: STRICT })).toEqual(FLAGGED)
  })

  it('is the same however the config is written down', async () => {
    const caches = openVerdictCaches(() => {})
    expect(await ask(caches, `api_key: ${LAX}, headers: { x-a: "1", x-b: "2" }`)).toEqual(CLEAN)
    const other = await ask(caches, 'headers: { x-b: "2", x-a: "1" }, api_key: $env://KEY', { KEY: LAX })
    expect(other).toEqual({ ...CLEAN, asked: 0 })
  })
})

it('what a verdict is kept by holds a secret in a digest only, which nobody can make without the key', async () => {
  const keys: string[] = []
  const hashed: string[] = []
  const cachesWith = (secret: string): VerdictCaches => ({
    open: () => ({
      store: {
        get: async (key: string): Promise<Verdict | undefined> => void keys.push(key),
        set: () => {},
      },
      digest: text => {
        hashed.push(text)
        return cacheKeys(secret).digest(text)
      },
      close: async () => {},
    }),
    close: async () => {},
  })
  await ask(cachesWith('one'), `api_key: ${LAX}`)
  const [config, subject] = hashed
  expect(config).toContain(LAX)
  expect(subject).toContain('the same')
  expect(subject).not.toContain(LAX)
  expect(subject).toContain(cacheKeys('one').digest(config!))
  expect(hashed).toHaveLength(2)
  await ask(cachesWith('another'), `api_key: ${LAX}`)
  expect(hashed[2]).toBe(config)
  expect(hashed[3]).not.toBe(subject)
  expect(new Set(keys).size).toBe(2)
})
