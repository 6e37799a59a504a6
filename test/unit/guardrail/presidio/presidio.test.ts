import { describe, expect, test } from 'vitest'
import type { ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import { presidio } from '../../../../src/guardrail/presidio/presidio.ts'
import { runRemoteScan } from '../../../../src/guardrail/run-scan.ts'
import { askService } from '../../../../src/service/ask-service.ts'
import { guardrailDeps } from '../../../support/guard-http.ts'
import type { StubFault } from '../../../support/judging-server.ts'
import { startPresidioStub } from '../../../support/presidio-stub.ts'
import { failure, useRig, verdict } from '../rig.ts'
import { breakdownOf, input, output, segment } from '../segments.ts'

const rig = useRig({
  start: () => startPresidioStub(),
  create: (stub, config, client) => {
    const given = { kind: 'presidio', endpoint: stub.origin, ...config }
    return presidio.create('pii', presidio.configSchema.parse(given), client)
  },
})
const { scan } = rig

/** Each finding as `detector: the text that its span covers`. */
async function found(subject: ScanSubject, config: object = {}): Promise<readonly string[]> {
  const outcome = await scan(subject, config)
  if (outcome.kind === 'failure' || outcome.verdict.kind === 'clean') return [JSON.stringify(outcome)]
  return outcome.verdict.findings.map(({ detector, span }) => {
    const text = span && subject.segments[span.segment]!.text.slice(span.start, span.end)
    return `${detector}: ${text}`
  })
}

const PHONE = { entity_type: 'PHONE_NUMBER', start: 0, end: 2, score: 0.75 }

describe('what is sent', () => {
  test('the text, the language and the threshold', async () => {
    expect(await scan(input('hi'))).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.requests).toEqual([{ text: 'hi', language: 'en', score_threshold: 0.5 }])
  })

  test('the entities that are configured, and another threshold', async () => {
    const config = { entities: ['US_DRIVER_LICENSE'], score_threshold: 0.2 }
    expect(await found(input('A1234567 or a@b.co'), config)).toEqual(['pii/us_driver_license: A1234567'])
    expect(rig.stub.requests).toEqual([
      {
        text: 'A1234567 or a@b.co',
        language: 'en',
        entities: ['US_DRIVER_LICENSE'],
        score_threshold: 0.2,
      },
    ])
  })

  test('a request for each text, none for blank ones', async () => {
    await scan(input('one', ' \n', 'two', ''))
    expect(rig.stub.requests.map(({ text }) => text).sort()).toEqual(['one', 'two'])
    expect(await scan(input('', ' '))).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.requests).toHaveLength(2)
  })

  test('an answer without what was asked', async () => {
    const subject: ScanSubject = {
      side: 'output',
      conversation: [segment('a@b.co')],
      segments: [segment('fine', { role: 'assistant' })],
      final: true,
    }
    expect(await scan(subject)).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.requests.map(({ text }) => text)).toEqual(['fine'])
  })

  test.each(['', '/', '/analyze', '/analyze/'])('the endpoint may end in %j', async end => {
    expect(await scan(input('hi'), { endpoint: rig.stub.origin + end })).toMatchObject(
      verdict({ kind: 'clean' }),
    )
  })

  test.each([
    [8, {}],
    [3, { max_concurrent: 3 }],
  ])('%i at once with config %j, the others after them', async (most, more) => {
    const subject = input(...Array.from({ length: 20 }, (_, index) => `text ${index}`))
    const given = { kind: 'presidio', endpoint: rig.stub.origin, ...more }
    const config = presidio.configSchema.parse(given)
    let [atOnce, mostAtOnce] = [0, 0]
    const deps = guardrailDeps(() => async post => {
      atOnce += 1
      mostAtOnce = Math.max(mostAtOnce, atOnce)
      const answer = await rig.client.postJson(post)
      atOnce -= 1
      return answer
    })
    const served = askService('pii', config, deps, postJson => presidio.create('pii', config, { postJson }))
    const outcome = await runRemoteScan(served, subject, new AbortController().signal, () => 0)
    expect(outcome).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.requests).toHaveLength(20)
    expect(mostAtOnce).toBe(most)
  })
})

