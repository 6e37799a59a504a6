import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Snapshot } from '../../src/config/snapshot.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest, readChatStream } from '../support/chat.ts'
import { snapshotOf } from '../support/config.ts'
import {
  CARD_MARKER,
  FLAG_MARKER,
  type LakeraStub,
  PII_MARKER,
  PROFANITY_MARKER,
  startLakeraStub,
} from '../support/lakera-stub.ts'
import { type Stack, startStack } from '../support/stack.ts'

const KEY = 'lakera-key-canary-51c0'
const DELIVERIES = ['withhold', 'window'] as const
const REFUSED = 'Response blocked by policy'

describe.each(ENVOY_MODES)('Lakera and action redact, Envoy in %s', mode => {
  let stack: Stack
  let lakera: LakeraStub
  let snapshot: Snapshot | undefined
  beforeAll(async () => {
    stack = await startStack(mode)
    lakera = await startLakeraStub({ apiKey: KEY })
  })
  afterEach(async () => {
    lakera.offsets = 'code-points'
    await snapshot?.close()
    snapshot = undefined
  })
  afterAll(async () => {
    await stack.stop()
    await lakera.close()
  })

  interface Given {
    readonly delivery?: (typeof DELIVERIES)[number]
    readonly more?: string
  }

  function use(
    direction: 'input' | 'output' | 'both',
    { delivery = 'withhold', more = '' }: Given = {},
  ): void {
    snapshot = snapshotOf(
      `
guardrails: { lakera: { kind: lakera, api_key: $env://KEY, lakera_endpoint: "${lakera.url}"${more} } }
policies: [{ name: chat, guardrails: [{ use: lakera, direction: ${direction}, action: redact }], stream: { delivery: ${delivery}, window: { first_chars: 4 } } }]
`,
      { KEY },
    )
    stack.use(snapshot.policySet)
  }

  function answerWith(...tokens: readonly string[]): void {
    stack.upstream.respond(async (request, reply) => {
      const asked: { stream?: boolean } = JSON.parse((await request.complete).toString())
      reply.head(200, { 'content-type': asked.stream ? 'text/event-stream' : 'application/json' })
      const chunks = asked.stream ? chatEvents(...tokens) : [chatCompletion(tokens.join(''))]
      for (const chunk of chunks) await reply.send(chunk)
      reply.end()
    })
  }

  async function streamed(): Promise<Buffer> {
    const response = await stack.chat(chatRequest('who?', { stream: true }))
    return Buffer.from(await response.arrayBuffer())
  }

  test.each(['code-points', 'utf-16', 'inclusive', 'shifted'] as const)(
    'of a request, offsets that are %s: the upstream gets the placeholders and every other byte',
    async offsets => {
      lakera.offsets = offsets
      use('input')
      answerWith('fine')
      const body = (mail: string, card: string): string =>
        `{ "model":"gpt-test",  "messages":[{"role":"system","content":"\\u00e9 😀"},\n{"role":"user","content":"😀👩‍👧 mail ${mail}, pay ${card} \\n"}],"x":1.50}`
      const response = await stack.chat(body(PII_MARKER, CARD_MARKER))
      expect(await response.text()).toBe(chatCompletion('fine'))
      const got = (await stack.upstream.requests.at(-1)!.complete).toString()
      expect(got).toBe(body('<EMAIL>', '<CREDIT_CARD>'))
      expect(await stack.weir.telemetry.decided('request')).toMatchObject({ effective: 'redacted' })
      const records = JSON.stringify(stack.weir.telemetry.records)
      for (const text of [PII_MARKER, CARD_MARKER]) expect(records).not.toContain(text)
    },
  )

  test('of a request that is too long for one of Lakera’s', async () => {
    use('input', { more: ', max_chars: 1000' })
    answerWith('fine')
    const [before, sent] = [lakera.requests.length, 'A sentence of no interest. '.repeat(100)]
    const response = await stack.chat(chatRequest(`${PII_MARKER} ${sent} ${PII_MARKER}`))
    expect(await response.text()).toBe(chatCompletion('fine'))
    expect(lakera.requests.length - before).toBeGreaterThan(2)
    const got = (await stack.upstream.requests.at(-1)!.complete).toString()
    expect(got).toBe(chatRequest(`<EMAIL> ${sent} <EMAIL>`))
  })

  test('of a JSON answer: the text changes, and nothing else', async () => {
    use('output')
    answerWith(`😀 it is ${PII_MARKER}.`)
    expect(await (await stack.chat(chatRequest('who?'))).text()).toBe(chatCompletion('😀 it is <EMAIL>.'))
  })

  test.each(DELIVERIES)(
    'of a stream, delivery %s: across tokens, every other event as it came',
    async delivery => {
      use('output', { delivery })
      const tokens = ['😀 it is ', 'PII', '-M', 'E', ', she says. ', 'Bye']
      answerWith(...tokens)
      const bytes = await streamed()
      expect(readChatStream(bytes)).toMatchObject({ text: '😀 it is <EMAIL>, she says. Bye', done: 1 })
      const sent = chatEvents(...tokens)
      const events = bytes.toString().split(/(?<=\n\n)/)
      const comments = events.filter(event => event.startsWith(':'))
      expect(events.length - comments.length).toBe(sent.length)
      const changed = events.filter(event => !event.startsWith(':')).filter((event, at) => event !== sent[at])
      expect(changed).toHaveLength(3)
      expect(await stack.weir.telemetry.decided('response')).toMatchObject({ effective: 'redacted' })
    },
  )

  describe.each([
    ['personal data beside a prompt attack', `${PII_MARKER} and ${FLAG_MARKER}`, 'code-points'],
    ['personal data beside profanity', `${PROFANITY_MARKER}, ${PII_MARKER}`, 'code-points'],
    ['personal data that cannot be found again', `it is ${PII_MARKER}`, 'unmatched'],
  ] as const)('%s is denied', (_, text, offsets) => {
    test('in a request', async () => {
      lakera.offsets = offsets
      use('input')
      const before = stack.upstream.requests.length
      const response = await stack.chat(chatRequest(text))
      expect(await response.json()).toMatchObject({
        choices: [{ message: { content: 'Request blocked by policy' } }],
      })
      expect(stack.upstream.requests).toHaveLength(before)
    })

    test('in a JSON answer', async () => {
      lakera.offsets = offsets
      use('output')
      answerWith(text)
      const response = await stack.chat(chatRequest('who?'))
      expect(await response.json()).toMatchObject({ choices: [{ message: { content: REFUSED } }] })
    })

    test.each(DELIVERIES)('in a stream, delivery %s', async delivery => {
      lakera.offsets = offsets
      use('output', { delivery })
      answerWith(text)
      expect(readChatStream(await streamed())).toMatchObject({ text: REFUSED, done: 1 })
    })
  })

  test('is told the exchange’s id, the one that the client gets, with every request', async () => {
    use('both', { more: ', metadata: { team: bank }' })
    answerWith(FLAG_MARKER)
    const before = lakera.requests.length
    const response = await stack.chat(chatRequest('who?'))
    await response.arrayBuffer()
    const scans = lakera.requests.slice(before)
    expect(scans.map(({ messages }) => messages[0]?.role)).toEqual(['user', 'assistant'])
    const { exchangeId: exchange } = await stack.weir.telemetry.decided('response')
    expect(exchange).toMatch(/^[0-9a-f]{32}$/)
    for (const { metadata } of scans)
      expect(metadata).toEqual({ team: 'bank', internal_request_id: exchange })
    // Where the response's headers are out already, no header can tell.
    if (mode === 'full-duplex') expect(response.headers.get('x-weir-request-id')).toBe(exchange)

    use('input')
    const refused = await stack.chat(chatRequest(FLAG_MARKER))
    await refused.arrayBuffer()
    expect(refused.headers.get('x-weir-request-id')).toMatch(/^[0-9a-f]{32}$/)
    expect(lakera.requests.at(-1)?.metadata).toEqual({
      internal_request_id: refused.headers.get('x-weir-request-id'),
    })
  })
})
