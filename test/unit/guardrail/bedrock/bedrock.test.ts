import { describe, expect, test } from 'vitest'
import { bedrock } from '../../../../src/guardrail/bedrock/bedrock.ts'
import type { ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import { startBedrockStub } from '../../../support/bedrock-guardrail-stub.ts'
import { failure, useRig, verdict } from '../rig.ts'
import { input, output, segment } from '../segments.ts'
import { guardrailService, KEY } from './rig.ts'

const rig = useRig(guardrailService)
const { scan, findings, covered } = rig
const ACCESS_KEY = { id: 'AKIDEXAMPLE', secret: 'secret/that+must-not-leak', token: 'token//that+must==' }
const ARN = 'arn:aws:bedrock:eu-west-1:123456789012:guardrail/abc123'

describe('what is sent', () => {
  test('every text of a prompt as a block of its own, blank ones left out', async () => {
    const subject: ScanSubject = {
      side: 'input',
      segments: [
        segment('Be a bank.', { message: 0, role: 'system' }),
        segment(' \n', { message: 1 }),
        segment('hello', { message: 1 }),
        segment('42', { message: 2, role: 'tool', kind: 'tool-result' }),
      ],
    }
    expect(await scan(subject)).toMatchObject(
      verdict({ kind: 'clean', requestId: expect.stringMatching(/^[\da-f-]{36}$/) }),
    )
    expect(rig.stub.requests).toEqual([
      {
        source: 'INPUT',
        content: ['Be a bank.', 'hello', '42'].map(text => ({ text: { text } })),
        outputScope: 'FULL',
      },
    ])
  })

  test('an answer as OUTPUT, without the conversation', async () => {
    const subject: ScanSubject = {
      side: 'output',
      conversation: [segment('ATTACK-ME')],
      segments: [segment('fine', { role: 'assistant' })],
      final: true,
    }
    expect(await scan(subject)).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.requests).toMatchObject([{ source: 'OUTPUT', content: [{ text: { text: 'fine' } }] }])
  })

  test('a lone surrogate as what a JSON text can hold', async () => {
    await scan(input('a\ud83d b'))
    expect(rig.stub.requests[0]?.content).toEqual([{ text: { text: 'a\ufffd b' } }])
    expect(await covered(input('\ude00\ud83d to ann@a.org'))).toEqual([['pii/email', 'ann@a.org']])
  })

  test('nothing for blank texts', async () => {
    expect(await scan(input('', ' \n'))).toMatchObject(verdict({ kind: 'clean' }))
    expect(await scan(output())).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.requests).toEqual([])
  })

  test.each([
    ['an id', 'abc123'],
    ['an ARN', ARN],
  ])('a signature, for %s, with and without a session', async (_, guardrailId) => {
    for (const accessKey of [ACCESS_KEY, { id: ACCESS_KEY.id, secret: ACCESS_KEY.secret }]) {
      const signed = await startBedrockStub({ auth: { accessKey }, guardrail: guardrailId, version: 'DRAFT' })
      const config = {
        guardrail_id: guardrailId,
        guardrail_version: 'DRAFT',
        endpoint: signed.origin,
        api_key: undefined,
        access_key_id: accessKey.id,
        secret_access_key: accessKey.secret,
        session_token: 'token' in accessKey ? accessKey.token : undefined,
      }
      expect(await scan(input('grüße 😀'), config)).toMatchObject(verdict({ kind: 'clean' }))
      expect(signed.refusals).toEqual([])
      expect(await scan(input('hi'), { ...config, secret_access_key: 'x' })).toMatchObject(
        failure('bad-response'),
      )
      expect(await scan(input('hi'), { ...config, region: 'us-east-1' })).toMatchObject(
        failure('bad-response'),
      )
      await signed.close()
    }
  })

  test('to the region’s own host unless an endpoint is given', async () => {
    const urls: string[] = []
    const postJson = async ({ url }: { url: string }) => {
      urls.push(url)
      return { status: 200, headers: {}, json: { action: 'NONE', assessments: [] } }
    }
    for (const config of [
      { region: 'eu-west-1' },
      { region: 'cn-north-1', guardrail_id: ARN },
      { region: 'eu-west-1', endpoint: 'https://vpce-1.example/' },
    ]) {
      const parsed = bedrock.configSchema.parse({
        kind: 'bedrock',
        guardrail_id: 'gr1',
        guardrail_version: '7',
        api_key: KEY,
        ...config,
      })
      await bedrock.create('guard', parsed, { postJson }).scan(input('hi'), new AbortController().signal)
    }
    expect(urls).toEqual([
      'https://bedrock-runtime.eu-west-1.amazonaws.com/guardrail/gr1/version/7/apply',
      `https://bedrock-runtime.cn-north-1.amazonaws.com.cn/guardrail/${encodeURIComponent(ARN)}/version/7/apply`,
      'https://vpce-1.example/guardrail/gr1/version/7/apply',
    ])
  })
})

