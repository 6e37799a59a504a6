import { afterAll, beforeAll, expect } from 'vitest'
import type { LocalGuardrail } from '../../src/guardrail/guardrail.ts'
import type { Rule } from '../../src/policy/policy.ts'
import { chatEvents, chatRequest, readChatStream } from '../support/chat.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { STREAM_TYPE } from '../support/stream-events.ts'
import { gate } from '../support/upstream.ts'
import { fault } from './fault.ts'
import { answerOf, chat, type Seen, UNCHECKED } from './served-stack.ts'

const OTHERS = 99
const SENT = chatEvents('an ', 'answer')

let stack: Stack
beforeAll(async () => {
  stack = await startStack('full-duplex')
})
afterAll(() => stack.stop())

/** Flags or throws at the one request that says so. */
const isTheOne = (text: string): boolean => text.includes('the one')

/**
 * A hundred streams at once, of which one is asked for by what makes the rule throw. It comes when all others are half
 * way, and they go on after it is over.
 */
async function amongOthers(bad: Rule): Promise<Seen> {
  stack.use(policySet(policy({ inputRules: [bad], outputRules: [rule(flagWord('secret'))] })))
  const rest = gate()
  const [first, ...others] = SENT
  stack.upstream.respond({ headers: STREAM_TYPE, chunks: [first!, rest, ...others] })
  const asked = stack.upstream.requests.length
  const clients = Array.from({ length: OTHERS }, () =>
    chat(stack.envoy, chatRequest('another', { stream: true })),
  )
  await Promise.all(clients.map(client => client.head))
  const one = await answerOf(chat(stack.envoy, chatRequest('the one', { stream: true })))
  rest.open()
  const whole = { status: 200, text: SENT.join(''), ended: 'complete' }
  expect(await Promise.all(clients.map(answerOf))).toEqual(Array(OTHERS).fill(whole))
  expect(stack.upstream.requests).toHaveLength(asked + OTHERS)
  const { telemetry } = stack.weir
  await telemetry.until(() => telemetry.ends.length === OTHERS + 1)
  const released = telemetry.records.filter(
    ({ effective, phase }) => phase === 'response' && effective === 'released',
  )
  expect(released).toHaveLength(OTHERS)
  expect(telemetry.faults).toHaveLength(1)
  expect(telemetry.heldBytes).toBe(0)
  return one
}

fault(
  {
    fault: 'a guardrail throws in one exchange of a hundred',
    client: 'that one: the refusal; the 99 others: their answers',
    log: '`fault` with the stack; `decision` with `denied`, `failed-closed`; `weir_faults_total`',
    kept: 'the request does not reach the LLM; the process lives',
  },
  async () => {
    const thrower: LocalGuardrail = {
      name: 'thrower',
      locality: 'local',
      scan({ segments }) {
        if (segments.some(({ text }) => isTheOne(text))) throw new Error('a bug of a guardrail')
        return { kind: 'clean' }
      },
    }
    const { status, text, ended } = await amongOthers(rule(thrower))
    expect([status, ended]).toEqual([200, 'complete'])
    expect(readChatStream(Buffer.from(text))).toMatchObject({ finish: 'content_filter', done: 1 })
    expect(stack.weir.telemetry.ends).not.toContain('failed')
  },
)

fault(
  {
    fault: 'Weir itself throws in one exchange of a hundred',
    client: 'that one: 503 with an API error; the 99 others: their answers',
    log: '`fault` with the stack and the exchange; `decision` with `discarded`; `weir_exchanges_total{end="failed"}`',
    kept: 'that call ends as INTERNAL, never OK; the process lives',
  },
  async () => {
    // The exchange reads the action of what was just flagged in the midst of its step.
    let flagged: 'just-now' | undefined
    const bug: Rule = {
      guardrail: {
        name: 'flags-the-one',
        locality: 'local',
        scan({ segments }) {
          if (!segments.some(({ text }) => isTheOne(text))) return { kind: 'clean' }
          flagged = 'just-now'
          return { kind: 'flagged', findings: [{ detector: 'test/word' }] }
        },
      },
      failOpen: false,
      get action(): Rule['action'] {
        if (flagged === undefined) return 'block'
        flagged = undefined
        throw new Error('a bug of Weir')
      },
    }
    expect(await amongOthers(bug)).toEqual(UNCHECKED)
    const { ends, records } = stack.weir.telemetry
    expect(ends.filter(end => end === 'failed')).toHaveLength(1)
    expect(records).toContainEqual(
      expect.objectContaining({
        phase: 'request',
        effective: 'discarded',
        because: 'cancelled',
        bytesReleased: 0,
      }),
    )
  },
)
