import { afterAll, beforeAll, expect } from 'vitest'
import { type Bootstrap, clusterOf, connectionManagerOf, setClusterAddress } from '../support/bootstrap.ts'
import { chatEvents, chatRequest, readChatStream } from '../support/chat.ts'
import { flagWordAsItGrows, policy, policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { STREAM_TYPE } from '../support/stream-events.ts'
import { type RunningWeir, startWeir } from '../support/weir.ts'
import { fault } from './fault.ts'
import { answerOf, chat } from './served-stack.ts'

/** Sees requests first and answers last; `stack.weir` is the other. */
let outer: RunningWeir
let stack: Stack
beforeAll(async () => {
  outer = await startWeir(policySet())
  stack = await startStack('full-duplex', { overrides: putBefore(outer.address) })
})
afterAll(async () => {
  await stack.stop()
  await outer.stop()
})

const putBefore =
  (address: string) =>
  (bootstrap: Bootstrap): void => {
    const cluster = structuredClone(clusterOf(bootstrap, 'weir'))
    Object.assign(cluster, { name: 'outer-weir' })
    Object.assign(cluster.load_assignment, { cluster_name: 'outer-weir' })
    setClusterAddress(cluster, address)
    bootstrap.static_resources.clusters.push(cluster)
    const filters = connectionManagerOf(bootstrap).http_filters
    const filter = structuredClone(filters[0]!)
    Object.assign(filter, { name: 'outer-weir' })
    Object.assign(filter.typed_config, { grpc_service: { envoy_grpc: { cluster_name: 'outer-weir' } } })
    filters.unshift(filter)
  }

/** Either denies its own word, in requests and in answers. */
function use(outerWord: string, innerWord: string): void {
  const denies = (word: string) => {
    const rules = [rule(flagWordAsItGrows(word))]
    return policySet(
      policy({ inputRules: rules, outputRules: rules, stream: { ...policy().stream, delivery: 'window' } }),
    )
  }
  outer.telemetry.clear()
  outer.policies = denies(outerWord)
  stack.use(denies(innerWord))
}

async function ask(question: string, ...answer: string[]) {
  stack.upstream.respond({ headers: STREAM_TYPE, chunks: chatEvents(...answer) })
  const seen = await answerOf(chat(stack.envoy, chatRequest(question, { stream: true })))
  expect([seen.status, seen.ended]).toEqual([200, 'complete'])
  return { text: seen.text, read: readChatStream(Buffer.from(seen.text)) }
}

fault(
  {
    fault: 'two Weirs stand in one chain, and both let an exchange pass',
    client: 'the answer, byte for byte',
    log: 'a `decision` of each for the request and for the answer',
    kept: 'every byte; both judged it',
  },
  async () => {
    use('alpha', 'beta')
    const { text } = await ask('hello', 'an ', 'answer')
    expect(text).toBe(chatEvents('an ', 'answer').join(''))
    for (const { telemetry } of [outer, stack.weir]) {
      expect(await telemetry.decided('request')).toMatchObject({ effective: 'released', because: 'clean' })
      expect(await telemetry.decided('response')).toMatchObject({ effective: 'released', because: 'clean' })
    }
  },
)

fault(
  {
    fault: 'two Weirs stand in one chain, and either denies',
    client: 'one refusal, with one end of the stream',
    log: 'a `decision` with `denied` of the one that denied',
    kept: 'the refusal of the one passes the other; the LLM is not asked where the request was denied',
  },
  async () => {
    const refused = { finish: 'content_filter', done: 1, roles: 1 }
    for (const [question, by] of [
      ['an alpha', outer],
      ['a beta', stack.weir],
    ] as const) {
      use('alpha', 'beta')
      const asked = stack.upstream.requests.length
      const { text, read } = await ask(question, 'an answer')
      expect(read).toMatchObject({ ...refused, text: 'Request blocked by policy' })
      expect(text).not.toContain('an answer')
      expect(stack.upstream.requests).toHaveLength(asked)
      expect(await by.telemetry.decided('request')).toMatchObject({ effective: 'denied' })
    }
    for (const [word, by] of [
      ['alpha', outer],
      ['beta', stack.weir],
    ] as const) {
      use('alpha', 'beta')
      const { read } = await ask('hello', `it is ${word.slice(0, 2)}`, word.slice(2))
      expect(read).toMatchObject(refused)
      expect(read.text).toContain('Response blocked by policy')
      expect(read.text).not.toContain(word.slice(0, 2))
      expect(await by.telemetry.decided('response')).toMatchObject({ effective: 'denied' })
    }
    for (const { telemetry } of [outer, stack.weir]) {
      expect([telemetry.faults, telemetry.refusals]).toEqual([[], []])
    }
  },
)
