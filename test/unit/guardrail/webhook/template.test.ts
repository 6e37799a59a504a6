import { describe, expect, test } from 'vitest'
import { input } from '../segments.ts'
import { ANSWER, clean, failure, speaking, verdict } from './speaking.ts'

describe('template', () => {
  test('placeholders are filled once, and the answer is read where the config says', async () => {
    await using guard = await speaking('custom')
    expect(await guard.scan(input(`say \${side} FLAG-ME $& "quoted"`))).toMatchObject(
      verdict({ findings: [{ detector: 'jailbreak', score: 0.8 }], requestId: 'check-17' }),
    )
    await guard.scan(ANSWER)
    expect(guard.stub.requests.map(({ json }) => json)).toEqual([
      {
        direction: 'input',
        content: `Judge: say \${side} FLAG-ME $& "quoted"`,
        turns: [{ role: 'user', content: `say \${side} FLAG-ME $& "quoted"` }],
        options: { strict: true },
      },
      {
        direction: 'output',
        content: 'Judge: one\ntwo',
        turns: [
          { role: 'user', content: 'asked' },
          { role: 'assistant', content: 'one' },
          { role: 'assistant', content: 'two' },
        ],
        options: { strict: true },
      },
    ])
  })

  test.each<[string, object, object]>([
    [
      'at the threshold',
      { result: { risk: 0.5 } },
      verdict({ findings: [{ detector: 'webhook', score: 0.5 }] }),
    ],
    ['below it', { result: { risk: 0.49 } }, clean],
    ['a score as text', { result: { risk: '0.9' } }, failure('bad-response')],
    ['a score over 1', { result: { risk: 90 } }, failure('bad-response')],
    ['no score', { result: {} }, failure('bad-response')],
  ])('a score decides: %s', async (_, answer, expected) => {
    await using guard = await speaking('custom', { response: { score: '/result/risk', threshold: 0.5 } })
    guard.stub.failNext({ kind: 'body', body: JSON.stringify(answer) })
    expect(await guard.scan(input('hi'))).toMatchObject(expected)
  })

  test.each<[string, unknown, readonly string[]]>([
    ['a name', 'PII', ['pii']],
    ['names', ['a', 'B', 'a', 4, 'not a name'], ['a', 'b']],
    ['none', [], ['webhook']],
    ['null', null, ['webhook']],
    ['a mapping', { a: true, b: 1, c: false }, ['a']],
  ])('categories from %s', async (_, labels, detectors) => {
    await using guard = await speaking('custom')
    guard.stub.failNext({ kind: 'body', body: JSON.stringify({ result: { decision: 'deny' }, labels }) })
    expect(await guard.scan(input('hi'))).toEqual({
      ...verdict({ kind: 'flagged', findings: detectors.map(detector => ({ detector })) }),
      ms: 0,
    })
  })
})
