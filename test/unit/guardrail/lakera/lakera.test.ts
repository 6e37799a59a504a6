import { describe, expect, test } from 'vitest'
import type { ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import type { LakeraStubFault } from '../../../support/lakera-stub.ts'
import { flaggedNull, garbage, startLakeraStub, truncatedJson } from '../../../support/lakera-stub.ts'
import { failure, useRig, verdict } from '../rig.ts'
import { input, output, segment } from '../segments.ts'
import { answeredBy, lakeraService } from './rig.ts'

const rig = useRig(lakeraService)
const { scan } = rig

describe('what is sent', () => {
  test('the whole conversation with its roles, the breakdown asked for, and the project', async () => {
    const subject: ScanSubject = {
      side: 'input',
      segments: [
        segment('Be a bank.', { message: 0, role: 'system' }),
        segment('Be brief.', { message: 1, role: 'developer' }),
        segment('one', { message: 2 }),
        segment('two', { message: 2 }),
        segment('{"q":1}', { message: 3, role: 'assistant', kind: 'tool-call' }),
        segment('42', { message: 4, role: 'tool', kind: 'tool-result' }),
        segment('thanks', { message: 5 }),
      ],
    }
    expect(await scan(subject, { project_id: 'project-1' })).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.requests).toEqual([
      {
        messages: [
          { role: 'system', content: 'Be a bank.' },
          { role: 'developer', content: 'Be brief.' },
          { role: 'user', content: 'one\ntwo' },
          { role: 'assistant', content: '{"q":1}' },
          { role: 'tool', content: '42' },
          { role: 'user', content: 'thanks' },
        ],
        payload: true,
        breakdown: true,
        project_id: 'project-1',
      },
    ])
  })

  test('no project and no tags unless there are any', async () => {
    await scan(input('hi'))
    expect(Object.keys(rig.stub.requests[0] ?? {})).toEqual(['messages', 'payload', 'breakdown'])
  })

  test('the exchange’s id as a tag, beside those of the config', async () => {
    const origin = { exchangeId: 'a1b2', model: 'gpt-test' }
    await scan({ ...input('hi'), origin })
    await scan({ ...output('hi'), origin }, { metadata: { team: 'bank', stage: 'test' } })
    await scan(input('hi'), { metadata: { team: 'bank' } })
    expect(rig.stub.requests.map(({ metadata }) => metadata)).toEqual([
      { internal_request_id: 'a1b2' },
      { internal_request_id: 'a1b2', team: 'bank', stage: 'test' },
      { team: 'bank' },
    ])
  })

  test('of an answer one assistant message per choice', async () => {
    const subject: ScanSubject = {
      side: 'output',
      conversation: [],
      segments: [
        segment('thinking', { message: 0, role: 'assistant', kind: 'reasoning' }),
        segment('other', { message: 1, role: 'assistant' }),
        segment('answer', { message: 0, role: 'assistant' }),
      ],
      final: true,
    }
    expect(await scan(subject)).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.requests[0]?.messages).toEqual([
      { role: 'assistant', content: 'thinking\nanswer' },
      { role: 'assistant', content: 'other' },
    ])
  })

  test('of an answer behind what was asked, where the rule wants to see it', async () => {
    const subject: ScanSubject = {
      side: 'output',
      conversation: [segment('a question')],
      segments: [segment('an answer')],
      final: true,
    }
    expect(await scan(subject)).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.requests[0]?.messages).toEqual([
      { role: 'user', content: 'a question' },
      { role: 'assistant', content: 'an answer' },
    ])
  })

  test('blank texts are left out, and nothing is asked when all are', async () => {
    await scan(input('', 'hi', ' \n'))
    expect(rig.stub.requests[0]?.messages).toEqual([{ role: 'user', content: 'hi' }])
    expect(await scan(input('', ' \n'))).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.requests).toHaveLength(1)
  })

  test('no Authorization without a key, as a self-hosted service wants it', async () => {
    const selfHosted = await startLakeraStub()
    const config = { api_key: undefined, lakera_endpoint: selfHosted.url }
    expect(await scan(input('hi'), config)).toMatchObject(verdict({ kind: 'clean' }))
    expect(await scan(input('hi'), { lakera_endpoint: selfHosted.url })).toMatchObject(
      failure('bad-response'),
    )
    await selfHosted.close()
  })
})

