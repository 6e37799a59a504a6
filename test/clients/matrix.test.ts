import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatNamed } from '../../src/llm/formats.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { flagWord, flagWordAsItGrows, policy, policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { openTcpTap, type TcpTap } from '../support/tcp-tap.ts'
import type { ClientDriver, RawAnswer, Shown } from './driver.ts'
import { DRIVERS } from './drivers.ts'

/** Every client of every API × what a guard may say. The table of it is printed at the end. */
const CASES = [
  'allowed',
  'live',
  'denied input',
  'denied output',
  'denied in its middle',
  'heartbeats',
  'guard down',
] as const
const TOKENS = ['All ', 'is ', 'well', '.']
const REQUEST_REFUSAL = 'Request blocked by policy'
const RESPONSE_REFUSAL = 'Response blocked by policy'

/** A guardrail that cannot answer, as one whose service is down. */
const down = {
  name: 'down',
  locality: 'local' as const,
  scan(): never {
    throw new Error('down')
  },
}
const guarded: Partial<Policy> = {
  inputRules: [rule(flagWord('attack'))],
  outputRules: [rule(flagWordAsItGrows('secret'))],
}

const passed = new Map<string, Set<string>>()
function tick(driver: ClientDriver, what: (typeof CASES)[number]): void {
  passed.set(driver.name, (passed.get(driver.name) ?? new Set()).add(what))
}

afterAll(() => {
  const width = Math.max(...DRIVERS.map(({ name }) => name.length))
  const rows = DRIVERS.map(({ name, format }) => {
    const marks = CASES.map(what => (passed.get(name)?.has(what) ? 'ok' : '-').padEnd(what.length))
    return `${format.padEnd(28)} ${name.padEnd(width)}  ${marks.join('  ')}`
  })
  console.log([`${'format'.padEnd(28)} ${'client'.padEnd(width)}  ${CASES.join('  ')}`, ...rows].join('\n'))
})

