import { describe, expect, test } from 'vitest'
import { awsError } from '../../../support/aws-auth.ts'
import { FILTERS, startBedrockStub, tooLarge } from '../../../support/bedrock-guardrail-stub.ts'
import { failure, useRig, verdict } from '../rig.ts'
import { input, output } from '../segments.ts'
import { guardrailService, KEY } from './rig.ts'

const rig = useRig(guardrailService)
const { scan, findings, covered } = rig

describe('what is found', () => {
  test.each(Object.entries(FILTERS))('%s is %s', async (marker, type) => {
    expect(await findings(input(`please ${marker}`))).toEqual([
      { detector: type.toLowerCase(), level: 'HIGH' },
    ])
  })

  test.each([
    ['a denied topic', 'TOPIC-ME', 'topic/investing_advice'],
    ['a custom word', 'WORD-ME', 'word/custom'],
    ['a managed word', 'SWEAR-ME', 'word/profanity'],
    ['blocked PII, which has no span', '078-05-1120', 'pii/us_social_security_number'],
  ])('%s', async (_, text, detector) => {
    expect(await findings(input('fine', text))).toEqual([{ detector }])
    expect(await findings(output(text))).toEqual([{ detector }])
  })

  test('what a policy only watches is clean', async () => {
    expect(await scan(input('WATCH-ME'))).toMatchObject(verdict({ kind: 'clean' }))
    expect(await findings(input('WATCH-ME HATE-ME'))).toEqual([{ detector: 'hate', level: 'HIGH' }])
  })

  test('masked PII has a span wherever it stands', async () => {
    const subject = input('😀 to ann@a.org or bob@b.org', 'no one', 'ann@a.org ann@a.org acct-77')
    expect(await covered(subject)).toEqual([
      ['pii/email', 'ann@a.org'],
      ['pii/email', 'ann@a.org'],
      ['pii/email', 'ann@a.org'],
      ['pii/email', 'bob@b.org'],
      ['regex/account_no', 'acct-77'],
    ])
    expect((await findings(subject))[0]?.span).toEqual({ segment: 0, start: 6, end: 15 })
  })

  test('masked beside blocked keeps the block without a span', async () => {
    expect(await covered(input('ann@a.org HATE-ME'))).toEqual([
      ['hate', undefined],
      ['pii/email', 'ann@a.org'],
    ])
  })
})

describe('the breakdown', () => {
  test('tells every filter, detected or not', async () => {
    const outcome = await scan(input('HATE-ME WATCH-ME ann@a.org'))
    const detected = [
      { detector: 'hate', detected: true, level: 'HIGH' },
      { detector: 'violence', detected: true, level: 'LOW' },
      { detector: 'pii/email', detected: true },
    ]
    const idle = ['prompt_attack', 'insults', 'sexual', 'misconduct'].map(detector => ({
      detector,
      detected: false,
      level: 'NONE',
    }))
    const { breakdown } =
      outcome.kind === 'verdict' && outcome.verdict.kind === 'flagged' ? outcome.verdict : {}
    expect(breakdown).toHaveLength(7)
    expect(breakdown).toEqual(expect.arrayContaining([...detected, ...idle]))
  })

  test('has each filter once, as the strongest of all requests has it', async () => {
    const outcome = await scan(input(`${'word '.repeat(6000)} HATE-ME`, 'INSULT-ME'))
    const { breakdown = [] } =
      outcome.kind === 'verdict' && outcome.verdict.kind === 'flagged' ? outcome.verdict : {}
    expect(breakdown.filter(({ detected }) => detected).map(({ detector }) => detector)).toEqual(
      expect.arrayContaining(['hate', 'insults']),
    )
    expect(new Set(breakdown.map(({ detector }) => detector)).size).toBe(breakdown.length)
  })
})

