import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FLAG_MARKER, type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import { fileOf, weir } from '../unit/cli/command-line.ts'

const KEY = 'lakera-key-0123456789'
let lakera: LakeraStub
let config: string
beforeEach(async () => {
  lakera = await startLakeraStub({ apiKey: KEY })
  config = fileOf(`
guardrails: { lakera: { kind: lakera, api_key: $env://LAKERA_API_KEY, project_id: p, lakera_endpoint: "${lakera.url}", retry: false } }
policies: [{ name: chat, guardrails: [{ use: lakera, direction: both }] }]
`)
})
afterEach(() => lakera.close())

const CASES = `cases:
  - name: clean
    modes: [full-duplex, streamed]
    request: { json: { model: m, stream: true, messages: [{ role: user, content: hello Bob }] } }
    response: { says: fine }
    expect: { request: released, response: released, asked: [lakera] }
  - name: flagged
    request: { json: { model: m, messages: [{ role: user, content: "${FLAG_MARKER}" }] } }
    expect: { request: { effective: denied, because: flagged, detectors: [prompt_attack] } }
`

const run = (cases: string, services: string, ...options: string[]) =>
  weir(['test', cases, '--config', config, '--services', services, ...options], {
    env: services === 'recorded' ? {} : { LAKERA_API_KEY: KEY },
  })

describe('a recording', () => {
  it('needs no service and no key from then on, and holds neither a text nor the key', async () => {
    const cases = fileOf(CASES)
    const first = await run(cases, 'record')
    expect(first).toMatchObject({ code: 0, out: expect.stringContaining('3 passed, 0 failed') })
    const asked = lakera.requests.length
    expect(asked).toBeGreaterThan(2)
    await lakera.close()
    const again = await run(cases, 'recorded')
    expect(again).toEqual(first)
    expect(lakera.requests.length).toBe(asked)
    const recording = readFileSync(`${cases}.recorded.json`, 'utf8')
    for (const word of ['hello', 'Bob', 'fine', FLAG_MARKER, KEY]) expect(recording).not.toContain(word)
    expect(recording).toContain('prompt_attack')
  })

  it('is the same when it is made again', async () => {
    const cases = fileOf(CASES)
    await run(cases, 'record')
    const first = readFileSync(`${cases}.recorded.json`, 'utf8')
    await run(cases, 'record')
    expect(readFileSync(`${cases}.recorded.json`, 'utf8')).toBe(first)
  })

  it('does not answer for a text that was not asked about', async () => {
    const cases = fileOf(CASES)
    await run(cases, 'record')
    writeFileSync(cases, CASES.replace('hello Bob', 'hello Eve'))
    const { code, out } = await run(cases, 'recorded')
    expect(code).toBe(1)
    expect(out).toContain('lakera was asked, and nothing says what it answers')
    expect(out).toContain('✓ flagged')
  })

  it('keeps what other cases were answered when some are recorded, and forgets it when all are', async () => {
    const cases = fileOf(CASES)
    await run(cases, 'record')
    await run(cases, 'record', '--only', 'clean')
    expect((await run(cases, 'recorded')).code).toBe(0)
    writeFileSync(cases, CASES.slice(0, CASES.indexOf('  - name: flagged')))
    await run(cases, 'record')
    expect(readFileSync(`${cases}.recorded.json`, 'utf8')).not.toContain('prompt_attack')
  })

  it('holds verdicts only: a service that fails fails the case', async () => {
    const cases = fileOf(CASES)
    lakera.failAlways({ kind: 'status', status: 500 })
    const { code, out } = await run(cases, 'record', '--only', 'flagged')
    expect(code).toBe(1)
    expect(out).toContain('lakera failed (bad-response): nothing to record')
    lakera.failAlways(undefined)
    expect((await run(cases, 'recorded', '--only', 'flagged')).code).toBe(1)
  })

  it('is not written where services are live', async () => {
    const cases = fileOf(CASES)
    expect((await run(cases, 'live')).code).toBe(0)
    expect(existsSync(`${cases}.recorded.json`)).toBe(false)
  })

  it('that does not hold is told', async () => {
    const cases = fileOf(CASES)
    writeFileSync(`${cases}.recorded.json`, '{"version":2}')
    const { code, err } = await run(cases, 'recorded')
    expect(code).toBe(2)
    expect(err).toContain('the recording does not hold: record it again')
  })
})
