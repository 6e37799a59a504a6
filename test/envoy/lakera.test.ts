import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Snapshot } from '../../src/config/snapshot.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest, readChatStream } from '../support/chat.ts'
import { snapshotOf } from '../support/config.ts'
import {
  FLAG_MARKER,
  flaggedNull,
  garbage,
  type LakeraStub,
  type LakeraStubFault,
  startLakeraStub,
} from '../support/lakera-stub.ts'
import { type Stack, startStack } from '../support/stack.ts'

const KEY = 'lakera-key-canary-8d1f'
const faults: Record<string, LakeraStubFault | undefined> = {
  clean: undefined,
  flagged: undefined,
  error: { kind: 'status', status: 500 },
  timeout: { kind: 'hang' },
  garbage,
  'flagged null': flaggedNull,
}
type Outcome = 'clean' | 'flagged' | 'error' | 'timeout' | 'garbage' | 'flagged null'

/** The truth table: what passes. */
function passes(outcome: Outcome, action: string, failOpen: boolean): boolean {
  if (outcome === 'clean') return true
  return outcome === 'flagged' ? action === 'alert' : failOpen
}

const OUTCOMES: Outcome[] = ['clean', 'flagged', 'error', 'timeout', 'garbage', 'flagged null']
const cases = OUTCOMES.flatMap(outcome =>
  ['block', 'alert'].flatMap(action =>
    [false, true].map(failOpen => ({
      outcome,
      action,
      failOpen,
      verdict: passes(outcome, action, failOpen) ? 'passes' : 'is denied',
    })),
  ),
)

describe.each(ENVOY_MODES)('Lakera behind a real Envoy in %s', mode => {
  let stack: Stack
  let lakera: LakeraStub
  let snapshot: Snapshot | undefined
  beforeAll(async () => {
    stack = await startStack(mode)
    lakera = await startLakeraStub({ apiKey: KEY, projects: ['project-1'] })
  })
  afterEach(async () => {
    await snapshot?.close()
    snapshot = undefined
  })
  afterAll(async () => {
    await stack.stop()
    await lakera.close()
  })

  function use(rule: string, timeout = 5000, delivery = 'withhold'): void {
    snapshot = snapshotOf(
      `
guardrails:
  lakera: { kind: lakera, api_key: $env://KEY, lakera_endpoint: "${lakera.url}", project_id: project-1, timeout: ${timeout} }
policies: [{ name: chat, guardrails: [{ use: lakera, ${rule} }], stream: { delivery: ${delivery} } }]
`,
      { KEY },
    )
    stack.use(snapshot.policySet)
  }

  const answerWith = (text: string): void => {
    stack.upstream.respond(async (request, reply) => {
      const asked: { stream?: boolean } = JSON.parse((await request.complete).toString())
      reply.head(200, { 'content-type': asked.stream ? 'text/event-stream' : 'application/json' })
      for (const chunk of asked.stream ? chatEvents(text) : [chatCompletion(text)]) await reply.send(chunk)
      reply.end()
    })
  }

  async function ask(content: string, stream: boolean): Promise<string> {
    const bytes = Buffer.from(await (await stack.chat(chatRequest(content, { stream }))).arrayBuffer())
    if (stream) return readChatStream(bytes).text
    return JSON.parse(bytes.toString()).choices[0].message.content
  }

  describe.each(cases)('$outcome, action $action, fail_open $failOpen: $verdict', one => {
    const { outcome, action, failOpen } = one
    const expected = passes(outcome, action, failOpen)
    const rule = `action: ${action}, fail_open: ${failOpen}`
    const timeout = outcome === 'timeout' ? 50 : 5000
    const text = outcome === 'flagged' ? `so ${FLAG_MARKER} it is` : 'all fine'

    test.each([false, true])('a request (stream: %s)', async stream => {
      use(`direction: input, ${rule}`, timeout)
      lakera.failAlways(faults[outcome])
      answerWith('an answer')
      expect(await ask(text, stream)).toBe(expected ? 'an answer' : 'Request blocked by policy')
      expect((await stack.weir.telemetry.decided('request')).effective).toBe(expected ? 'released' : 'denied')
    })

    test.each([
      [false, 'withhold'],
      [true, 'withhold'],
      [true, 'window'],
    ] as const)('a response (stream: %s, delivery %s)', async (stream, delivery) => {
      use(`direction: output, ${rule}`, timeout, delivery)
      lakera.failAlways(faults[outcome])
      answerWith(text)
      expect(await ask('hello', stream)).toBe(expected ? text : 'Response blocked by policy')
      const record = await stack.weir.telemetry.decided('response')
      expect(record.effective).toBe(expected ? 'released' : 'denied')
      const live = action === 'alert' && failOpen
      expect(record.delivery).toBe(live ? 'live' : stream ? delivery : 'body')
    })
  })

  test('is asked for the whole conversation, roles kept, and on output for the assistant alone', async () => {
    use('direction: both')
    lakera.failAlways(undefined)
    answerWith('all fine')
    const before = lakera.requests.length
    const messages = [
      { role: 'system', content: 'be kind' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'look' },
          { type: 'image_url', image_url: { url: 'data:,' } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: '1', type: 'function', function: { name: 'f', arguments: '{"a":"b"}' } }],
      },
      { role: 'tool', tool_call_id: '1', content: 'the result' },
    ]
    const response = await stack.chat(JSON.stringify({ model: 'm', messages }))
    expect(response.status).toBe(200)
    await response.text()
    const [input, output] = lakera.requests.slice(before)
    expect(input?.messages).toEqual([
      { role: 'system', content: 'be kind' },
      { role: 'user', content: 'look' },
      { role: 'assistant', content: '{"a":"b"}' },
      { role: 'tool', content: 'the result' },
    ])
    expect(output?.messages).toEqual([{ role: 'assistant', content: 'all fine' }])
    expect(stack.weir.telemetry.counts).toContain('uninspectable')
  })

  test('names its detectors and its id of the check in the record', async () => {
    use('direction: input')
    await ask(FLAG_MARKER, false)
    const record = await stack.weir.telemetry.decided('request')
    expect(record.rules).toMatchObject([
      {
        guardrail: 'lakera',
        outcome: 'flagged',
        detectors: ['prompt_attack'],
        guardRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      },
    ])
    expect(JSON.stringify(record)).not.toContain(FLAG_MARKER)
  })

  test('is not asked any more when the client has gone', async () => {
    use('direction: input')
    lakera.failAlways({ kind: 'hang' })
    const abort = new AbortController()
    const before = lakera.requests.length
    const pending = stack.chat(chatRequest('hello'), { signal: abort.signal }).catch(() => undefined)
    await lakera.waitForRequests(before + 1)
    abort.abort()
    await pending
    expect(await stack.weir.telemetry.decided('request')).toMatchObject({
      effective: 'discarded',
      because: 'cancelled',
    })
  })
})
