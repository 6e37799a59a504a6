import { describe, expect, test } from 'vitest'
import type { ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import type { StubFault } from '../../../support/judging-server.ts'
import { moderationResult, startModerationStub } from '../../../support/openai-moderation-stub.ts'
import { clean, detectorsOf, failure, useRig, verdict } from '../rig.ts'
import { breakdownOf, input, output, segment } from '../segments.ts'
import { moderation } from './rig.ts'

const rig = useRig(moderation)
const body = (answer: unknown): StubFault => ({ kind: 'body', body: JSON.stringify(answer) })

describe('what is sent', () => {
  test('the model and one input per message, its parts together', async () => {
    const segments = [
      segment('Be a bank.', { message: 0, role: 'system' }),
      segment('one', { message: 1 }),
      segment('two', { message: 1 }),
      segment('{"q":1}', { message: 2, role: 'assistant', kind: 'tool-call' }),
    ]
    expect(await rig.scan({ side: 'input', segments })).toMatchObject(clean)
    expect(rig.stub.requests).toEqual([
      { model: 'omni-moderation-latest', input: ['Be a bank.', 'one\ntwo', '{"q":1}'] },
    ])
  })

  test('of an answer each choice, without the conversation', async () => {
    const subject: ScanSubject = {
      side: 'output',
      conversation: [segment('HATE-ME')],
      segments: [
        segment('a0', { message: 0, role: 'assistant' }),
        segment('b0', { message: 1, role: 'assistant' }),
        segment('a1', { message: 0, role: 'assistant' }),
      ],
      final: true,
    }
    expect(await rig.scan(subject)).toMatchObject(clean)
    expect(rig.stub.requests[0]?.input).toEqual(['a0\na1', 'b0'])
  })

  test('another model, when one is configured', async () => {
    await rig.scan(input('hi'), { model: 'omni-moderation-2024-09-26' })
    expect(rig.stub.requests[0]?.model).toBe('omni-moderation-2024-09-26')
  })

  test('no blank text, and nothing at all when all is blank', async () => {
    await rig.scan(input('', 'hi', ' \n'))
    expect(rig.stub.requests[0]?.input).toEqual(['hi'])
    expect(await rig.scan(input('', ' \n'))).toMatchObject(clean)
    expect(await rig.scan({ side: 'input', segments: [] })).toMatchObject(clean)
    expect(rig.stub.requests).toHaveLength(1)
  })

  test('no Authorization without a key', async () => {
    const open = await startModerationStub()
    expect(await rig.scan(input('hi'), { api_key: undefined, endpoint: open.url })).toMatchObject(clean)
    await open.close()
  })
})

describe('what is answered', () => {
  test('what the service flags is flagged by category, with its score and the id of the check', async () => {
    expect(await rig.scan(input('hello', 'HATE-ME'))).toMatchObject({
      kind: 'verdict',
      verdict: { kind: 'flagged', findings: [{ detector: 'hate', score: 0.9 }], requestId: 'modr-0001' },
      ms: 0,
    })
    expect(await rig.scan(input('hello'))).toMatchObject(verdict({ kind: 'clean', requestId: 'modr-0001' }))
  })

  test('beside what it found, every category with its highest score is told', async () => {
    const outcome = await rig.scan(input('hello', 'HATE-ME', 'VIOLENCE-ME'))
    const breakdown = breakdownOf(outcome)
    expect(breakdown).toHaveLength(13)
    expect(breakdown).toContainEqual({ detector: 'hate', detected: true, score: 0.9 })
    expect(breakdown).toContainEqual({ detector: 'violence', detected: false, score: 0.6 })
    expect(breakdown).toContainEqual({ detector: 'sexual', detected: false, score: 0.0001 })
  })

  test('a category that is no name is told as the service', async () => {
    const known = moderationResult()
    const result = { ...known, categories: { ...known.categories, 'my card is 4111': true } }
    rig.stub.failNext(body({ results: [result] }))
    const told = breakdownOf(await rig.scan(input('hi')))
    expect(told).toContainEqual({ detector: 'openai-moderation', detected: true })
    expect(JSON.stringify(told)).not.toContain('4111')
  })

  test('each choice of an answer counts', async () => {
    expect(await rig.scan(output('fine', 'HATE-ME'))).toMatchObject(verdict({ kind: 'flagged' }))
  })

  test.each<[string, string, object, readonly string[]]>([
    ['below the service’s own limit', 'VIOLENCE-ME', {}, []],
    ['a threshold met', 'VIOLENCE-ME', { thresholds: { violence: 0.6 } }, ['violence']],
    ['a threshold not met', 'VIOLENCE-ME', { thresholds: { violence: 0.61 } }, []],
    ['a threshold of another', 'VIOLENCE-ME', { thresholds: { hate: 0.1 } }, []],
    ['a threshold beside the flags', 'HATE-ME', { thresholds: { violence: 0.5 } }, ['hate']],
    ['both', 'HATE-ME VIOLENCE-ME', { thresholds: { violence: 0.5 } }, ['violence', 'hate']],
    [
      'a threshold instead of the flags',
      'HATE-ME',
      { thresholds: { violence: 0.5 }, service_flags: 'ignore' },
      [],
    ],
    [
      'a higher threshold instead of the flag',
      'HATE-ME',
      { thresholds: { hate: 0.95 }, service_flags: 'ignore' },
      [],
    ],
    ['its own category instead', 'HATE-ME', { thresholds: { hate: 0.9 }, service_flags: 'ignore' }, ['hate']],
  ])('%s', async (_, text, config, detectors) => {
    const outcome = await rig.scan(input(text), config)
    expect(detectorsOf(outcome)).toEqual(detectors)
  })

  test('flagged for no category that it names is flagged', async () => {
    rig.stub.failNext(body({ results: [{ ...moderationResult(), flagged: true }] }))
    expect(detectorsOf(await rig.scan(input('hi')))).toEqual(['openai-moderation'])
  })

  test('a flagged category counts, whatever the sum of them says', async () => {
    rig.stub.failNext(body({ results: [{ ...moderationResult({ sexual: 0.95 }), flagged: false }] }))
    expect(detectorsOf(await rig.scan(input('hi')))).toEqual(['sexual'])
  })

  test('the same category in several inputs is one finding with the highest score', async () => {
    rig.stub.failNext(body({ results: [0.85, 0.95, 0.9].map(sexual => moderationResult({ sexual })) }))
    expect(await rig.scan(input('a', 'b', 'c'))).toMatchObject(
      verdict({ findings: [{ detector: 'sexual', score: 0.95 }] }),
    )
  })

  test('a category that the model does not know is null, and no finding', async () => {
    const known = moderationResult()
    const result = {
      ...known,
      categories: { ...known.categories, illicit: null },
      category_scores: { ...known.category_scores, illicit: null },
    }
    rig.stub.failNext(body({ results: [result] }), body({ results: [result] }))
    expect(await rig.scan(input('hi'))).toMatchObject(clean)
    // Held against a threshold it is a fault: there is no score.
    expect(await rig.scan(input('hi'), { thresholds: { illicit: 0.5 } })).toMatchObject(
      failure('bad-response'),
    )
  })

  test('what looks like no name goes into no detector and no id', async () => {
    const known = moderationResult()
    const result = { ...known, categories: { ...known.categories, 'my card is 4111': true } }
    rig.stub.failNext(body({ id: 'an id\nwith a break', results: [result] }))
    expect(await rig.scan(input('hi'))).toMatchObject(
      verdict({ findings: [{ detector: 'openai-moderation' }], requestId: undefined }),
    )
  })
})

describe('what is no verdict', () => {
  const good = moderationResult()
  test.each<[string, unknown]>([
    ['null', null],
    ['a list', [good]],
    ['no results', { id: 'modr-1' }],
    ['null results', { results: null }],
    ['no result', { results: [] }],
    ['more results than inputs', { results: [good, good] }],
    ['a null result', { results: [null] }],
    ['flagged: null', { results: [{ ...good, flagged: null }] }],
    ['flagged: "false"', { results: [{ ...good, flagged: 'false' }] }],
    ['no flagged', { results: [{ ...good, flagged: undefined }] }],
    ['no categories', { results: [{ ...good, categories: undefined }] }],
    ['null categories', { results: [{ ...good, categories: null }] }],
    ['a category that is no boolean', { results: [{ ...good, categories: { hate: 'no' } }] }],
    ['no scores', { results: [{ ...good, category_scores: undefined }] }],
    ['null scores', { results: [{ ...good, category_scores: null }] }],
    ['a score over 1', { results: [{ ...good, category_scores: { hate: 1.5 } }] }],
    ['a score that is no number', { results: [{ ...good, category_scores: { hate: '0' } }] }],
  ])('%s', async (_, answer) => {
    rig.stub.failNext(body(answer))
    expect(await rig.scan(input('hi'))).toMatchObject(failure('bad-response'))
  })

  test.each<[string, StubFault, string]>([
    ['truncated JSON', { kind: 'body', body: '{"results":[{"flagged":fal' }, 'bad-response'],
    ['not JSON', { kind: 'body', body: '<html>Bad gateway</html>' }, 'bad-response'],
    ['a cut answer', { kind: 'cut' }, 'bad-response'],
    ['400', { kind: 'status', status: 400 }, 'bad-response'],
    ['429', { kind: 'status', status: 429 }, 'rate-limited'],
    ['500', { kind: 'status', status: 500 }, 'bad-response'],
    ['a redirect', { kind: 'redirect', location: 'http://127.0.0.1:1/' }, 'bad-response'],
    ['a reset', { kind: 'reset' }, 'unreachable'],
  ])('%s', async (_, fault, reason) => {
    rig.stub.failNext(fault)
    expect(await rig.scan(input('hi'))).toMatchObject(failure(reason))
  })

  test('a wrong key, and neither it nor the text is in the error', async () => {
    const wrong = 'sk-wrong-key'
    expect(await rig.scan(input('my secret text'), { api_key: wrong })).toMatchObject(failure('bad-response'))
    expect(rig.faults).toHaveLength(1)
    expect(String(rig.faults[0])).not.toMatch(/sk-wrong-key|my secret text/)
  })

  test('a service that never answers is a timeout', async () => {
    rig.stub.failNext({ kind: 'hang' })
    expect(await rig.scan(input('hi'), { timeout: 20 })).toMatchObject(failure('timeout'))
  })

  test('an abort is a cancellation, which ends the request', async () => {
    rig.stub.failNext({ kind: 'hang' })
    const abort = new AbortController()
    const outcome = rig.scan(input('hi'), {}, abort.signal)
    await rig.stub.waitForRequests(1)
    abort.abort()
    expect(await outcome).toMatchObject(failure('cancelled'))
    await rig.stub.hungUp
  })
})