describe('a long text', () => {
  const sentTexts = () => rig.stub.requests.flatMap(({ content }) => content.map(({ text }) => text.text))

  const filler = (words: number) => 'word '.repeat(words)

  test('is split under the limit, and all of it is scanned', async () => {
    const texts = ['short one', filler(12_000), 'short two', filler(3000)]
    expect(await scan(input(...texts))).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.refusals).toEqual([])
    const sent = rig.stub.requests.flatMap(({ content }) => content.map(({ text }) => text.text))
    const length = texts.join('').length
    expect(sent.join('').length).toBeGreaterThanOrEqual(length)
    expect(sent.join('').length).toBeLessThan(length + 200 * sent.length)
    expect(rig.stub.requests.length).toBeLessThanOrEqual(5)
  })

  test('is sent whole where the account allows it', async () => {
    const large = await startBedrockStub({ auth: { apiKey: KEY }, maxTextUnits: 1000 })
    await scan(input(filler(20_000)), { max_text_units: 100, endpoint: large.origin })
    expect(large.requests).toHaveLength(1)
    await large.close()
  })

  test('over what the account allows is asked again in halves, and all of it is scanned', async () => {
    const words = Array.from({ length: 7000 }, (_, at) => `w${at}`)
    const subject = input(words.slice(0, 1000).join(' '), words.slice(1000).join(' '))
    expect(await scan(subject, { max_text_units: 100 })).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.refusals[0]).toContain('text units) exceeds')
    const seen = new Set(sentTexts().flatMap(text => text.split(' ')))
    expect(words.filter(word => !seen.has(word))).toEqual([])
  })

  test('found in a half has its findings where they stand', async () => {
    for (const at of [0, 2500, 9900, 9997, 10_000, 19_990]) {
      const text = `${filler(at)}ann@a.org ${filler(20_000 - at)}`
      expect(await findings(input('first', text), { max_text_units: 200 })).toEqual([
        { detector: 'pii/email', span: { segment: 1, start: at * 5, end: at * 5 + 9 } },
      ])
    }
  })

  test('that would take more than 20 requests in halves is over-limit', async () => {
    const small = await startBedrockStub({ auth: { apiKey: KEY }, maxTextUnits: 2 })
    const config = { max_text_units: 100, endpoint: small.origin }
    expect(await scan(input(filler(20_000)), config)).toMatchObject(failure('over-limit'))
    expect(small.requests.length + small.refusals.length).toBeLessThanOrEqual(20)
    await small.close()
  })

  test('that no halving helps is over-limit, and not asked again for less than a text unit', async () => {
    const error = awsError(429, 'ThrottlingException', tooLarge(2, 1))
    rig.stub.failWhere(({ body }) => body.includes('x'), { kind: 'status', ...error })
    expect(await scan(input('x'.repeat(1000)))).toMatchObject(failure('over-limit'))
    expect(rig.stub.requests).toHaveLength(1)
    expect(await scan(input('x'.repeat(3000)))).toMatchObject(failure('over-limit'))
    expect(rig.stub.requests.length).toBeLessThanOrEqual(1 + 7)
  })

  test('of blank stretches leaves them out, which the service would refuse', async () => {
    const text = `one${' '.repeat(60_000)}two`
    expect(await scan(input(text))).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.refusals).toEqual([])
  })

  test('has its findings where they stand, wherever it was cut', async () => {
    for (const words of [4990, 4996, 4999, 5000, 9000]) {
      const text = `${filler(words)}ann@a.org ${filler(4000)}`
      expect(await findings(input('first', text))).toEqual([
        { detector: 'pii/email', span: { segment: 1, start: words * 5, end: words * 5 + 9 } },
      ])
    }
  })

  test('is judged whole: a block in any part flags', async () => {
    for (const words of [0, 6000, 12_000]) {
      const text = `${filler(words)}ATTACK-ME ${filler(12_000 - words)}`
      expect(await findings(input(text))).toEqual([{ detector: 'prompt_attack', level: 'HIGH' }])
    }
  })

  test('has no verdict when a part has none', async () => {
    const error = awsError(429, 'ThrottlingException', 'Too many requests.')
    rig.stub.failWhere(({ body }) => body.includes('LAST'), { kind: 'status', ...error })
    expect(await scan(input(`${filler(12_000)} LAST`))).toMatchObject(failure('rate-limited'))
  })

  test('that is flagged in one part stays so when another fails, and cannot be redacted', async () => {
    rig.stub.failWhere(({ body }) => body.includes('LAST'), { kind: 'status', status: 500 })
    expect(await covered(input(`ann@a.org ${filler(12_000)} LAST`))).toEqual([
      ['pii/email', 'ann@a.org'],
      ['unscanned', undefined],
    ])
  })

  test('of more than 20 requests is over-limit, and nothing is sent', async () => {
    expect(await scan(input(...Array.from({ length: 21 }, () => 'x'.repeat(25_000))))).toMatchObject(
      failure('over-limit'),
    )
    expect(rig.stub.requests).toEqual([])
    expect(await scan(input(...Array.from({ length: 20 }, () => 'x'.repeat(25_000))))).toMatchObject(
      verdict({ kind: 'clean' }),
    )
    expect(rig.stub.requests).toHaveLength(20)
  })
})
