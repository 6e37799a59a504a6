import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type OpenedSnapshot, openSnapshot } from '../../../src/cli/open-snapshot.ts'
import type { Snapshot } from '../../../src/config/snapshot.ts'
import { runRemoteScan } from '../../../src/guardrail/run-scan.ts'
import { type StateWatch, watchState } from '../../cache/state-watch.ts'
import { type CacheListener, startCacheListener } from '../../support/cache-listener.ts'
import { freePort } from '../../support/program.ts'
import { input } from '../guardrail/segments.ts'
import { fileOf } from './command-line.ts'

const KEY = '0123456789abcdef'

let one: CacheListener
let two: CacheListener
let cache: StateWatch
let opened: OpenedSnapshot | undefined
/** What was told of guardrails, as `w circuit-open`. */
let events: string[]
beforeEach(async () => {
  ;[one, two] = await Promise.all([startCacheListener(), startCacheListener()])
  cache = watchState()
  events = []
})
afterEach(async () => {
  await opened?.close()
  opened = undefined
  await Promise.all([one.close(), two.close()])
})

async function open(text: string): Promise<OpenedSnapshot> {
  opened = await openSnapshot({
    file: fileOf(text),
    env: {},
    report: (guardrail, event) => void events.push(`${guardrail} ${event}`),
    reportCache: cache.report,
  })
  return opened
}

/** Its cache's URL and its guardrail's key stand in files. */
async function openRotating(guardrail = 'url: "https://guard.example/"') {
  const url = fileOf(one.url)
  const apiKey = fileOf('first-key')
  const text = `
cache: { url: "$secret://file${url}", key: "${KEY}" }
guardrails: { w: { kind: webhook, dialect: generic, ${guardrail}, api_key: "$secret://file${apiKey}" } }
policies: [{ name: p, guardrails: [{ use: w }] }]
`
  return { opened: await open(text), url, apiKey }
}

async function reopened(from: OpenedSnapshot): Promise<Snapshot> {
  const next = await from.reopen()
  if (next === undefined) throw new Error('nothing had changed')
  return next.snapshot
}

/** The reason of its failure: no service is there. */
async function scan({ guardrails }: Snapshot): Promise<string> {
  const guardrail = guardrails.get('w')
  if (guardrail?.locality !== 'remote') throw new Error('no remote guardrail')
  const outcome = await runRemoteScan(guardrail, input('text'), new AbortController().signal, () => 0)
  return outcome.kind === 'failure' ? outcome.reason : outcome.kind
}

describe('a snapshot with other secrets', () => {
  it('goes on with the cache whose own have not changed, and that stays open when the old one is closed', async () => {
    const { opened: from, apiKey } = await openRotating()
    await cache.until('connected')
    writeFileSync(apiKey, 'second-key')
    const next = await reopened(from)
    await from.snapshot.close()
    await one.untilOpen(1)
    expect(one.came).toBe(1)
    await next.close()
    await one.untilOpen(0)
  })

  it('has a cache of its own where that has other ones; the old one closes with the old snapshot', async () => {
    const { opened: from, url } = await openRotating()
    await cache.until('connected')
    writeFileSync(url, two.url)
    await reopened(from)
    await cache.until('connected')
    await one.untilOpen(1)
    await from.snapshot.close()
    await one.untilOpen(0)
    await two.untilOpen(1)
    expect(cache.changes).toEqual(['connecting', 'connected', 'connecting', 'connected'])
  })

  it('is the one whose circuits are told', async () => {
    const port = await freePort()
    const breaker = 'retry: false, circuit_breaker: { scans: 1, failure_ratio: 0, open_ms: 60000 }'
    const { opened: from, apiKey } = await openRotating(`url: "http://127.0.0.1:${port}/", ${breaker}`)
    writeFileSync(apiKey, 'second-key')
    const next = await reopened(from)
    const circuits = () => events.filter(event => event.includes('circuit'))
    expect([await scan(from.snapshot), await scan(from.snapshot)]).toEqual(['unreachable', 'circuit-open'])
    expect(circuits()).toEqual([])
    // What it does is counted all the same.
    expect(events.filter(event => event.startsWith('w cache-'))).toHaveLength(2)
    expect([await scan(next), await scan(next)]).toEqual(['unreachable', 'circuit-open'])
    expect(circuits()).toEqual(['w circuit-open'])
  })

  it('leaves all as it was when it cannot be made', async () => {
    const { opened: from, url, apiKey } = await openRotating()
    await cache.until('connected')
    writeFileSync(url, two.url)
    writeFileSync(apiKey, 'a b')
    await expect(reopened(from)).rejects.toThrow(expect.objectContaining({ code: 'bad-config' }))
    expect(two.came).toBe(0)
    expect(cache.changes).toEqual(['connecting', 'connected'])
    await one.untilOpen(1)
  })
})

it('a reopening that is overtaken by the close comes to nothing', async () => {
  const { opened: from, url } = await openRotating()
  await cache.until('connected')
  writeFileSync(url, two.url)
  const reopening = from.reopen()
  await from.close()
  expect(await reopening).toBeUndefined()
  await one.untilOpen(0)
  expect(two.came).toBe(0)
  expect(cache.changes).toEqual(['connecting', 'connected'])
})

it('leaves no connection open when it breaks after one was begun', async () => {
  const text = `cache: { url: "${one.url}", key: "${KEY}" }\nguardrails: {}\npolicies: []`
  const reportCache = () => {
    throw new Error('whoever hears of it breaks')
  }
  await expect(openSnapshot({ file: fileOf(text), env: {}, reportCache })).rejects.toThrow('breaks')
  await expect.poll(() => one.came).toBe(1)
  await one.untilOpen(0)
})

it.each([
  ['a metadata address', 'redis://169.254.169.254', 'is a link-local, cloud metadata'],
  ['a public address without TLS', 'redis://192.0.2.1', 'is a public address without TLS: use rediss'],
])('a cache at %s is a problem, told beside all others', async (_, url, problem) => {
  const text = `
cache: { url: "${url}", key: "${KEY}" }
guardrails: { w: { kind: webhook, dialect: generic, url: "https://guard.example/", api_key: "a b" } }
policies: []`
  await expect(open(text)).rejects.toThrow(
    expect.objectContaining({
      problems: [
        { path: 'cache.url', message: expect.stringContaining(problem), line: 2 },
        { path: 'guardrails.w.api_key', message: expect.stringContaining('holds a space'), line: 3 },
      ],
    }),
  )
})

it('a cache at a public address without TLS is opened with leave, and warned of', async () => {
  const text = (more: string) => `cache: { ${more}key: "${KEY}" }\nguardrails: {}\npolicies: []`
  const { snapshot } = await open(text('url: "redis://192.0.2.1", allow_plaintext: true, '))
  await opened?.close()
  expect(snapshot.warnings).toContainEqual(expect.stringMatching(/^cache: allow_plaintext is true/))
  const { snapshot: other } = await open(text(`url: "${one.url}", `))
  expect(other.warnings).not.toContainEqual(expect.stringContaining('cache'))
})
