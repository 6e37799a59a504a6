import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Outcome, ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import type { HttpClient } from '../../../../src/guardrail/http-client.ts'
import { createHttpClient } from '../../../../src/guardrail/http-client.ts'
import { presidio } from '../../../../src/guardrail/presidio/presidio.ts'
import { runRemoteScan } from '../../../../src/guardrail/run-scan.ts'
import type { PresidioStub, PresidioStubFault } from '../../../support/presidio-stub.ts'
import { startPresidioStub } from '../../../support/presidio-stub.ts'
import { input, output, segment } from '../segments.ts'

let client: HttpClient
let stub: PresidioStub

beforeEach(async () => {
  client = createHttpClient()
  stub = await startPresidioStub()
})

afterEach(async () => {
  await client.close()
  await stub.close()
})

function guardrail(config: object = {}) {
  const parsed = presidio.configSchema.parse({ kind: 'presidio', endpoint: stub.url, ...config })
  return presidio.create('pii', parsed, client)
}

function scan(subject: ScanSubject, config: object = {}, faults: unknown[] = []): Promise<Outcome> {
  return runRemoteScan(
    guardrail(config),
    subject,
    new AbortController().signal,
    () => 0,
    error => faults.push(error),
  )
}

/** Each finding as `detector: the text that its span covers`. */
async function found(subject: ScanSubject, config: object = {}): Promise<readonly string[]> {
  const outcome = await scan(subject, config)
  if (outcome.kind === 'failure' || outcome.verdict.kind === 'clean') return [JSON.stringify(outcome)]
  return outcome.verdict.findings.map(({ detector, span }) => {
    const text = span && subject.segments[span.segment]!.text.slice(span.start, span.end)
    return `${detector}: ${text}`
  })
}

const verdict = (value: object) => ({ kind: 'verdict', verdict: value })
const failure = (reason: string) => ({ kind: 'failure', reason })
const PHONE = { entity_type: 'PHONE_NUMBER', start: 0, end: 2, score: 0.75 }