describe('what is answered', () => {
  test('every finding with its score and its place', async () => {
    expect(await scan(input('call 212-555-1234', 'or a@b.co'))).toMatchObject(
      verdict({
        kind: 'flagged',
        findings: [
          { detector: 'pii/phone_number', score: 0.75, span: { segment: 0, start: 5, end: 17 } },
          { detector: 'pii/email_address', score: 1, span: { segment: 1, start: 3, end: 9 } },
        ],
      }),
    )
  })

  test('beside them, the entities that were looked for and not found', async () => {
    const entities = ['PHONE_NUMBER', 'EMAIL_ADDRESS', 'US_DRIVER_LICENSE']
    const outcome = await scan(input('or a@b.co', 'call 212-555-1234'), { entities })
    const told = [...breakdownOf(outcome)].sort((a, b) => a.detector.localeCompare(b.detector))
    expect(told).toEqual([
      { detector: 'pii/email_address', detected: true, score: 1 },
      { detector: 'pii/phone_number', detected: true, score: 0.75 },
      { detector: 'pii/us_driver_license', detected: false },
    ])
    expect(breakdownOf(await scan(input('a@b.co')))).toEqual([
      { detector: 'pii/email_address', detected: true, score: 1 },
    ])
  })

  test('places are the text’s own after characters of two units', async () => {
    expect(await found(input('😀 a@b.co 👩🏽‍🚀 212-555-1234'))).toEqual([
      'pii/email_address: a@b.co',
      'pii/phone_number: 212-555-1234',
    ])
  })

  test('a lone surrogate reaches the service as a character of its own', async () => {
    expect(await found(input('\ud83d a@b.co'))).toEqual(['pii/email_address: a@b.co'])
    expect(rig.stub.requests[0]?.text).toBe('\ufffd a@b.co')
  })

  test('choices of an answer', async () => {
    expect(await found(output('fine', 'a@b.co'))).toEqual(['pii/email_address: a@b.co'])
  })

  test('results that overlap are all kept, the same one once', async () => {
    const overlapping = [PHONE, { ...PHONE, start: 1, end: 4 }, { ...PHONE, score: 0.4 }]
    rig.stub.failNext({ kind: 'body', body: JSON.stringify(overlapping) })
    expect(await scan(input('12345'))).toMatchObject(
      verdict({
        findings: [
          { score: 0.75, span: { segment: 0, start: 0, end: 2 } },
          { score: 0.75, span: { segment: 0, start: 1, end: 4 } },
        ],
      }),
    )
  })

  test.each<[string, object]>([
    ['reaches past the text', { end: 6 }],
    ['starts before it', { start: -1 }],
    ['is empty', { start: 2 }],
    ['is turned around', { start: 3 }],
  ])('a finding whose place %s has none', async (_, wrong) => {
    rig.stub.failNext({ kind: 'body', body: JSON.stringify([{ ...PHONE, ...wrong }]) })
    expect(await scan(input('12345'))).toMatchObject(
      verdict({ kind: 'flagged', findings: [{ detector: 'pii/phone_number', score: 0.75 }] }),
    )
    rig.stub.failNext({ kind: 'body', body: JSON.stringify([{ ...PHONE, ...wrong }]) })
    expect(await found(input('12345'))).toEqual(['pii/phone_number: undefined'])
  })

  test('an entity that is no name does not become one', async () => {
    rig.stub.failNext({
      kind: 'body',
      body: JSON.stringify([{ ...PHONE, entity_type: 'my number is 1' }]),
    })
    expect(await found(input('12345'))).toEqual(['pii/other: 12'])
  })

  test.each<[string, unknown]>([
    ['null', null],
    ['an object', { error: 'no' }],
    ['an object that is empty', {}],
    ['a list of lists, as for many texts', [[PHONE]]],
    ['null in the list', [null]],
    ['no entity', [{ ...PHONE, entity_type: undefined }]],
    ['entity null', [{ ...PHONE, entity_type: null }]],
    ['entity empty', [{ ...PHONE, entity_type: '' }]],
    ['no start', [{ ...PHONE, start: undefined }]],
    ['start null', [{ ...PHONE, start: null }]],
    ['end as text', [{ ...PHONE, end: '2' }]],
    ['a fractional end', [{ ...PHONE, end: 1.5 }]],
    ['no score', [{ ...PHONE, score: undefined }]],
    ['score null', [{ ...PHONE, score: null }]],
    ['a score over 1', [{ ...PHONE, score: 1.1 }]],
    ['one good result and a bad one', [PHONE, { entity_type: 'X' }]],
  ])('%s is no verdict', async (_, answer) => {
    rig.stub.failNext({ kind: 'body', body: JSON.stringify(answer) })
    expect(await scan(input('12345'))).toMatchObject(failure('bad-response'))
  })

  test.each<[string, StubFault, string]>([
    ['an empty body', { kind: 'body', body: '' }, 'bad-response'],
    ['not JSON', { kind: 'body', body: '<html>' }, 'bad-response'],
    ['truncated JSON', { kind: 'body', body: '[{"entity_type":"PH' }, 'bad-response'],
    ['a cut', { kind: 'cut' }, 'bad-response'],
    ['400', { kind: 'status', status: 400 }, 'bad-response'],
    ['429', { kind: 'status', status: 429 }, 'rate-limited'],
    ['500', { kind: 'status', status: 500 }, 'bad-response'],
    ['a redirect', { kind: 'redirect', location: 'http://127.0.0.1:1/' }, 'bad-response'],
    ['a reset', { kind: 'reset' }, 'unreachable'],
  ])('%s is no verdict', async (_, fault, reason) => {
    rig.stub.failNext(fault)
    expect(await scan(input('hi'))).toMatchObject(failure(reason))
  })

  test('a language without a model is no verdict', async () => {
    expect(await scan(input('hallo'), { language: 'de' })).toMatchObject(failure('bad-response'))
  })

  test('one text that could not be judged is a failure, whatever the others are', async () => {
    rig.stub.failWhere(({ body }) => body.includes('bad'), { kind: 'status', status: 500 })
    expect(await scan(input('good', 'bad', 'good too'))).toMatchObject(failure('bad-response'))
  })

  test('what was found counts beside a failure, and says that not all was judged', async () => {
    rig.stub.failWhere(({ body }) => body.includes('bad'), { kind: 'status', status: 500 })
    expect(await found(input('bad', 'a@b.co'))).toEqual(['pii/email_address: a@b.co', 'unscanned: undefined'])
  })

  test('no error quotes a text', async () => {
    for (const body of ['{"text":"secret-text"}', '"secret-text"', '[{"entity_type":"secret-text"}]']) {
      rig.stub.failNext({ kind: 'body', body })
      await scan(input('secret-text'))
    }
    expect(rig.faults).toHaveLength(3)
    expect(rig.faults.map(String).join()).not.toContain('secret-text')
  })
})

