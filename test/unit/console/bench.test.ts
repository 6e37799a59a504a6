import { describe, expect, it } from 'vitest'
import { contentCodings } from '../../../src/coding/codings.ts'
import { Bench, MAX_BODY_CHARS } from '../../../src/console/bench.ts'
import type { RemoteGuardrail, Verdict } from '../../../src/guardrail/guardrail.ts'
import { openaiChat } from '../../../src/llm/openai-chat/index.ts'
import type { PolicySet } from '../../../src/policy/policy.ts'
import { play } from '../../../src/rehearsal/play.ts'
import { CHAT_HEADERS, chatCompletion, chatEvents, chatRequest } from '../../support/chat.ts'
import { flagWord, policy, policySet, rule } from '../../support/policies.ts'

const PATH = CHAT_HEADERS[':path']
const QUESTION = { side: 'input', path: PATH, contentType: '', policy: '', host: '', body: '' }
const REDACT = rule(flagWord('secret'), 'redact')
const BLOCK = rule(flagWord('attack'))

function benchOf(policies: PolicySet, given: Partial<ConstructorParameters<typeof Bench>[0]> = {}) {
  const pins = { held: 0 }
  const faults: unknown[] = []
  const bench = new Bench({
    pin: () => {
      pins.held += 1
      return {
        policies,
        release: () => {
          pins.held -= 1
        },
      }
    },
    unixSeconds: () => 1_760_000_000,
    scrub: line => line,
    fault: error => faults.push(error),
    ...given,
  })
  const ask = async (question: object) => {
    const { status, body } = await bench.judge(JSON.stringify({ ...QUESTION, ...question }))
    expect(pins.held).toBe(0)
    return { status, ...JSON.parse(body) }
  }
  return { bench, ask, faults }
}

/** What the client or the upstream gets of the same in serving. */
async function served(policies: PolicySet, body: string) {
  const played = await play({
    mode: 'full-duplex',
    policySet: policies,
    codings: contentCodings,
    policyName: undefined,
    route: undefined,
    request: { headers: CHAT_HEADERS, chunks: [Buffer.from(body)] },
    response: undefined,
    clock: () => 0,
    unixSeconds: 1_760_000_000,
  })
  return {
    client: played.client && {
      status: played.client.status,
      headers: played.client.headers,
      body: Buffer.from(played.client.body).toString(),
    },
    upstream: played.upstream && Buffer.from(played.upstream).toString(),
  }
}