describe.each(ENVOY_MODES)('official clients, Envoy in %s', mode => {
  let stack: Stack
  let tap: TcpTap
  beforeAll(async () => {
    stack = await startStack(mode)
    tap = await openTcpTap(new URL(stack.envoy.address).host)
  })
  afterAll(async () => {
    await tap.close()
    await stack.stop()
  })

  const use = (overrides: Partial<Policy>): void => stack.use(policySet(policy(overrides)))
  const answerWith = ({ contentType, chunks }: RawAnswer): void =>
    stack.upstream.respond({ headers: { 'content-type': contentType }, chunks })
  const ask = (driver: ClientDriver, content: string): Promise<Shown> =>
    driver.ask(stack.envoy.address, content)

  function expectDenied(driver: ClientDriver, shown: Shown, refusal: string): void {
    const { denied } = driver
    if (denied.kind === 'error') expect(shown).toMatchObject({ kind: 'error', status: denied.status })
    else expect(shown).toEqual({ kind: 'answer', text: refusal, finish: denied.finish })
    expect(stack.weir.telemetry.records.at(-1)).toMatchObject({ format: driver.format, effective: 'denied' })
  }

  describe.each(DRIVERS.map(driver => [driver.name, driver] as const))('%s', (_, driver) => {
    test('allowed: shows what it shows without us, and every byte arrives', async () => {
      use(guarded)
      const answer = driver.answer(TOKENS)
      answerWith(answer)
      const direct = await driver.ask(`http://${stack.upstream.address}`, 'hello')
      expect(direct.kind).toBe('answer')
      expect(await ask(driver, 'hello')).toEqual(direct)
      const { path, headers, body } = driver.request('hello')
      const response = await fetch(`${stack.envoy.address}${path}`, { method: 'POST', headers, body })
      const bytes = Buffer.from(await response.arrayBuffer())
      expect(bytes.equals(Buffer.concat(answer.chunks.map(chunk => Buffer.from(chunk))))).toBe(true)
      expect(stack.upstream.requests.at(-1)?.body.equals(Buffer.from(body))).toBe(true)
      if (!driver.opaque) await stack.weir.telemetry.decided('response')
      for (const record of stack.weir.telemetry.records) {
        expect(record).toMatchObject({ format: driver.format, effective: 'released', because: 'clean' })
      }
      tick(driver, 'allowed')
    })

    test('live: an alert changes nothing', async () => {
      use({ outputRules: [rule(flagWord('secret'), 'alert', 'fail-open')] })
      const answer = driver.answer(['a ', 'secret'])
      answerWith(answer)
      const direct = await driver.ask(`http://${stack.upstream.address}`, 'hello')
      expect(await ask(driver, 'hello')).toEqual(direct)
      if (driver.opaque) return tick(driver, 'live')
      const because = driver.denied.kind === 'answer' ? 'alerted' : 'clean'
      expect(await stack.weir.telemetry.decided('response')).toMatchObject({ delivery: 'live', because })
      tick(driver, 'live')
    })

    test('denied on input', async () => {
      use(guarded)
      answerWith(driver.answer(TOKENS))
      const before = stack.upstream.requests.length
      expectDenied(driver, await ask(driver, 'an attack'), REQUEST_REFUSAL)
      if (mode !== 'streamed') expect(stack.upstream.requests.length).toBe(before)
      tick(driver, 'denied input')
    })

    test('guard down: denied when closed, allowed when open', async () => {
      answerWith(driver.answer(TOKENS))
      use({ inputRules: [rule(down)] })
      expectDenied(driver, await ask(driver, 'hello'), REQUEST_REFUSAL)
      const open = rule(down, 'block', 'fail-open')
      use({ inputRules: [open], outputRules: [open] })
      expect(await ask(driver, 'hello')).toEqual(
        await driver.ask(`http://${stack.upstream.address}`, 'hello'),
      )
      if (driver.denied.kind === 'answer') {
        use({ outputRules: [rule(down)] })
        expectDenied(driver, await ask(driver, 'hello'), RESPONSE_REFUSAL)
      }
      tick(driver, 'guard down')
    })

    if (driver.denied.kind === 'error') return
    const { denied } = driver

    test('denied on output', async () => {
      use(guarded)
      answerWith(driver.answer(['a ', 'secret', ' of ', 'ours']))
      expectDenied(driver, await ask(driver, 'hello'), RESPONSE_REFUSAL)
      tick(driver, 'denied output')
    })

    if (!driver.streams || mode !== 'full-duplex') return

    if (formatNamed(driver.format)?.heartbeat !== undefined) {
      test('heartbeats, also before the first event, are not shown', async () => {
        use({ ...guarded, stream: { ...policy().stream, heartbeatMs: 10 } })
        const answer = driver.answer(TOKENS)
        const { telemetry } = stack.weir
        stack.upstream.respond(async (request, reply) => {
          await request.complete
          reply.head(200, { 'content-type': answer.contentType })
          for (const chunk of answer.chunks) {
            const before = telemetry.counts.length
            await reply.send(chunk)
            if (chunk !== answer.chunks.at(-1)) await telemetry.until(() => telemetry.counts.length > before)
          }
          reply.end()
        })
        const shown = await ask(driver, 'hello')
        answerWith(answer)
        expect(shown).toEqual(await driver.ask(`http://${stack.upstream.address}`, 'hello'))
        tick(driver, 'heartbeats')
      })
    }

    test('denied in the middle of a stream', async () => {
      // Headers leave with the first text that is released, so that the first byte back tells that it was.
      const stream = {
        ...policy().stream,
        delivery: 'window' as const,
        headers: 'on_first_release' as const,
      }
      use({ ...guarded, stream })
      const { contentType, chunks } = driver.answer(['fine ', 'words ', 'a secret', ' of ours'])
      const spoken = driver.answer(['fine ', 'words '])
      const out = chunks.findIndex((chunk, index) => !same(chunk, spoken.chunks[index]))
      tap.reset()
      stack.upstream.respond(async (request, reply) => {
        await request.complete
        reply.head(200, { 'content-type': contentType })
        for (const chunk of chunks.slice(0, out)) await reply.send(chunk)
        await tap.answered
        for (const chunk of chunks.slice(out)) await reply.send(chunk)
        reply.end()
      })
      expect(await driver.ask(tap.origin, 'hello')).toEqual({
        kind: 'answer',
        text: `fine words ${denied.separator}${RESPONSE_REFUSAL}`,
        finish: denied.finish,
      })
      tick(driver, 'denied in its middle')
    })
  })
})

function same(a: string | Uint8Array, b: string | Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.from(a).equals(Buffer.from(b))
}
