import { describe, expect, test, vi } from 'vitest'
import type { IdentityStub } from '../../../support/aws-identity-stubs.ts'
import { failure, verdict } from '../rig.ts'
import { credentialsRig, HOUR, IMDS_REQUESTS, key, ROLE, TOKEN } from './credentials-rig.ts'

const aws = credentialsRig()
const { rig, file, guardrail, scan, handOut, expectNoLeak } = aws

interface Source {
  readonly title: string
  readonly config: object
  /** Sets up what the source reads, and names who hands the keys out. */
  readonly open: () => IdentityStub
  readonly asks: readonly string[]
}

const openWebIdentity = (): IdentityStub => {
  vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', file('token', TOKEN))
  return aws.sts()
}
const openPod = (): IdentityStub => {
  vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `${aws.pod().origin}/v1/credentials`)
  vi.stubEnv('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', file('pod-token', TOKEN))
  return aws.pod()
}

const SOURCES: readonly Source[] = [
  {
    title: 'web_identity',
    config: { credentials: 'web_identity', role_arn: ROLE },
    open: openWebIdentity,
    asks: ['AssumeRoleWithWebIdentity'],
  },
  {
    title: 'web_identity with its role in the environment',
    config: { credentials: 'web_identity' },
    open: () => {
      vi.stubEnv('AWS_ROLE_ARN', ROLE)
      return openWebIdentity()
    },
    asks: ['AssumeRoleWithWebIdentity'],
  },
  {
    title: 'pod_identity',
    config: { credentials: 'pod_identity' },
    open: openPod,
    asks: ['GET /v1/credentials'],
  },
  { title: 'imds', config: { credentials: 'imds' }, open: () => aws.imds(), asks: IMDS_REQUESTS },
  {
    title: 'chain, on an instance',
    config: { credentials: 'chain' },
    open: () => aws.imds(),
    asks: IMDS_REQUESTS,
  },
  {
    title: 'chain, in a pod',
    config: { credentials: 'chain' },
    open: openPod,
    asks: ['GET /v1/credentials'],
  },
  {
    title: 'chain, with a token',
    config: { credentials: 'chain' },
    open: () => {
      vi.stubEnv('AWS_ROLE_ARN', ROLE)
      return openWebIdentity()
    },
    asks: ['AssumeRoleWithWebIdentity'],
  },
  {
    title: 'a role that another may assume',
    config: { credentials: 'env', role_arn: ROLE, role_session_name: 'guard' },
    open: () => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDENV')
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'env-secret-must-not-leak')
      return aws.sts()
    },
    asks: ['AssumeRole by AKIDENV'],
  },
]

describe.each(SOURCES)('$title', ({ config, open, asks }) => {
  test('signs with the keys that are handed out, and asks once for many scans', async () => {
    const from = open()
    handOut(from, 'one')
    const guard = guardrail(config)
    const outcomes = await Promise.all([scan(guard), scan(guard), scan(guard)])
    expect([...outcomes, await scan(guard)]).toEqual(
      Array.from({ length: 4 }, () =>
        expect.objectContaining(verdict({ kind: 'clean', requestId: expect.any(String) })),
      ),
    )
    expect(from.requests).toEqual(asks)
    expect(rig.stub.refusals).toEqual([])
  })

  test('signs with new keys after the end of the old ones', async () => {
    const from = open()
    handOut(from, 'one')
    const guard = guardrail(config)
    expect(await scan(guard)).toMatchObject(verdict({ kind: 'clean' }))
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + HOUR })
    handOut(from, 'two')
    expect(await scan(guard)).toMatchObject(verdict({ kind: 'clean' }))
    expect(rig.stub.refusals).toEqual([])
    expect(from.requests).toEqual([...asks, ...asks])
  })

  test('is unreachable when it hands out nothing, and quotes nothing', async () => {
    open()
    expect(await scan(guardrail({ ...config, timeout: 20_000 }))).toMatchObject(failure('unreachable'))
    expect(rig.stub.requests).toEqual([])
    expectNoLeak()
  })
})

describe('keys that nobody hands out', () => {
  test('of the environment', async () => {
    const { id, secret, token } = key('env')
    vi.stubEnv('AWS_ACCESS_KEY_ID', id)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secret)
    vi.stubEnv('AWS_SESSION_TOKEN', token)
    rig.stub.accept({ accessKey: key('env') })
    expect(await scan(guardrail({ credentials: 'env' }))).toMatchObject(verdict({ kind: 'clean' }))
  })

  test('of a file, by profile, and again from the file once they are refused', async () => {
    const profile = ({ id, secret, token }: ReturnType<typeof key>) =>
      `[guard]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\naws_session_token = ${token}\n`
    file('credentials', profile(key('one')))
    const guard = guardrail({ credentials: 'file', profile: 'guard' })
    rig.stub.accept({ accessKey: key('one') })
    expect(await scan(guard)).toMatchObject(verdict({ kind: 'clean' }))
    file('credentials', profile(key('two')))
    rig.stub.accept({ accessKey: key('two') })
    expect(await scan(guard)).toMatchObject({ reason: 'bad-response', detail: 'status-4xx' })
    expect(await scan(guard)).toMatchObject(verdict({ kind: 'clean' }))
  })

  test.each([
    ['no environment', { credentials: 'env' }],
    ['no such profile', { credentials: 'file', profile: 'none' }],
    ['no token file', { credentials: 'web_identity', role_arn: ROLE }],
    ['no container', { credentials: 'pod_identity' }],
  ])('%s: unreachable', async (_, config) => {
    expect(await scan(guardrail(config))).toMatchObject(failure('unreachable'))
    expectNoLeak()
  })

  test('that no header can carry: unreachable, and not quoted', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKID')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'must-not-leak\n')
    expect(await scan(guardrail({ credentials: 'env' }))).toMatchObject(failure('unreachable'))
    expectNoLeak()
  })

  test('write nothing to the console', async () => {
    const outputs = [vi.spyOn(console, 'warn'), vi.spyOn(console, 'error'), vi.spyOn(console, 'log')]
    openPod()
    aws.imds().handOut({ key: key('old'), expiresAtMs: Date.now() - HOUR })
    await scan(guardrail({ credentials: 'pod_identity' }))
    await scan(guardrail({ credentials: 'imds' }))
    await scan(guardrail({ credentials: 'chain' }))
    for (const output of outputs) expect(output).not.toHaveBeenCalled()
    vi.restoreAllMocks()
  })
})

describe('keys that are long in coming', () => {
  test('do not hold a scan past its deadline, and serve the next', async () => {
    handOut(aws.imds(), 'one')
    const { release } = aws.imds().hold()
    const guard = guardrail({ credentials: 'imds', timeout: 50 })
    expect(await scan(guard)).toMatchObject({ reason: 'timeout' })
    release()
    await aws.imds().waitForRequests(3)
    expect(await scan(guardrail({ credentials: 'imds' }))).toMatchObject(verdict({ kind: 'clean' }))
  })

  test('do not hold a scan that is cancelled', async () => {
    const { release } = aws.imds().hold()
    const abort = new AbortController()
    const scanned = scan(guardrail({ credentials: 'imds' }), abort.signal)
    await aws.imds().waitForRequests(1)
    abort.abort()
    expect(await scanned).toMatchObject(failure('cancelled'))
    release()
  })
})
