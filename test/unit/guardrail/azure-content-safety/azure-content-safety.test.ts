import { describe, expect, test } from 'vitest'
import type { ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import type { StubFault } from '../../../support/judging-server.ts'
import { clean, detectorsOf, failure, useRig } from '../rig.ts'
import { breakdownOf, input, output, segment } from '../segments.ts'
import { contentSafety } from './rig.ts'

const rig = useRig(contentSafety)
const SHIELD = { checks: ['prompt_shield'] }
const ANALYZE = { checks: ['analyze'] }

describe('prompt_shield', () => {
  test('sends what was said as the prompt and tool results as documents', async () => {
    const segments = [
      segment('Be a bank.', { message: 0, role: 'system' }),
      segment('one', { message: 1 }),
      segment('two', { message: 1 }),
      segment('{"q":1}', { message: 2, role: 'assistant', kind: 'tool-call' }),
      segment('page 1', { message: 3, role: 'tool', kind: 'tool-result' }),
      segment('page 2', { message: 4, role: 'user', kind: 'tool-result' }),
      segment('thanks', { message: 4 }),
    ]
    expect(await rig.scan({ side: 'input', segments }, SHIELD)).toMatchObject(clean)
    expect(rig.stub.shieldRequests).toEqual([
      { userPrompt: 'Be a bank.\n\none\ntwo\n\n{"q":1}\n\nthanks', documents: ['page 1', 'page 2'] },
    ])
    expect(rig.stub.analyzeRequests).toEqual([])
  })

  test('sends an answer as documents, one per choice, without the conversation', async () => {
    const subject: ScanSubject = {
      side: 'output',
      conversation: [segment('ATTACK-ME')],
      segments: [
        segment('a0', { message: 0, role: 'assistant' }),
        segment('b0', { message: 1, role: 'assistant' }),
        segment('a1', { message: 0, role: 'assistant' }),
      ],
      final: true,
    }
    expect(await rig.scan(subject, SHIELD)).toMatchObject(clean)
    expect(rig.stub.shieldRequests).toEqual([{ userPrompt: '', documents: ['a0\na1', 'b0'] }])
  })

  test.each<[string, ScanSubject, readonly string[]]>([
    ['the user', input('hi', 'ATTACK-ME'), ['prompt_attack']],
    [
      'a system text',
      { side: 'input', segments: [segment('ATTACK-ME', { role: 'system' })] },
      ['prompt_attack'],
    ],
    [
      'a tool result',
      { side: 'input', segments: [segment('ATTACK-ME', { role: 'tool', kind: 'tool-result' })] },
      ['prompt_attack/document'],
    ],
    [
      'both',
      {
        side: 'input',
        segments: [segment('ATTACK-ME'), segment('ATTACK-ME', { message: 1, kind: 'tool-result' })],
      },
      ['prompt_attack', 'prompt_attack/document'],
    ],
    ['an answer', output('fine', 'ATTACK-ME'), ['prompt_attack/document']],
    ['nobody', input('hello'), []],
  ])('an attack by %s', async (_, subject, detectors) => {
    expect(detectorsOf(await rig.scan(subject, SHIELD))).toEqual(detectors)
  })

  test.each<[string, unknown]>([
    ['the prompt’s analysis is missing', { documentsAnalysis: [{ attackDetected: false }] }],
    [
      'the prompt’s analysis is null',
      { userPromptAnalysis: null, documentsAnalysis: [{ attackDetected: false }] },
    ],
    ['the documents’ analysis is missing', { userPromptAnalysis: { attackDetected: false } }],
    [
      'the documents’ analysis is null',
      { userPromptAnalysis: { attackDetected: false }, documentsAnalysis: null },
    ],
    [
      'a document’s analysis is missing',
      { userPromptAnalysis: { attackDetected: false }, documentsAnalysis: [] },
    ],
    [
      'a document’s analysis is null',
      { userPromptAnalysis: { attackDetected: false }, documentsAnalysis: [null] },
    ],
    [
      'attackDetected is null',
      { userPromptAnalysis: { attackDetected: null }, documentsAnalysis: [{ attackDetected: false }] },
    ],
    [
      'attackDetected is a string',
      { userPromptAnalysis: { attackDetected: 'false' }, documentsAnalysis: [{ attackDetected: false }] },
    ],
    ['it is another operation’s', { categoriesAnalysis: [], blocklistsMatch: [] }],
    ['it is null', null],
    ['it is a list', []],
  ])('no verdict when %s', async (_, answer) => {
    rig.stub.fail('shieldPrompt', { kind: 'body', body: JSON.stringify(answer) })
    const segments = [segment('hi'), segment('page', { message: 1, kind: 'tool-result' })]
    expect(await rig.scan({ side: 'input', segments }, SHIELD)).toMatchObject(failure('bad-response'))
  })

  test('what was not sent needs no analysis', async () => {
    const answer = { userPromptAnalysis: { attackDetected: false }, documentsAnalysis: null }
    rig.stub.fail('shieldPrompt', { kind: 'body', body: JSON.stringify(answer) })
    expect(await rig.scan(input('hi'), SHIELD)).toMatchObject(clean)
    const documents = { userPromptAnalysis: null, documentsAnalysis: [{ attackDetected: true }] }
    rig.stub.fail('shieldPrompt', { kind: 'body', body: JSON.stringify(documents) })
    expect(detectorsOf(await rig.scan(output('hi'), SHIELD))).toEqual(['prompt_attack/document'])
  })
})

describe('analyze', () => {
  test('sends all texts with the four categories', async () => {
    const segments = [segment('a', { role: 'system' }), segment('b', { message: 1, kind: 'tool-result' })]
    expect(await rig.scan({ side: 'input', segments }, ANALYZE)).toMatchObject(clean)
    expect(rig.stub.analyzeRequests).toEqual([
      {
        text: 'a\n\nb',
        categories: ['Hate', 'SelfHarm', 'Sexual', 'Violence'],
        outputType: 'FourSeverityLevels',
      },
    ])
    expect(rig.stub.shieldRequests).toEqual([])
  })

  test('sends blocklists, the finer levels and the categories that are not off', async () => {
    const config = {
      ...ANALYZE,
      blocklists: ['Names', 'b.2'],
      severity_levels: 'eight',
      thresholds: { sexual: 'off', violence: 'off' },
    }
    await rig.scan(input('hi'), config)
    expect(rig.stub.analyzeRequests).toEqual([
      {
        text: 'hi',
        categories: ['Hate', 'SelfHarm'],
        blocklistNames: ['Names', 'b.2'],
        haltOnBlocklistHit: false,
        outputType: 'EightSeverityLevels',
      },
    ])
  })

  test.each<[string, object, readonly string[]]>([
    ['HATE-2', {}, []],
    ['HATE-4', {}, ['hate severity_4']],
    ['SELFHARM-6', {}, ['self_harm severity_6']],
    ['SEXUAL-5', {}, ['sexual severity_4']],
    ['VIOLENCE-4 HATE-6', {}, ['hate severity_6', 'violence severity_4']],
    ['HATE-2', { thresholds: { hate: 2 } }, ['hate severity_2']],
    ['HATE-4 VIOLENCE-4', { thresholds: { hate: 6 } }, ['violence severity_4']],
    ['HATE-6', { thresholds: { hate: 'off' } }, []],
    ['HATE-5', { thresholds: { hate: 5 }, severity_levels: 'eight' }, ['hate severity_5']],
    ['HATE-4', { thresholds: { hate: 5 }, severity_levels: 'eight' }, []],
    ['LISTED', {}, []],
    ['LISTED', { blocklists: ['Names'] }, ['blocklist/names']],
    ['LISTED HATE-4', { blocklists: ['a', 'b'] }, ['hate severity_4', 'blocklist/a', 'blocklist/b']],
    ['fine', { blocklists: ['Names'] }, []],
  ])('%s with %j', async (text, config, detectors) => {
    expect(detectorsOf(await rig.scan(input('hello', text), { ...ANALYZE, ...config }))).toEqual(detectors)
    expect(detectorsOf(await rig.scan(output(text), { ...ANALYZE, ...config }))).toEqual(detectors)
  })

  const hate = (severity: unknown) => [{ category: 'Hate', severity }]
  const onlyHate = { ...ANALYZE, thresholds: { self_harm: 'off', sexual: 'off', violence: 'off' } }

  test.each<[string, unknown]>([
    ['it is null', null],
    ['it is another operation’s', { userPromptAnalysis: { attackDetected: false } }],
    ['the analysis is missing', { blocklistsMatch: [] }],
    ['the analysis is null', { categoriesAnalysis: null, blocklistsMatch: [] }],
    ['a category is missing', { categoriesAnalysis: [], blocklistsMatch: [] }],
    [
      'only another category is there',
      { categoriesAnalysis: [{ category: 'Sexual', severity: 0 }], blocklistsMatch: [] },
    ],
    ['a severity is missing', { categoriesAnalysis: [{ category: 'Hate' }], blocklistsMatch: [] }],
    ['a severity is null', { categoriesAnalysis: hate(null), blocklistsMatch: [] }],
    ['a severity is a string', { categoriesAnalysis: hate('0'), blocklistsMatch: [] }],
    ['a severity is over 7', { categoriesAnalysis: hate(8), blocklistsMatch: [] }],
    ['the blocklists’ matches are missing', { categoriesAnalysis: hate(0) }],
    ['the blocklists’ matches are null', { categoriesAnalysis: hate(0), blocklistsMatch: null }],
    ['a match has no list', { categoriesAnalysis: hate(0), blocklistsMatch: [{ blocklistName: null }] }],
  ])('no verdict when %s', async (_, answer) => {
    rig.stub.fail('analyze', { kind: 'body', body: JSON.stringify(answer) })
    const config = { ...onlyHate, blocklists: ['Names'] }
    expect(await rig.scan(input('hi'), config)).toMatchObject(failure('bad-response'))
  })

  test('without blocklists their matches may be missing, but one that is there counts', async () => {
    rig.stub.fail('analyze', { kind: 'body', body: JSON.stringify({ categoriesAnalysis: hate(0) }) })
    expect(await rig.scan(input('hi'), onlyHate)).toMatchObject(clean)
    const match = { blocklistName: 'my card is 4111', blocklistItemId: 'i', blocklistItemText: 'x' }
    const answer = { categoriesAnalysis: hate(0), blocklistsMatch: [match] }
    rig.stub.fail('analyze', { kind: 'body', body: JSON.stringify(answer) })
    expect(detectorsOf(await rig.scan(input('hi'), onlyHate))).toEqual(['blocklist'])
  })
})

describe('both checks', () => {
  test('are asked by default, and either flags', async () => {
    expect(await rig.scan(input('hi'))).toMatchObject({
      verdict: { kind: 'clean', requestId: '4f2c9f3e-check' },
    })
    expect([rig.stub.shieldRequests.length, rig.stub.analyzeRequests.length]).toEqual([1, 1])
    expect(detectorsOf(await rig.scan(input('ATTACK-ME')))).toEqual(['prompt_attack'])
    expect(detectorsOf(await rig.scan(input('VIOLENCE-6')))).toEqual(['violence severity_6'])
  })

  test('twice the same check is asked once', async () => {
    await rig.scan(input('hi'), { checks: ['analyze', 'analyze'] })
    expect(rig.stub.analyzeRequests).toHaveLength(1)
  })

  test('blank text is not asked about', async () => {
    expect(await rig.scan(input('', ' \n'))).toMatchObject(clean)
    expect(await rig.scan({ side: 'input', segments: [] })).toMatchObject(clean)
    expect([rig.stub.shieldRequests, rig.stub.analyzeRequests]).toEqual([[], []])
  })

  test('one that fails leaves no verdict, but does not hide what the other flags', async () => {
    rig.stub.fail('analyze', { kind: 'status', status: 500 })
    expect(await rig.scan(input('hi'))).toMatchObject(failure('bad-response'))
    expect(detectorsOf(await rig.scan(input('ATTACK-ME')))).toEqual(['prompt_attack'])
  })

  test('one that flags does not wait for one that hangs', async () => {
    rig.stub.fail('analyze', { kind: 'hang' })
    expect(detectorsOf(await rig.scan(input('ATTACK-ME')))).toEqual(['prompt_attack'])
  })

  test.each<[string, StubFault, string]>([
    ['truncated JSON', { kind: 'body', body: '{"userPromptAnalysis":{"attackDetected":fal' }, 'bad-response'],
    ['not JSON', { kind: 'body', body: '<html>Bad gateway</html>' }, 'bad-response'],
    ['a cut answer', { kind: 'cut' }, 'bad-response'],
    ['400', { kind: 'status', status: 400 }, 'bad-response'],
    ['429', { kind: 'status', status: 429 }, 'rate-limited'],
    ['500', { kind: 'status', status: 500 }, 'bad-response'],
    ['a redirect', { kind: 'redirect', location: 'http://127.0.0.1:1/' }, 'bad-response'],
    ['a reset', { kind: 'reset' }, 'unreachable'],
  ])('%s is no verdict', async (_, fault, reason) => {
    for (const [check, operation] of [
      ['prompt_shield', 'shieldPrompt'],
      ['analyze', 'analyze'],
    ] as const) {
      rig.stub.fail(operation, fault)
      expect(await rig.scan(input('hi'), { checks: [check] })).toMatchObject(failure(reason))
    }
  })

  test('a wrong key is no verdict, and neither it nor the text is in the error', async () => {
    const outcome = await rig.scan(input('my secret text'), { api_key: 'wrong-key' })
    expect(outcome).toMatchObject(failure('bad-response'))
    expect(rig.faults).toHaveLength(1)
    expect(String(rig.faults[0])).not.toMatch(/wrong-key|my secret text/)
  })

  test('a service that never answers is a timeout, and an abort ends the request', async () => {
    rig.stub.fail('analyze', { kind: 'hang' })
    expect(await rig.scan(input('hi'), { ...ANALYZE, timeout: 20 })).toMatchObject(failure('timeout'))
    const abort = new AbortController()
    const outcome = rig.scan(input('hi'), ANALYZE, abort.signal)
    await rig.stub.waitForRequests(2)
    abort.abort()
    expect(await outcome).toMatchObject(failure('cancelled'))
    await rig.stub.hungUp
  })
})

test('beside what was found, what every category, blocklist and check came to is told', async () => {
  const subject: ScanSubject = {
    side: 'input',
    segments: [
      segment('HATE-4 SEXUAL-2'),
      segment('found it', { message: 1, role: 'tool', kind: 'tool-result' }),
    ],
  }
  const outcome = await rig.scan(subject, { checks: ['analyze'], blocklists: ['words'] })
  expect(breakdownOf(outcome)).toEqual([
    { detector: 'hate', detected: true, level: 'severity_4' },
    { detector: 'self_harm', detected: false, level: 'severity_0' },
    { detector: 'sexual', detected: false, level: 'severity_2' },
    { detector: 'violence', detected: false, level: 'severity_0' },
    { detector: 'blocklist/words', detected: false },
  ])
  const attacked = { ...subject, segments: [segment('ATTACK-ME'), ...subject.segments.slice(1)] }
  expect(breakdownOf(await rig.scan(attacked, { checks: ['prompt_shield'] }))).toEqual([
    { detector: 'prompt_attack', detected: true },
    { detector: 'prompt_attack/document', detected: false },
  ])
})
