import { describe, expect, test } from 'vitest'
import { awsError } from '../../../support/aws-auth.ts'
import { tooLarge } from '../../../support/bedrock-guardrail-stub.ts'
import type { StubFault } from '../../../support/judging-server.ts'
import { failure, useRig, verdict } from '../rig.ts'
import { input } from '../segments.ts'
import { guardrailService, KEY } from './rig.ts'

const rig = useRig(guardrailService)
const { guardrail, scan, findings } = rig
const ACCESS_KEY = { id: 'AKIDEXAMPLE', secret: 'secret/that+must-not-leak', token: 'token//that+must==' }

function awsFault(status: number, type: string, message = 'a test'): StubFault {
  return { kind: 'status', ...awsError(status, type, message) }
}

describe('what is answered', () => {
  const pii = (entry: object) => ({ sensitiveInformationPolicy: { piiEntities: [entry], regexes: null } })
  const masked = (match: unknown, outputs: unknown, more: object = {}) => ({
    action: 'GUARDRAIL_INTERVENED',
    assessments: [{ ...pii({ type: 'NAME', match, action: 'ANONYMIZED' }), ...more }],
    outputs,
  })
  const name = { detector: 'pii/name', span: { segment: 0, start: 3, end: 6 } }
  const incomplete = { detector: 'bedrock' }

  test.each<[string, unknown, readonly object[]]>([
    ['a match and its mask', masked('Bob', [{ text: 'hi {NAME} x' }]), [name]],
    ['the older name of outputs', { ...masked('Bob', null), output: [{ text: 'hi {NAME} x' }] }, [name]],
    ['a match that is nowhere', masked('Rob', [{ text: 'hi {NAME} x' }]), [{ detector: 'pii/name' }]],
    ['an empty match', masked('', [{ text: 'hi {NAME} x' }]), [{ detector: 'pii/name' }]],
    ['a null match', masked(null, [{ text: 'hi {NAME} x' }]), [{ detector: 'pii/name' }]],
    ['a mask over more than the matches', masked('Bob', [{ text: 'hi {NAME} {X}' }]), [name, incomplete]],
    ['a blocked text, whatever blocked it', masked('Bob', [{ text: 'Sorry.' }]), [name, incomplete]],
    ['no outputs', masked('Bob', []), [name, incomplete]],
    ['null outputs', masked('Bob', null), [name, incomplete]],
    ['outputs without text', masked('Bob', [{}]), [name, incomplete]],
    ['no assessment', { action: 'GUARDRAIL_INTERVENED', assessments: [] }, [incomplete]],
    ['null assessments', { action: 'GUARDRAIL_INTERVENED', assessments: null }, [incomplete]],
    ['only the action', { action: 'GUARDRAIL_INTERVENED' }, [incomplete]],
    [
      'a policy that is not known',
      { action: 'GUARDRAIL_INTERVENED', assessments: [{ newPolicy: { filters: [{ action: 'BLOCKED' }] } }] },
      [incomplete],
    ],
    [
      'an action that is not known',
      {
        action: 'GUARDRAIL_INTERVENED',
        assessments: [pii({ type: 'NAME', match: 'Bob', action: 'TOKENISED' })],
      },
      [{ detector: 'pii/name' }],
    ],
    [
      'entries without a name',
      {
        action: 'GUARDRAIL_INTERVENED',
        assessments: [{ topicPolicy: { topics: [{ action: 'BLOCKED', name: null }] } }],
      },
      [{ detector: 'topic/unnamed' }],
    ],
    [
      'a confidence that is a sentence',
      {
        action: 'GUARDRAIL_INTERVENED',
        assessments: [
          { contentPolicy: { filters: [{ action: 'BLOCKED', type: 'HATE', confidence: 'hi Bob' }] } },
        ],
      },
      [{ detector: 'hate' }],
    ],
  ])('flagged: %s', async (_, answer, expected) => {
    rig.stub.failNext({ kind: 'body', body: JSON.stringify(answer) })
    expect(await findings(input('hi Bob x'))).toEqual(expected)
  })

  test.each<[string, unknown]>([
    ['no assessments', { action: 'NONE', assessments: [] }],
    ['an empty assessment', { action: 'NONE', assessments: [{}], outputs: [] }],
    ['null policies', { action: 'NONE', assessments: [{ topicPolicy: null, contentPolicy: null }] }],
    ['null filters', { action: 'NONE', assessments: [{ contentPolicy: { filters: null } }] }],
    [
      'filters that found nothing, and do not say what they did',
      { action: 'NONE', assessments: [{ contentPolicy: { filters: [{ type: 'HATE', detected: false }] } }] },
    ],
  ])('clean: %s', async (_, answer) => {
    rig.stub.failNext({ kind: 'body', body: JSON.stringify(answer) })
    expect(await scan(input('hi'))).toMatchObject(verdict({ kind: 'clean' }))
  })

  test.each<[string, StubFault, string]>([
    ['no action', { kind: 'body', body: '{"assessments":[]}' }, 'bad-response'],
    ['action: null', { kind: 'body', body: '{"action":null,"assessments":[]}' }, 'bad-response'],
    ['an unknown action', { kind: 'body', body: '{"action":"ALLOW","assessments":[]}' }, 'bad-response'],
    ['no assessments', { kind: 'body', body: '{"action":"NONE"}' }, 'bad-response'],
    ['null assessments', { kind: 'body', body: '{"action":"NONE","assessments":null}' }, 'bad-response'],
    [
      'assessments that are none',
      { kind: 'body', body: '{"action":"NONE","assessments":[1]}' },
      'bad-response',
    ],
    [
      'NONE, and yet blocked',
      {
        kind: 'body',
        body: '{"action":"NONE","assessments":[{"contentPolicy":{"filters":[{"type":"HATE","action":"BLOCKED"}]}}]}',
      },
      'bad-response',
    ],
    [
      'an exception in a 200',
      { kind: 'body', body: '{"Output":{"__type":"com.amazon#ThrottlingException"}}' },
      'bad-response',
    ],
    [
      'NONE, and yet blocked without being detected',
      {
        kind: 'body',
        body: '{"action":"NONE","assessments":[{"contentPolicy":{"filters":[{"action":"BLOCKED","detected":false}]}}]}',
      },
      'bad-response',
    ],
    ['a list', { kind: 'body', body: '[{"action":"NONE","assessments":[]}]' }, 'bad-response'],
    ['null', { kind: 'body', body: 'null' }, 'bad-response'],
    ['not JSON', { kind: 'body', body: '<html>' }, 'bad-response'],
    ['truncated JSON', { kind: 'body', body: '{"action":"NO' }, 'bad-response'],
    ['400', awsFault(400, 'ValidationException'), 'bad-response'],
    ['403', awsFault(403, 'AccessDeniedException'), 'bad-response'],
    ['404', awsFault(404, 'ResourceNotFoundException'), 'bad-response'],
    ['500', awsFault(500, 'InternalServerException'), 'bad-response'],
    ['503', awsFault(503, 'ServiceUnavailableException'), 'bad-response'],
    ['429', awsFault(429, 'ThrottlingException', 'Too many requests.'), 'rate-limited'],
    ['429 of a text too large', awsFault(429, 'ThrottlingException', tooLarge(1200, 1000)), 'over-limit'],
    ['a redirect', { kind: 'redirect', location: 'http://127.0.0.1:1/' }, 'bad-response'],
    ['a reset', { kind: 'reset' }, 'unreachable'],
  ])('no verdict: %s', async (_, fault, reason) => {
    rig.stub.failNext(fault)
    expect(await scan(input('hi'))).toMatchObject(failure(reason))
  })

  test('a service that never answers is a timeout', async () => {
    rig.stub.failNext({ kind: 'hang' })
    expect(await scan(input('hi'), { timeout: 20 })).toMatchObject(failure('timeout'))
  })

  test('an abort ends every request', async () => {
    const abort = new AbortController()
    rig.stub.failWhere(() => true, { kind: 'hang' })
    const scanned = guardrail().scan(input('word '.repeat(10_000)), abort.signal)
    await rig.stub.waitForRequests(2)
    abort.abort()
    await expect(scanned).rejects.toMatchObject({ reason: 'cancelled' })
  })

  test('no failure quotes a key or the text', async () => {
    const credentials = { access_key_id: ACCESS_KEY.id, secret_access_key: ACCESS_KEY.secret }
    for (const config of [{ api_key: 'wrong-key' }, { api_key: undefined, ...credentials }]) {
      await scan(input('text-that-must-not-leak'), config)
    }
    rig.stub.failNext(awsFault(400, 'ValidationException', 'text-that-must-not-leak'))
    await scan(input('text-that-must-not-leak'))
    expect(rig.faults).toHaveLength(3)
    for (const error of rig.faults) {
      const told = error instanceof Error ? `${error.stack} ${error.cause} ${JSON.stringify(error)}` : ''
      expect(told).not.toBe('')
      for (const leak of ['wrong-key', KEY, ACCESS_KEY.id, ACCESS_KEY.secret, 'must-not-leak']) {
        expect(told).not.toContain(leak)
      }
    }
  })
})