describe('the bench', () => {
  it.each<[string, Parameters<typeof policy>[0], string]>([
    ['a flagged request', {}, chatRequest('an attack')],
    ['a flagged request of a client that streams', {}, chatRequest('an attack', { stream: true })],
    ['one denied by an error', { denyCode: 403 }, chatRequest('an attack', { stream: true })],
    ['one denied as a violation', { denyFormat: 'guardrail_violation' }, chatRequest('an attack')],
    ['one whose categories are told', { revealFailureCategories: true }, chatRequest('an attack')],
    ['what is no JSON', {}, '{'],
    ['what is too large', { limits: { maxRequestBytes: 10, maxResponseBytes: 10 } }, chatRequest('hello')],
    ['what has no text', { failMode: 'error' }, chatRequest('')],
    [
      'what no guardrail can read',
      { uninspectable: 'deny' },
      JSON.stringify({
        model: 'm',
        messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }],
      }),
    ],
  ])('answers %s as serving does', async (_, settings, body) => {
    const policies = policySet(policy({ inputRules: [BLOCK], ...settings }))
    const answer = await benchOf(policies).ask({ body })
    expect(answer).toMatchObject({ status: 200, decision: 'deny' })
    expect(answer.reply).toEqual((await served(policies, body)).client)
  })

  it('shows the request as the upstream would get it, and where the findings were', async () => {
    const policies = policySet(policy({ inputRules: [REDACT] }))
    const body = chatRequest('a secret <b>word</b>')
    const answer = await benchOf(policies).ask({ body })
    expect(answer).toMatchObject({
      decision: 'redact',
      because: 'flagged',
      policy: 'test',
      format: 'openai-chat',
    })
    expect(answer.texts).toEqual([
      {
        role: 'user',
        kind: 'content',
        path: 'messages.0.content',
        text: 'a secret <b>word</b>',
        findings: [{ guardrail: 'flags-secret', detector: 'test/word', start: 2, end: 8 }],
      },
    ])
    expect(answer.reply).toEqual({ body: (await served(policies, body)).upstream })
  })

  it('puts what a guard service found back into the text as it came', async () => {
    const remote: RemoteGuardrail = {
      name: 'remote',
      locality: 'remote',
      timeoutMs: 1000,
      scan: async ({ segments }): Promise<Verdict> => {
        const start = segments[0]!.text.indexOf('attack')
        return { kind: 'flagged', findings: [{ detector: 'x', span: { segment: 0, start, end: start + 6 } }] }
      },
    }
    // Longer than what takes its place, so that what follows moves.
    const local = rule(flagWord('very long secret'), 'redact')
    const policies = policySet(policy({ inputRules: [local, rule(remote)] }))
    const answer = await benchOf(policies).ask({ body: chatRequest('a very long secret attack') })
    expect(answer.decision).toBe('deny')
    const { text, findings } = answer.texts[0]
    expect(findings.map(({ start, end }: { start: number; end: number }) => text.slice(start, end))).toEqual([
      'very long secret',
      'attack',
    ])
  })

  it.each<[string, string]>([
    ['an answer', chatCompletion('an attack')],
    ['an event stream', chatEvents('an ', 'attack').join('')],
  ])('judges %s without its request', async (_, body) => {
    const policies = policySet(policy({ outputRules: [BLOCK] }))
    const answer = await benchOf(policies).ask({ side: 'output', path: '', body })
    expect(answer).toMatchObject({ decision: 'deny', because: 'flagged', reply: { status: 200 } })
    expect(answer.reply.body).toContain('Response blocked by policy')
    expect(answer.reply.body.startsWith('data:')).toBe(body.startsWith('data:'))
  })

  it('tells a finding without a place', async () => {
    const policies = policySet(policy({ inputRules: [rule(flagWord('attack', { span: 'without-span' }))] }))
    const answer = await benchOf(policies).ask({ body: chatRequest('an attack') })
    expect(answer.elsewhere).toEqual([{ guardrail: 'flags-attack', detector: 'test/word' }])
  })

  it('chooses the policy by name, host or path', async () => {
    const match = { hosts: ['a.example'] }
    const policies = policySet(
      policy({ name: 'a', match, inputRules: [BLOCK] }),
      policy({ name: 'b', match: { paths: ['/b/'] } }),
    )
    const { ask } = benchOf(policies)
    const body = chatRequest('an attack')
    expect(await ask({ body, host: 'a.example:443' })).toMatchObject({ policy: 'a', decision: 'deny' })
    expect(await ask({ body, path: '/b/v1/chat/completions' })).toMatchObject({
      policy: 'b',
      decision: 'release',
    })
    expect(await ask({ body, policy: 'a' })).toMatchObject({ policy: 'a' })
    expect(await ask({ body, path: '/x/../b/v1/chat/completions' })).toMatchObject({ policy: 'b' })
    const passed = await ask({ body })
    expect(passed).toMatchObject({ because: 'unmatched', decision: 'release' })
    expect(passed).not.toHaveProperty('reply')
    expect(await ask({ body, policy: 'c' })).toMatchObject({ status: 400 })
    const denied = await benchOf({ ...policies, unmatched: 'deny' }).ask({ body })
    expect(denied.decision).toBe('deny')
    expect(denied.reply).toEqual((await served({ ...policies, unmatched: 'deny' }, body)).client)
  })

  it("reads a path of the operator's own, and an answer as its content type says", async () => {
    const policies = policySet(policy({ inputRules: [BLOCK], outputRules: [BLOCK] }))
    const formats = [{ path: '/own/', format: openaiChat }]
    const own = { path: '/own/chat', body: chatRequest('an attack') }
    expect(await benchOf({ ...policies, formats }).ask(own)).toMatchObject({ format: 'openai-chat' })
    expect(await benchOf(policies).ask(own)).not.toHaveProperty('format')
    const answer = { side: 'output', body: chatEvents('an ', 'attack').join('') }
    expect(await benchOf(policies).ask(answer)).toMatchObject({ because: 'flagged' })
    expect(await benchOf(policies).ask({ ...answer, contentType: 'application/json' })).toMatchObject({
      because: 'failed-closed',
    })
  })

  it('judges one at a time', async () => {
    const scan = Promise.withResolvers<Verdict>()
    const slow: RemoteGuardrail = {
      name: 'slow',
      locality: 'remote',
      timeoutMs: 60_000,
      scan: () => scan.promise,
    }
    const { bench, ask } = benchOf(policySet(policy({ inputRules: [rule(slow)] })))
    const first = bench.judge(JSON.stringify({ ...QUESTION, body: chatRequest('x') }))
    expect((await bench.judge(JSON.stringify(QUESTION))).status).toBe(429)
    scan.resolve({ kind: 'clean' })
    expect((await first).status).toBe(200)
    expect((await ask({ body: chatRequest('x') })).status).toBe(200)
  })

  it.each<[string, string]>([
    ['no JSON', '{'],
    ['another value', '[]'],
    ['an unknown key', JSON.stringify({ ...QUESTION, extra: 1 })],
    ['an unknown side', JSON.stringify({ ...QUESTION, side: 'both' })],
    ['no path', JSON.stringify({ ...QUESTION, path: 'v1/x' })],
    ['a path too long', JSON.stringify({ ...QUESTION, path: `/${'x'.repeat(2048)}` })],
    ['a body too long', JSON.stringify({ ...QUESTION, body: 'x'.repeat(MAX_BODY_CHARS + 1) })],
  ])('refuses %s, and quotes none of it', async (_, question) => {
    const { status, body } = await benchOf(policySet()).bench.judge(question)
    expect(status).toBe(400)
    expect(body.length).toBeLessThan(300)
  })

  it('tells no secret that a guard service says, and no message of a bug', async () => {
    const inputRules = [rule({ ...flagWord('x'), name: 'sk-canary' })]
    const scrub = (line: string) => line.replaceAll('sk-canary', '***')
    const told = await benchOf(policySet(policy({ inputRules })), { scrub }).bench.judge(
      JSON.stringify({ ...QUESTION, body: chatRequest('x') }),
    )
    expect(told.body).toContain('***')
    expect(told.body).not.toContain('sk-canary')
    const broken = () => {
      throw new Error('canary-6')
    }
    const { bench, faults } = benchOf(policySet(), { pin: broken })
    expect(await bench.judge(JSON.stringify(QUESTION))).toEqual({
      status: 500,
      body: '{"error":"internal error"}\n',
    })
    expect(faults).toHaveLength(1)
  })
})
