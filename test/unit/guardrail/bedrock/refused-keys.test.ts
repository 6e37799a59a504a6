import { describe, expect, test } from 'vitest'
import { awsError } from '../../../support/aws-auth.ts'
import { verdict } from '../rig.ts'
import { credentialsRig, IMDS_REQUESTS, key } from './credentials-rig.ts'

const aws = credentialsRig()
const { rig, guardrail, scan, handOut } = aws

describe('keys that AWS refuses', () => {
  const refusals = [
    ['an expired session', { accessKey: key('one'), session: 'expired' }, 'expired'],
    ['a key that is not known', { accessKey: key('other') }, 'does not know'],
    ['a wrong signature', { accessKey: { ...key('one'), secret: 'other' } }, 'signature wrong'],
  ] as const

  test.each(refusals)('%s: fails with a clear reason, and new ones are fetched', async (_, auth, told) => {
    handOut(aws.imds(), 'one')
    const guard = guardrail({ credentials: 'imds' })
    rig.stub.accept(auth)
    expect(await scan(guard)).toMatchObject({ reason: 'bad-response', detail: 'status-4xx' })
    expect(String(rig.faults)).toContain(told)
    await aws.imds().waitForRequests(4)
    expect(aws.imds().requests.slice(0, 4)).toEqual([...IMDS_REQUESTS, IMDS_REQUESTS[0]])
  })

  test('expired ones are renewed once', async () => {
    handOut(aws.imds(), 'one')
    const guard = guardrail({ credentials: 'imds' })
    expect(await scan(guard)).toMatchObject(verdict({ kind: 'clean' }))
    handOut(aws.imds(), 'two')
    rig.stub.accept({ accessKey: key('one'), session: 'expired' })
    const outcomes = await Promise.all([scan(guard), scan(guard), scan(guard)])
    expect(outcomes.map(outcome => outcome.kind)).toEqual(['failure', 'failure', 'failure'])
    rig.stub.accept({ accessKey: key('two') })
    expect(await scan(guard)).toMatchObject(verdict({ kind: 'clean' }))
    expect(aws.imds().requests).toEqual([...IMDS_REQUESTS, ...IMDS_REQUESTS])
  })

  test('by a wrong clock, which new keys do not put right: they are fetched once more and no oftener', async () => {
    handOut(aws.imds(), 'one')
    const guard = guardrail({ credentials: 'imds' })
    const skewed = awsError(
      403,
      'InvalidSignatureException',
      'Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z (20260101T001000Z - 5 min.)',
    )
    for (let at = 0; at < 4; at++) {
      rig.stub.failNext({ kind: 'status', ...skewed })
      expect(await scan(guard)).toMatchObject({ reason: 'bad-response', detail: 'status-4xx' })
    }
    expect(String(rig.faults[3])).toContain('clock')
    expect(aws.imds().requests).toEqual([...IMDS_REQUESTS, ...IMDS_REQUESTS])
  })

  test.each([
    [
      'a missing permission',
      'AccessDeniedException',
      'User is not authorized to perform: bedrock:ApplyGuardrail',
    ],
    ['a guardrail that is not there', 'ResourceNotFoundException', 'no such guardrail'],
  ])('%s is none of the keys’ business', async (_, type, message) => {
    handOut(aws.imds(), 'one')
    const guard = guardrail({ credentials: 'imds' })
    rig.stub.failNext({ kind: 'status', ...awsError(403, type, message) })
    expect(await scan(guard)).toMatchObject({ reason: 'bad-response', detail: 'status-4xx' })
    expect(await scan(guard)).toMatchObject(verdict({ kind: 'clean' }))
    expect(aws.imds().requests).toEqual(IMDS_REQUESTS)
  })
})
