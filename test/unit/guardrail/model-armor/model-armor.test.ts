import { describe, expect, test } from 'vitest'
import type { ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import { modelArmor } from '../../../../src/guardrail/model-armor/model-armor.ts'
import type { StubFault } from '../../../support/judging-server.ts'
import { startModelArmorStub } from '../../../support/model-armor-stub.ts'
import { failure, useRig, verdict } from '../rig.ts'
import { input, output, segment } from '../segments.ts'

const TOKEN = 'ya29.model-armor-token'
const TEMPLATE = 'projects/proj-1/locations/europe-west4/templates/strict_1'
const CONFIG = { kind: 'model-armor', project: 'proj-1', location: 'europe-west4', template: 'strict_1' }

const rig = useRig({
  start: () => startModelArmorStub({ accessToken: TOKEN, template: TEMPLATE }),
  create: (stub, config, client) => {
    const given = { ...CONFIG, access_token: TOKEN, endpoint: stub.origin, ...config }
    return modelArmor.create('armor', modelArmor.configSchema.parse(given), client)
  },
})
const { scan } = rig

/** Each finding as `detector: the text that its span covers`. */
async function found(subject: ScanSubject): Promise<readonly string[]> {
  const outcome = await scan(subject)
  if (outcome.kind === 'failure' || outcome.verdict.kind === 'clean') return [JSON.stringify(outcome)]
  return outcome.verdict.findings.map(({ detector, span }) => {
    const text = span && subject.segments[span.segment]!.text.slice(span.start, span.end)
    return `${detector}: ${text}`
  })
}

describe('what is sent', () => {
  test('a request as a prompt, its texts together, blank ones left out', async () => {
    expect(await scan(input('one', ' ', 'two'))).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.requests).toEqual([
      { resource: `${TEMPLATE}:sanitizeUserPrompt`, text: 'one\ntwo', userPrompt: undefined },
    ])
    expect(await scan(input('', ' \n'))).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.requests).toHaveLength(1)
  })

  test('an answer as a model response', async () => {
    expect(await scan(output('one', 'two'))).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.requests).toEqual([
      { resource: `${TEMPLATE}:sanitizeModelResponse`, text: 'one\ntwo', userPrompt: undefined },
    ])
  })

  const answering = (...conversation: ReturnType<typeof segment>[]): ScanSubject => ({
    side: 'output',
    conversation,
    segments: [segment('42', { role: 'assistant' })],
    final: true,
  })

  test('with the last thing that the user said, where the rule shows it', async () => {
    await scan(
      answering(
        segment('Be brief.', { message: 0, role: 'system' }),
        segment('before', { message: 1 }),
        segment('What is', { message: 2 }),
        segment('six by seven? \ud83d', { message: 2 }),
        segment('{}', { message: 3, role: 'tool' }),
      ),
    )
    expect(rig.stub.requests[0]?.userPrompt).toBe('What is\nsix by seven? \ufffd')
  })

  test('without it when it is too long or missing', async () => {
    await scan(answering(segment('x'.repeat(60_001))))
    await scan(answering(segment('Be brief.', { role: 'system' }), segment(' ')))
    expect(rig.stub.requests.map(({ userPrompt }) => userPrompt)).toEqual([undefined, undefined])
  })

  test('no Authorization without a token, as a proxy that adds one wants it', async () => {
    const proxy = await startModelArmorStub({ template: TEMPLATE })
    const config = { access_token: undefined, endpoint: `${proxy.origin}/` }
    expect(await scan(input('hi'), config)).toMatchObject(verdict({ kind: 'clean' }))
    expect(await scan(input('hi'), { endpoint: proxy.origin })).toMatchObject(failure('bad-response'))
    await proxy.close()
  })

  test('to Google’s endpoint of the location, unless another is configured', async () => {
    const urls: string[] = []
    const postJson = async ({ url }: { url: string }) => {
      urls.push(url)
      return { status: 200, headers: {}, json: null }
    }
    const config = modelArmor.configSchema.parse({ ...CONFIG, access_token: TOKEN })
    const asked = modelArmor.create('armor', config, { postJson })
    await expect(asked.scan(input('hi'), new AbortController().signal)).rejects.toThrow()
    expect(urls).toEqual([
      `https://modelarmor.europe-west4.rep.googleapis.com/v1/${TEMPLATE}:sanitizeUserPrompt`,
    ])
  })
})

