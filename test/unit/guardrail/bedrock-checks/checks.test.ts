import { describe, expect, test } from 'vitest'
import type { ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import { startChecksStub } from '../../../support/bedrock-checks-stub.ts'
import { failure, useRig, verdict } from '../rig.ts'
import { input, output, segment } from '../segments.ts'
import { checksService, KEY } from './rig.ts'

const rig = useRig(checksService)
const { scan, flagged, findings, covered, guardrail } = rig
const PII = { sensitive_information: { entities: ['EMAIL', 'NAME'] } }
const filler = (words: number) => 'word '.repeat(words)

describe('what is sent', () => {
  test('a conversation in the service’s roles, the texts of a message together, blank ones left out', async () => {
    const subject: ScanSubject = {
      side: 'input',
      segments: [
        segment('Be a bank.', { message: 0, role: 'system' }),
        segment('Be brief.', { message: 1, role: 'developer' }),
        segment(' \n', { message: 2 }),
        segment('hello', { message: 2 }),
        segment('you', { message: 2 }),
        segment('hi', { message: 3, role: 'assistant' }),
        segment('42', { message: 4, role: 'tool', kind: 'tool-result' }),
        segment('43', { message: 5, role: 'tool', kind: 'tool-result' }),
      ],
    }
    expect(await scan(subject)).toMatchObject(verdict({ kind: 'clean', requestId: 'req-1' }))
    expect(rig.stub.requests.map(({ messages }) => messages)).toEqual([
      [
        { role: 'system', content: [{ text: 'Be a bank.' }] },
        { role: 'system', content: [{ text: 'Be brief.' }] },
        { role: 'user', content: [{ text: 'hello' }, { text: 'you' }] },
        { role: 'assistant', content: [{ text: 'hi' }] },
        { role: 'user', content: [{ text: '42' }] },
        { role: 'user', content: [{ text: '43' }] },
      ],
    ])
  })

  test('the checks of the config and no others', async () => {
    await scan(input('hi'))
    await scan(input('hi'), {
      content_filter: { HATE: 'off', INSULTS: 'off', MISCONDUCT: 'off', SEXUAL: 'off', VIOLENCE: 'off' },
      prompt_attack: { PROMPT_LEAKAGE: 'off' },
      ...PII,
    })
    const attacks = ['JAILBREAK', 'PROMPT_INJECTION', 'PROMPT_LEAKAGE'].map(category => ({ category }))
    const filters = ['HATE', 'INSULTS', 'MISCONDUCT', 'SEXUAL', 'VIOLENCE'].map(category => ({ category }))
    expect(rig.stub.requests.map(({ checks }) => checks)).toEqual([
      { contentFilter: { categories: filters }, promptAttack: { categories: attacks } },
      {
        promptAttack: { categories: attacks.slice(0, 2) },
        sensitiveInformation: { entities: [{ type: 'EMAIL' }, { type: 'NAME' }] },
      },
    ])
  })

  test('an answer as the assistant’s, each choice by itself, without the conversation', async () => {
    const subject: ScanSubject = {
      side: 'output',
      conversation: [segment('JAILBREAK=1.0')],
      segments: [
        segment('thinking', { role: 'assistant', kind: 'reasoning' }),
        segment('one', { role: 'assistant' }),
        segment('two', { message: 1, role: 'assistant' }),
      ],
      final: true,
    }
    expect(await scan(subject)).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.requests[0]?.messages).toEqual([
      { role: 'assistant', content: [{ text: 'thinking' }, { text: 'one' }] },
      { role: 'assistant', content: [{ text: 'two' }] },
    ])
  })

  test('nothing for blank texts', async () => {
    expect(await scan(input('', ' \n'))).toMatchObject(verdict({ kind: 'clean' }))
    expect(await scan(output())).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.requests).toEqual([])
  })

  test('a message of many texts in several, and lone surrogates as what a JSON text can hold', async () => {
    const texts = Array.from({ length: 23 }, (_, at) => `t${at}`)
    await scan({ side: 'input', segments: [...texts, '\ud83d'].map(text => segment(text)) })
    const { messages } = rig.stub.requests[0] ?? { messages: [] }
    expect(messages.map(({ content }) => content.length)).toEqual([10, 10, 4])
    expect(messages.flatMap(({ content }) => content.map(({ text }) => text))).toEqual([...texts, '\ufffd'])
  })

  test('a signature', async () => {
    const accessKey = { id: 'AKID', secret: 'secret', token: 'token' }
    const signed = await startChecksStub({ auth: { accessKey } })
    const config = {
      endpoint: signed.origin,
      api_key: undefined,
      access_key_id: 'AKID',
      secret_access_key: 'secret',
      session_token: 'token',
    }
    expect(await scan(input('grüße 😀'), config)).toMatchObject(verdict({ kind: 'clean' }))
    expect(await scan(input('hi'), { ...config, secret_access_key: 'x' })).toMatchObject({
      reason: 'bad-response',
      detail: 'status-4xx',
    })
    expect(String(rig.faults)).toContain('signature wrong')
    await signed.close()
  })
})