describe('what is sent', () => {
  test('the text, the language and the threshold', async () => {
    expect(await scan(input('hi'))).toMatchObject(verdict({ kind: 'clean' }))
    expect(stub.requests).toEqual([{ text: 'hi', language: 'en', score_threshold: 0.5 }])
  })

  test('the entities that are configured, and another threshold', async () => {
    const config = { entities: ['US_DRIVER_LICENSE'], score_threshold: 0.2 }
    expect(await found(input('A1234567 or a@b.co'), config)).toEqual(['pii/us_driver_license: A1234567'])
    expect(stub.requests).toEqual([
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
    expect(stub.requests.map(({ text }) => text).sort()).toEqual(['one', 'two'])
    expect(await scan(input('', ' '))).toMatchObject(verdict({ kind: 'clean' }))
    expect(stub.requests).toHaveLength(2)
  })

  test('an answer without what was asked', async () => {
    const subject: ScanSubject = {
      side: 'output',
      conversation: [segment('a@b.co')],
      segments: [segment('fine', { role: 'assistant' })],
      final: true,
    }
    expect(await scan(subject)).toMatchObject(verdict({ kind: 'clean' }))
    expect(stub.requests.map(({ text }) => text)).toEqual(['fine'])
  })

  test.each(['', '/', '/analyze', '/analyze/'])('the endpoint may end in %j', async end => {
    expect(await scan(input('hi'), { endpoint: stub.url + end })).toMatchObject(verdict({ kind: 'clean' }))
  })

  test('eight at once, the others after them', async () => {
    const gate = Promise.withResolvers<void>()
    for (let i = 0; i < 8; i++) stub.failNext({ kind: 'gate', until: gate.promise })
    const outcome = scan(input(...Array.from({ length: 20 }, (_, index) => `text ${index}`)))
    await stub.waitForRequests(8)
    gate.resolve()
    expect(await outcome).toMatchObject(verdict({ kind: 'clean' }))
    expect(stub.requests).toHaveLength(20)
    expect(stub.mostAtOnce).toBe(8)
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

  test('places are the text’s own after characters of two units', async () => {
    expect(await found(input('😀 a@b.co 👩🏽‍🚀 212-555-1234'))).toEqual([
      'pii/email_address: a@b.co',
      'pii/phone_number: 212-555-1234',
    ])
  })

  test('a lone surrogate reaches the service as a character of its own', async () => {
    expect(await found(input('\ud83d a@b.co'))).toEqual(['pii/email_address: a@b.co'])
    expect(stub.requests[0]?.text).toBe('\ufffd a@b.co')
  })

  test('choices of an answer', async () => {
    expect(await found(output('fine', 'a@b.co'))).toEqual(['pii/email_address: a@b.co'])
  })

  test('results that overlap are all kept, the same one once', async () => {
    const overlapping = [PHONE, { ...PHONE, start: 1, end: 4 }, { ...PHONE, score: 0.4 }]
    stub.failNext({ kind: 'body', body: JSON.stringify(overlapping) })
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
    stub.failNext({ kind: 'body', body: JSON.stringify([{ ...PHONE, ...wrong }]) })
    expect(await scan(input('12345'))).toMatchObject(
      verdict({ kind: 'flagged', findings: [{ detector: 'pii/phone_number', score: 0.75 }] }),
    )
    stub.failNext({ kind: 'body', body: JSON.stringify([{ ...PHONE, ...wrong }]) })
    expect(await found(input('12345'))).toEqual(['pii/phone_number: undefined'])
  })

  test('an entity that is no name does not become one', async () => {
    stub.failNext({
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
    stub.failNext({ kind: 'body', body: JSON.stringify(answer) })
    expect(await scan(input('12345'))).toMatchObject(failure('bad-response'))
  })

  test.each<[string, PresidioStubFault, string]>([
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
    stub.failNext(fault)
    expect(await scan(input('hi'))).toMatchObject(failure(reason))
  })

  test('a language without a model is no verdict', async () => {
    expect(await scan(input('hallo'), { language: 'de' })).toMatchObject(failure('bad-response'))
  })

  test('one text that could not be judged is a failure, whatever the others are', async () => {
    stub.failFor('bad', { kind: 'status', status: 500 })
    expect(await scan(input('good', 'bad', 'good too'))).toMatchObject(failure('bad-response'))
  })

  test('what was found counts beside a failure, and says that not all was judged', async () => {
    stub.failFor('bad', { kind: 'status', status: 500 })
    expect(await found(input('bad', 'a@b.co'))).toEqual(['pii/email_address: a@b.co', 'unscanned: undefined'])
  })

  test('no error quotes a text', async () => {
    const faults: unknown[] = []
    for (const body of ['{"text":"secret-text"}', '"secret-text"', '[{"entity_type":"secret-text"}]']) {
      stub.failNext({ kind: 'body', body })
      await scan(input('secret-text'), {}, faults)
    }
    expect(faults).toHaveLength(3)
    expect(faults.map(String).join()).not.toContain('secret-text')
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
    const long = stub.requests.filter(({ text: sent }) => sent !== 'x')
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
    expect(stub.requests.map(({ text }) => text).join('')).not.toContain('\ufffd')
  })

  test('over what twenty requests take is a failure, and nothing is sent', async () => {
    expect(await scan(input('x'.repeat(2_100_000)))).toMatchObject(failure('over-limit'))
    expect(stub.requests).toEqual([])
  })
})

describe('a long conversation', () => {
  test('shares requests, each finding in its own text', async () => {
    const texts = Array.from({ length: 300 }, (_, index) => `😀 turn ${index}: user${index}@b.co`)
    const findings = await found(input(...texts))
    expect(findings).toEqual(texts.map((_, index) => `pii/email_address: user${index}@b.co`))
    expect(stub.requests.length).toBeLessThanOrEqual(20)
  })

  test('of long turns stays within twenty requests', async () => {
    const texts = Array.from({ length: 40 }, (_, index) => `${'word '.repeat(6000)} u${index}@b.co`)
    expect(await found(input(...texts))).toHaveLength(40)
    expect(stub.requests.length).toBeLessThanOrEqual(20)
  })
})

describe('time', () => {
  test('a service that never answers is a timeout', async () => {
    stub.failNext({ kind: 'hang' })
    expect(await scan(input('hi'), { timeout: 20 })).toMatchObject(failure('timeout'))
  })

  test('an abort ends what is under way and sends nothing more', async () => {
    for (let i = 0; i < 20; i++) stub.failNext({ kind: 'hang' })
    const controller = new AbortController()
    const texts = Array.from({ length: 20 }, (_, index) => `text ${index}`)
    const asked = guardrail().scan(input(...texts), controller.signal)
    const rejected = expect(asked).rejects.toMatchObject({ reason: 'cancelled' })
    await stub.waitForRequests(8)
    controller.abort()
    await rejected
    await stub.waitForAborts(8)
    expect(stub.requests).toHaveLength(8)
  })
})