describe('grounding', () => {
  const subject = (answer: string, change: { system?: string; query?: string } = {}): ScanSubject => ({
    side: 'output',
    conversation: [
      segment(change.system ?? 'Only say what the page says.', { message: 0, role: 'system' }),
      segment('an older question', { message: 1 }),
      segment('The capital is Tokyo.', { message: 2, role: 'tool', kind: 'tool-result' }),
      segment(change.query ?? 'What is', { message: 3 }),
      segment('the capital?', { message: 3 }),
    ],
    segments: [
      segment('thinking', { role: 'assistant', kind: 'reasoning' }),
      segment(answer, { role: 'assistant' }),
      segment('other choice', { message: 1, role: 'assistant' }),
    ],
    final: true,
  })
  const config = { grounding: 'conversation' }

  test('sends sources, the last question, and one choice at a time', async () => {
    expect(await scan(subject('Tokyo.'), config)).toMatchObject(verdict({ kind: 'clean' }))
    const context = [
      { text: { text: 'Only say what the page says.', qualifiers: ['grounding_source'] } },
      { text: { text: 'The capital is Tokyo.', qualifiers: ['grounding_source'] } },
      { text: { text: 'What is\nthe capital?', qualifiers: ['query'] } },
    ]
    const sent = rig.stub.requests.map(({ content }) => content)
    expect(sent).toHaveLength(3)
    expect(sent).toEqual(
      expect.arrayContaining([
        [...context, { text: { text: 'Tokyo.' } }],
        [...context, { text: { text: 'other choice' } }],
        [{ text: { text: 'thinking' } }],
      ]),
    )
  })

  test('flags what no source bears out, and what is no answer', async () => {
    expect(await findings(subject('INVENTED'), config)).toEqual([{ detector: 'grounding' }])
    expect(await findings(subject('OFF-TOPIC'), config)).toEqual([{ detector: 'relevance' }])
    expect(await scan(subject('INVENTED'))).toMatchObject(verdict({ kind: 'clean' }))
  })

  test('has findings where they stand, among all texts of the answer', async () => {
    expect(await findings(subject('to ann@a.org'), config)).toEqual([
      { detector: 'pii/email', span: { segment: 1, start: 3, end: 12 } },
    ])
  })

  test('is left out where there is no source', async () => {
    const bare = output('INVENTED')
    expect(await scan(bare, config)).toMatchObject(verdict({ kind: 'clean' }))
  })

  test('keeps the service’s limits: answers are split, the rest is over-limit', async () => {
    await scan(subject('word '.repeat(1500)), config)
    const grounded = rig.stub.requests.filter(({ content }) => content.length > 1)
    for (const { content } of grounded) expect(content.at(-1)?.text.text.length).toBeLessThanOrEqual(5000)
    expect(grounded).toHaveLength(3)
    expect(await scan(subject('a', { system: 'x'.repeat(100_000) }), config)).toMatchObject(
      failure('over-limit'),
    )
    expect(await scan(subject('a', { query: 'x'.repeat(1000) }), config)).toMatchObject(failure('over-limit'))
  })
})