describe('what is found', () => {
  test.each([
    ['HATE', 'hate'],
    ['INSULTS', 'insults'],
    ['MISCONDUCT', 'misconduct'],
    ['SEXUAL', 'sexual'],
    ['VIOLENCE', 'violence'],
    ['JAILBREAK', 'prompt_attack/jailbreak'],
    ['PROMPT_INJECTION', 'prompt_attack/prompt_injection'],
    ['PROMPT_LEAKAGE', 'prompt_attack/prompt_leakage'],
  ])('%s from its threshold on', async (category, detector) => {
    expect(await scan(input(`a ${category}=0.4`))).toMatchObject(verdict({ kind: 'clean' }))
    expect(await findings(input(`a ${category}=0.6`))).toEqual([{ detector, score: 0.6 }])
    const key = detector.startsWith('prompt_attack') ? 'prompt_attack' : 'content_filter'
    expect(await scan(input(`a ${category}=0.8`), { [key]: { [category]: 1 } })).toMatchObject(
      verdict({ kind: 'clean' }),
    )
    expect(await scan(input(`a ${category}=1.0`), { [key]: { [category]: 'off' } })).toMatchObject(
      verdict({ kind: 'clean' }),
    )
  })

  test('personal data with its place, from its confidence on', async () => {
    const subject = input('to ann@a.org', 'none', 'Ms Doe and maybe Bob, bob@b.org')
    expect(await covered(subject, PII)).toEqual([
      ['pii/email', 'ann@a.org'],
      ['pii/email', 'bob@b.org'],
      ['pii/name', 'Ms Doe'],
    ])
    const low = { sensitive_information: { ...PII.sensitive_information, threshold: 0.2 } }
    expect(await covered(subject, low)).toContainEqual(['pii/name', 'maybe Bob'])
  })

  test('the breakdown has every category, and every entity that was asked for', async () => {
    const { breakdown } = await flagged(input('HATE=0.8 SEXUAL=0.2 maybe Bob'), PII)
    expect(breakdown).toHaveLength(10)
    expect(breakdown).toEqual(
      expect.arrayContaining([
        { detector: 'hate', detected: true, score: 0.8 },
        { detector: 'sexual', detected: false, score: 0.2 },
        { detector: 'prompt_attack/jailbreak', detected: false, score: 0 },
        { detector: 'pii/name', detected: false, score: 0.2 },
        { detector: 'pii/email', detected: false },
      ]),
    )
  })

  test('a place behind an emoji has no span: its unit is not known', async () => {
    for (const unit of ['utf-16', 'code-point'] as const) {
      const stub = await startChecksStub({ auth: { apiKey: KEY }, unit })
      const subject = input('grüße, ann@a.org 😀 bob@b.org', 'cat@c.org')
      expect(await covered(subject, { ...PII, endpoint: stub.origin })).toEqual([
        ['pii/email', 'ann@a.org'],
        ['pii/email', undefined],
        ['pii/email', 'cat@c.org'],
      ])
      await stub.close()
    }
  })

  test('more than the service lists: what it lists counts, and the rest is a failure beside it', async () => {
    const stub = await startChecksStub({ auth: { apiKey: KEY }, maxEntities: 1 })
    const config = { ...PII, endpoint: stub.origin }
    const found = await flagged(input('ann@a.org bob@b.org'), config)
    expect(found.incomplete).toBe('bad-response')
    expect(found.findings).toEqual([
      { detector: 'pii/email', score: 0.8, span: { segment: 0, start: 0, end: 9 } },
      { detector: 'unscanned' },
    ])
    // What is listed is not enough for a finding; what is not listed might be.
    expect(await scan(input('maybe Bob, maybe Bob'), config)).toMatchObject(failure('bad-response'))
    await stub.close()
  })
})

describe('a long conversation', () => {
  test('is split under the limit, and all of it is scanned', async () => {
    const words = Array.from({ length: 12_000 }, (_, at) => `w${at}`)
    expect(await scan(input('short', words.join(' ')))).toMatchObject(verdict({ kind: 'clean' }))
    const sent = new Set(
      rig.stub.requests.flatMap(({ messages }) =>
        messages.flatMap(({ content }) => content.flatMap(({ text }) => text.split(' '))),
      ),
    )
    expect(words.filter(word => !sent.has(word)).slice(0, 3)).toEqual([])
    expect(rig.stub.requests.length).toBeGreaterThan(2)
  })

  test('is asked again in halves where less is allowed, and has its findings where they stand', async () => {
    const small = await startChecksStub({ auth: { apiKey: KEY }, maxTextUnits: 7 })
    const config = { ...PII, endpoint: small.origin }
    for (const at of [0, 1200, 2498, 2500, 4999]) {
      const subject = input('first', `${filler(at)}ann@a.org ${filler(5000 - at)}`)
      expect(await findings(subject, config)).toEqual([
        { detector: 'pii/email', score: 0.8, span: { segment: 1, start: at * 5, end: at * 5 + 9 } },
      ])
    }
    await small.close()
  })

  test('is flagged by any of its parts, and has no verdict when one has none', async () => {
    expect(await findings(input(`${filler(9000)} HATE=0.8`))).toEqual([{ detector: 'hate', score: 0.8 }])
    rig.stub.failWhere(({ body }) => body.includes('LAST'), { kind: 'status', status: 500 })
    expect(await scan(input(`${filler(9000)} LAST`))).toMatchObject(failure('bad-response'))
    const partly = await flagged(input(`HATE=0.8 ${filler(9000)} LAST`))
    expect(partly).toMatchObject({ incomplete: 'bad-response' })
    expect(partly.findings).toContainEqual({ detector: 'unscanned' })
  })
})

test('an abort ends every request', async () => {
  const abort = new AbortController()
  rig.stub.failWhere(() => true, { kind: 'hang' })
  const scanned = guardrail().scan(input(filler(10_000)), abort.signal)
  await rig.stub.waitForRequests(2)
  abort.abort()
  await expect(scanned).rejects.toMatchObject({ reason: 'cancelled' })
  await rig.stub.waitForHangUps(2)
})