describe('what is answered', () => {
  test('a flagged text comes with what was detected and the id of the check', async () => {
    expect(await scan(input('hello', 'FLAG-ME now, PII-ME too'))).toMatchObject(
      verdict({
        kind: 'flagged',
        findings: [
          { detector: 'prompt_attack', level: 'l1_confident' },
          { detector: 'pii/email', level: 'l1_confident' },
        ],
        requestId: expect.stringMatching(/^[\da-f-]{36}$/),
        breakdown: [
          { detector: 'prompt_attack', detected: true, level: 'l1_confident' },
          { detector: 'pii/email', detected: true, level: 'l1_confident' },
          { detector: 'pii/credit_card', detected: false, level: 'l5_unlikely' },
          { detector: 'moderated_content/profanity', detected: false, level: 'l5_unlikely' },
          { detector: 'moderated_content/hate', detected: false, level: 'l5_unlikely' },
        ],
      }),
    )
  })

  test('an injection in an older assistant turn flags the request', async () => {
    const old = segment('FLAG-ME', { message: 0, role: 'assistant' })
    const subject: ScanSubject = { side: 'input', segments: [old, segment('go on', { message: 1 })] }
    expect(await scan(subject)).toMatchObject(verdict({ kind: 'flagged' }))
  })

  test('each choice of an answer counts', async () => {
    expect(await scan(output('fine', 'FLAG-ME'))).toMatchObject(verdict({ kind: 'flagged' }))
  })

  test.each<[string, unknown, object]>([
    ['only flagged', { flagged: true }, { kind: 'flagged', findings: [{ detector: 'lakera' }] }],
    ['not flagged, nothing else', { flagged: false }, { kind: 'clean' }],
    ['nulls', { flagged: true, breakdown: null, metadata: null }, { findings: [{ detector: 'lakera' }] }],
    [
      'null id',
      { flagged: false, metadata: { request_uuid: null } },
      { kind: 'clean', requestId: undefined },
    ],
    [
      'detected, not flagged',
      { flagged: false, breakdown: [{ detector_type: 'pii/x', detected: true }] },
      { kind: 'clean' },
    ],
    [
      'flagged, none detected',
      { flagged: true, breakdown: [{ detector_type: 'pii/x', detected: false }] },
      { findings: [{ detector: 'lakera' }] },
    ],
    [
      'a breakdown that is no list',
      { flagged: true, breakdown: 'pii' },
      { findings: [{ detector: 'lakera' }] },
    ],
    [
      'entries that are no entries',
      { flagged: true, breakdown: [null, 1, { detected: true, detector_type: 'a', result: 5 }] },
      { findings: [{ detector: 'a' }] },
    ],
    [
      'a detector without a type',
      { flagged: true, breakdown: [{ detected: true, result: null }] },
      { findings: [{ detector: 'lakera' }] },
    ],
    [
      'a detector that is a sentence',
      { flagged: true, breakdown: [{ detected: true, detector_type: 'my card is 4111' }] },
      { findings: [{ detector: 'lakera' }] },
    ],
    [
      'the same twice',
      { flagged: true, breakdown: [1, 2].map(() => ({ detected: true, detector_type: 'a', result: 'l1' })) },
      { findings: [{ detector: 'a', level: 'l1' }] },
    ],
  ])('%s', async (_, answer, expected) => {
    rig.stub.failNext({ kind: 'body', body: JSON.stringify(answer) })
    expect(await scan(input('hi'))).toMatchObject(verdict(expected))
  })

  test('the breakdown has each detector once, detected before all else, then by its level', async () => {
    const entry = (detected: boolean, result: string | null) => ({ detector_type: 'a', detected, result })
    for (const [breakdown, expected] of [
      [
        [entry(false, 'l1_confident'), entry(true, 'l4_less_likely')],
        { detected: true, level: 'l4_less_likely' },
      ],
      [
        [entry(true, 'l4_less_likely'), entry(false, 'l1_confident')],
        { detected: true, level: 'l4_less_likely' },
      ],
      [
        [entry(true, 'l3_likely'), entry(true, 'l2_very_likely')],
        { detected: true, level: 'l2_very_likely' },
      ],
      [[entry(false, null), entry(false, 'no_level')], { detected: false }],
    ] as const) {
      const answered = await answeredBy(rig, { flagged: true, breakdown }, input('hi'))
      expect(answered).toMatchObject(verdict({ breakdown: [{ detector: 'a', ...expected }] }))
    }
  })

  test.each<[string, LakeraStubFault, string]>([
    ['flagged: null', flaggedNull, 'bad-response'],
    ['flagged: "true"', { kind: 'body', body: '{"flagged":"true"}' }, 'bad-response'],
    ['flagged: 1', { kind: 'body', body: '{"flagged":1}' }, 'bad-response'],
    ['no flagged', { kind: 'body', body: '{"breakdown":[]}' }, 'bad-response'],
    ['a list', { kind: 'body', body: '[{"flagged":false}]' }, 'bad-response'],
    ['null', { kind: 'body', body: 'null' }, 'bad-response'],
    ['not JSON', garbage, 'bad-response'],
    ['truncated JSON', truncatedJson, 'bad-response'],
    ['500', { kind: 'status', status: 500 }, 'bad-response'],
    ['401', { kind: 'status', status: 401 }, 'bad-response'],
    ['429', { kind: 'status', status: 429, retryAfterSec: 1 }, 'rate-limited'],
    ['a redirect', { kind: 'redirect', location: 'http://127.0.0.1:1/' }, 'bad-response'],
    ['a reset', { kind: 'reset' }, 'unreachable'],
  ])('%s is no verdict', async (_, fault, reason) => {
    rig.stub.failNext(fault)
    expect(await scan(input('hi'))).toMatchObject(failure(reason))
  })

  test('an unknown project and a wrong key are no verdict', async () => {
    expect(await scan(input('hi'), { project_id: 'project-2' })).toMatchObject(failure('bad-response'))
    expect(await scan(input('hi'), { api_key: 'other' })).toMatchObject(failure('bad-response'))
  })

  test('a service that never answers is a timeout', async () => {
    rig.stub.failNext({ kind: 'hang' })
    expect(await scan(input('hi'), { timeout: 20 })).toMatchObject(failure('timeout'))
  })

  test('a slow answer is waited for', async () => {
    const gate = Promise.withResolvers<void>()
    rig.stub.failNext({ kind: 'gate', until: gate.promise })
    const outcome = scan(input('FLAG-ME'))
    await rig.stub.waitForRequests(1)
    gate.resolve()
    expect(await outcome).toMatchObject(verdict({ kind: 'flagged' }))
  })
})