describe('what is answered', () => {
  test('an attack with its level', async () => {
    expect(await scan(input('hello', 'FLAG-ME now'))).toMatchObject(
      verdict({ kind: 'flagged', findings: [{ detector: 'prompt_attack', level: 'high' }] }),
    )
  })

  test('sensitive data with its places, in the text that it stands in', async () => {
    expect(await found(input('😀 a@b.co', 'née c@d.co'))).toEqual([
      'pii/email_address: a@b.co',
      'pii/email_address: c@d.co',
    ])
    expect(await found(output('fine', 'a@b.co'))).toEqual(['pii/email_address: a@b.co'])
  })

  test('a lone surrogate reaches the service as a character of its own', async () => {
    expect(await found(input('\ud83d a@b.co'))).toEqual(['pii/email_address: a@b.co'])
    expect(rig.stub.requests[0]?.text).toBe('\ufffd a@b.co')
  })

  test.each<[string, StubFault, string]>([
    ['an empty body', { kind: 'body', body: '' }, 'bad-response'],
    ['an empty object', { kind: 'body', body: '{}' }, 'bad-response'],
    ['null', { kind: 'body', body: 'null' }, 'bad-response'],
    ['not JSON', { kind: 'body', body: '<html>' }, 'bad-response'],
    ['truncated JSON', { kind: 'body', body: '{"sanitizationResult":{"filterM' }, 'bad-response'],
    ['a cut', { kind: 'cut' }, 'bad-response'],
    ['400', { kind: 'status', status: 400 }, 'bad-response'],
    ['403', { kind: 'status', status: 403 }, 'bad-response'],
    ['429', { kind: 'status', status: 429 }, 'rate-limited'],
    ['503', { kind: 'status', status: 503 }, 'bad-response'],
    ['a redirect', { kind: 'redirect', location: 'http://127.0.0.1:1/' }, 'bad-response'],
    ['a reset', { kind: 'reset' }, 'unreachable'],
  ])('%s is no verdict', async (_, fault, reason) => {
    rig.stub.failNext(fault)
    expect(await scan(input('hi'))).toMatchObject(failure(reason))
  })

  test('an unknown template and a wrong token are no verdict', async () => {
    expect(await scan(input('hi'), { template: 'other' })).toMatchObject(failure('bad-response'))
    expect(await scan(input('hi'), { access_token: 'other' })).toMatchObject(failure('bad-response'))
  })

  test('no error quotes the token or a text', async () => {
    const bodies: StubFault[] = [
      { kind: 'body', body: '{"sanitizationResult":"secret-text"}' },
      { kind: 'body', body: 'secret-text' },
      { kind: 'status', status: 401 },
      { kind: 'reset' },
    ]
    for (const fault of bodies) {
      rig.stub.failNext(fault)
      await scan(input('secret-text'))
    }
    expect(rig.faults).toHaveLength(4)
    expect(rig.faults.map(String).join()).not.toMatch(/secret-text|ya29/)
  })
})

describe('a long text', () => {
  const filler = 'Nothing to see here, move along.\n'.repeat(1700)

  test('is cut at a boundary, and what is found is put back', async () => {
    const text = `a@b.co ${filler}😀\n\nc@d.co ${filler} e@f.co`
    expect([...(await found(input('first', text)))].sort()).toEqual([
      'pii/email_address: a@b.co',
      'pii/email_address: c@d.co',
      'pii/email_address: e@f.co',
    ])
    expect(rig.stub.requests.length).toBeGreaterThan(1)
    expect(Math.max(...rig.stub.requests.map(({ text: sent }) => sent.length))).toBeLessThanOrEqual(60_000)
  })

  test('is flagged by what stands at its end', async () => {
    expect(await found(input(`${filler}${filler}FLAG-ME`))).toEqual(['prompt_attack: undefined'])
  })

  test('without any boundary is seen across the cut, its pairs whole', async () => {
    for (const shift of [0, 1, 3, 5]) {
      const text = `${'😀'.repeat(29_997)}${'-'.repeat(shift)}a@b.co${'😀'.repeat(10_000)}`
      expect(await found(input(text))).toContain('pii/email_address: a@b.co')
    }
    expect(rig.stub.requests.map(({ text }) => text).join('')).not.toContain('\ufffd')
  })

  test('of which a part could not be judged is a failure, unless something was found', async () => {
    rig.stub.failWhere(({ body }) => body.includes('zzz'), { kind: 'status', status: 500 })
    expect(await scan(input(`${filler}${filler}zzz`))).toMatchObject(failure('bad-response'))
    expect(await found(input(`FLAG-ME ${filler}${filler}zzz`))).toEqual([
      'prompt_attack: undefined',
      'unscanned: undefined',
    ])
  })

  test('over what twenty requests take is a failure, and nothing is sent', async () => {
    expect(await scan(input('x'.repeat(1_300_000)))).toMatchObject(failure('over-limit'))
    expect(rig.stub.requests).toEqual([])
  })
})

describe('time', () => {
  test('a service that never answers is a timeout', async () => {
    rig.stub.failNext({ kind: 'hang' })
    expect(await scan(input('hi'), { timeout: 20 })).toMatchObject(failure('timeout'))
  })

  test('an abort ends the request', async () => {
    rig.stub.failNext({ kind: 'hang' })
    const controller = new AbortController()
    const rejected = expect(rig.guardrail().scan(input('hi'), controller.signal)).rejects.toMatchObject({
      reason: 'cancelled',
    })
    await rig.stub.waitForRequests(1)
    controller.abort()
    await rejected
    await rig.stub.waitForHangUps(1)
  })
})