describe('a long text', () => {
  const LINE = 'Nothing to see here, move along.\n'
  const filler = (chars: number) => LINE.repeat(Math.ceil(chars / LINE.length)).slice(0, chars)

  test('is cut at a boundary, and what is found is put back', async () => {
    const text = `a@b.co ${filler(99_000)}😀\n\n212-555-1234 ${filler(99_000)} c@d.co`
    const findings = await found(input('x', text))
    expect([...findings].sort()).toEqual([
      'pii/email_address: a@b.co',
      'pii/email_address: c@d.co',
      'pii/phone_number: 212-555-1234',
    ])
    const long = rig.stub.requests.filter(({ text: sent }) => sent !== 'x')
    expect(long.length).toBeGreaterThan(1)
    expect(Math.max(...long.map(({ text: sent }) => sent.length))).toBeLessThanOrEqual(100_000)
    expect(long.map(({ text: sent }) => sent.at(-1))).toContain('\n')
  })

  test('without any boundary is seen across the cut, its pairs whole', async () => {
    const phone = '212-555-1234'
    for (const shift of [0, 1, 5, 11]) {
      const text = `${'😀'.repeat(49_994)}${'x'.repeat(shift)}${phone}${'😀'.repeat(30_000)}`
      expect(await found(input(text))).toContain(`pii/phone_number: ${phone}`)
    }
    expect(rig.stub.requests.map(({ text }) => text).join('')).not.toContain('\ufffd')
  })

  test('over what twenty requests take is a failure, and nothing is sent', async () => {
    expect(await scan(input('x'.repeat(2_100_000)))).toMatchObject(failure('over-limit'))
    expect(rig.stub.requests).toEqual([])
  })
})

describe('a long conversation', () => {
  test('shares requests, each finding in its own text', async () => {
    const texts = Array.from({ length: 300 }, (_, index) => `😀 turn ${index}: user${index}@b.co`)
    const findings = await found(input(...texts))
    expect(findings).toEqual(texts.map((_, index) => `pii/email_address: user${index}@b.co`))
    expect(rig.stub.requests.length).toBeLessThanOrEqual(20)
  })

  test('of long turns stays within twenty requests', async () => {
    const texts = Array.from({ length: 40 }, (_, index) => `${'word '.repeat(6000)} u${index}@b.co`)
    expect(await found(input(...texts))).toHaveLength(40)
    expect(rig.stub.requests.length).toBeLessThanOrEqual(20)
  })
})

describe('time', () => {
  test('a service that never answers is a timeout', async () => {
    rig.stub.failNext({ kind: 'hang' })
    expect(await scan(input('hi'), { timeout: 20 })).toMatchObject(failure('timeout'))
  })

  test('an abort ends all that is under way', async () => {
    for (let i = 0; i < 20; i++) rig.stub.failNext({ kind: 'hang' })
    const controller = new AbortController()
    const texts = Array.from({ length: 20 }, (_, index) => `text ${index}`)
    const asked = rig.guardrail().scan(input(...texts), controller.signal)
    const rejected = expect(asked).rejects.toMatchObject({ reason: 'cancelled' })
    await rig.stub.waitForRequests(20)
    controller.abort()
    await rejected
    await rig.stub.waitForHangUps(20)
  })
})
