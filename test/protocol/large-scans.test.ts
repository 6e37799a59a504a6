import { status as GrpcStatus } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LocalGuardrail } from '../../src/guardrail/guardrail.ts'
import { localPii } from '../../src/guardrail/local-pii/local-pii.ts'
import { regex } from '../../src/guardrail/regex/regex.ts'
import { CHAT_HEADERS, chatCompletion, chatRequest, JSON_ANSWER } from '../support/chat.ts'
import { policy, policySet, rule } from '../support/policies.ts'
import { connectProcessor, type ProcessorCall, type ProcessorClient } from '../support/processor-client.ts'
import { type RunningWeir, startWeir } from '../support/weir.ts'

const MIB = 1_048_576
/** What costs a local guardrail most: it takes seconds. */
const LARGE = '4111 1111 1111 1112 '.repeat((4 * MIB) / 20)

const pii = localPii.create('pii', localPii.configSchema.parse({ kind: 'local-pii' }))
/** To look for it in so much text takes minutes. */
const endless = regex.create(
  'endless',
  regex.configSchema.parse({ kind: 'regex', patterns: [{ name: 'e', pattern: '(1?){200}1{200}' }] }),
)

const headersMessage = (side: 'request' | 'response', headers: Record<string, string>) => ({
  [`${side}_headers`]: {
    headers: {
      headers: Object.entries(headers).map(([key, value]) => ({ key, raw_value: Buffer.from(value) })),
    },
  },
  protocol_config: { request_body_mode: 'BUFFERED', response_body_mode: 'BUFFERED' },
})
const bodyMessage = (side: 'request' | 'response', body: string) => ({
  [`${side}_body`]: { body: Buffer.from(body), end_of_stream: true },
})

/** A guardrail that tells when it begins to judge what is large, and how often it was shown a piece of it. */
function watched(guardrail: LocalGuardrail) {
  const begun = Promise.withResolvers<void>()
  const watch = { begun: begun.promise, pieces: 0 }
  const isLarge = (texts: readonly { text: string }[]): boolean => texts.some(({ text }) => text.length > MIB)
  const note = <Args extends readonly unknown[], Result>(work: (...args: Args) => Result) => {
    return (...args: Args): Result => {
      watch.pieces += 1
      begun.resolve()
      return work(...args)
    }
  }
  const { openScan, scanApart } = guardrail
  const noting: LocalGuardrail = {
    ...guardrail,
    scan: subject => (isLarge(subject.segments) ? note(guardrail.scan)(subject) : guardrail.scan(subject)),
    ...(openScan && {
      openScan: text => {
        const { push, end } = openScan(text)
        return { push: note(push), end }
      },
    }),
    ...(scanApart && { scanApart: note(scanApart) }),
  }
  return {
    ...watch,
    guardrail: noting,
    get pieces() {
      return watch.pieces
    },
  }
}

let weir: RunningWeir
let client: ProcessorClient
beforeEach(async () => {
  weir = await startWeir(policySet(policy()))
  client = connectProcessor(weir.address, { 'grpc.max_receive_message_length': -1 })
})
afterEach(async () => {
  client.close()
  await weir.stop()
})

/** A call whose request body is on its way. */
async function ask(content: string): Promise<ProcessorCall> {
  const call = client.process()
  call.send(headersMessage('request', CHAT_HEADERS))
  expect(await call.reply()).toMatchObject({ response: 'request_headers' })
  call.send(bodyMessage('request', chatRequest(content)))
  return call
}

describe.each([
  ['in slices', pii],
  ['on another thread', endless],
] as const)('a body that takes seconds, judged %s', (_, guardrail) => {
  test('holds up no other exchange', async () => {
    const watch = watched(guardrail)
    weir.policies = policySet(policy({ inputRules: [rule(watch.guardrail)] }))
    const large = await ask(LARGE)
    const largeEnded = large.status.then(() => 'large')
    await watch.begun
    const small = await ask('hello')
    expect(await Promise.race([largeEnded, small.reply()])).toMatchObject({ response: 'request_body' })
    expect(await small.status).toMatchObject({ code: GrpcStatus.OK })
    expect(weir.service.openCalls).toBe(1)
    large.cancel()
    await weir.telemetry.until(() => weir.telemetry.ends.length === 2)
  })

  test('is judged no further once its client is gone', async () => {
    const watch = watched(guardrail)
    weir.policies = policySet(policy({ inputRules: [rule(watch.guardrail)] }))
    const large = await ask(LARGE)
    await watch.begun
    large.cancel()
    await weir.telemetry.until(() => weir.telemetry.ends.length === 1)
    const { pieces } = watch
    // As many turns as another exchange takes.
    const small = await ask('hello')
    expect(await small.reply()).toMatchObject({ response: 'request_body' })
    expect(watch.pieces).toBe(pieces)
    expect(weir.telemetry.records[0]).toMatchObject({ phase: 'request', effective: 'discarded' })
    expect(weir.telemetry.faults).toEqual([])
  })

  test('is ended at the drain deadline, never OK', async () => {
    const watch = watched(guardrail)
    weir.policies = policySet(policy({ inputRules: [rule(watch.guardrail)] }))
    const large = await ask(LARGE)
    await watch.begun
    await weir.service.drain(0)
    expect(await large.status).toMatchObject({ code: GrpcStatus.UNAVAILABLE })
    expect(weir.telemetry.ends).toEqual(['drained'])
  })
})

describe('a large body', () => {
  test('has the verdict that it has as a whole, and the drain waits for it', async () => {
    const watch = watched(pii)
    weir.policies = policySet(policy({ inputRules: [rule(watch.guardrail)] }))
    const large = await ask(`${LARGE.slice(0, MIB)} 4111 1111 1111 1111 x`)
    await watch.begun
    const drained = weir.service.drain(60_000)
    expect(await large.reply()).toMatchObject({ response: 'immediate_response' })
    await drained
    expect(weir.telemetry.records).toMatchObject([{ effective: 'denied', because: 'flagged' }])
  })

  test('that only a shadow looks at is passed at once, and the drain waits for the verdict', async () => {
    const watch = watched(pii)
    weir.policies = policySet(policy({ outputRules: [rule(watch.guardrail, 'alert', 'fail-open')] }))
    const call = await ask('hello')
    await call.reply()
    call.send(headersMessage('response', JSON_ANSWER))
    await call.reply()
    call.send(bodyMessage('response', chatCompletion(`${LARGE.slice(0, MIB)} 4111 1111 1111 1111 x`)))
    expect(await call.reply()).toMatchObject({ response: 'response_body' })
    call.halfClose()
    expect(await call.status).toMatchObject({ code: GrpcStatus.OK })
    expect(weir.telemetry.records).toEqual([])
    await weir.service.drain(60_000)
    expect(weir.telemetry.records).toMatchObject([
      { phase: 'response', effective: 'released', because: 'alerted' },
    ])
  })

  test('that only a shadow looks at is looked at no further from the drain deadline on', async () => {
    const watch = watched(endless)
    weir.policies = policySet(policy({ outputRules: [rule(watch.guardrail, 'alert', 'fail-open')] }))
    const call = await ask('hello')
    await call.reply()
    call.send(headersMessage('response', JSON_ANSWER))
    await call.reply()
    call.send(bodyMessage('response', chatCompletion(LARGE)))
    await call.reply()
    call.halfClose()
    await watch.begun
    await weir.service.drain(0)
    expect(weir.telemetry.records).toMatchObject([
      { phase: 'response', effective: 'released', because: 'failed-open' },
    ])
  })
})
