import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import type { Outcome, RemoteGuardrail } from '../../../../src/guardrail/guardrail.ts'
import { runRemoteScan } from '../../../../src/guardrail/run-scan.ts'
import type { IdentityStub } from '../../../support/aws-identity-stubs.ts'
import { startImds, startPodIdentity, startSts } from '../../../support/aws-identity-stubs.ts'
import { useRig } from '../rig.ts'
import { input } from '../segments.ts'
import { guardrailService } from './rig.ts'

export const ROLE = 'arn:aws:iam::123456789012:role/weir'
export const TOKEN = 'identity-token-that-must-not-leak'
export const HOUR = 3_600_000

/** What is asked of the instance metadata service for one set of keys. */
export const IMDS_REQUESTS = [
  'PUT /latest/api/token',
  'GET /latest/meta-data/iam/security-credentials/',
  'GET /latest/meta-data/iam/security-credentials/instance-role',
]

export const key = (name: string) => ({
  id: `ASIA${name.toUpperCase()}`,
  secret: `secret/${name}+must-not-leak`,
  token: `session//${name}==`,
})

/**
 * Everybody who hands out AWS credentials, played by servers of this process, and an environment that leads to them and
 * to no file outside of the test's folder; anew for each test of the file that calls this.
 */
export function credentialsRig() {
  const rig = useRig(guardrailService)
  let folder: string
  let sts: IdentityStub
  let pod: IdentityStub
  let imds: IdentityStub

  /** Writes a file into the test's folder, and gives its path. */
  function file(name: string, text: string): string {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-aws-'))
    sts = await startSts({ token: TOKEN, roleArn: ROLE })
    pod = await startPodIdentity(TOKEN)
    imds = await startImds()
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
    vi.stubEnv('AWS_CONFIG_FILE', file('config', ''))
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file('credentials', ''))
    vi.stubEnv('AWS_ENDPOINT_URL_STS', sts.origin)
    vi.stubEnv('AWS_EC2_METADATA_SERVICE_ENDPOINT', imds.origin)
  })

  afterEach(async () => {
    vi.useRealTimers()
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true })
    await Promise.all([sts.close(), pod.close(), imds.close()])
  })

  function guardrail(config: object): RemoteGuardrail {
    return rig.guardrail({ api_key: undefined, ...config })
  }

  function scan(guard: RemoteGuardrail, signal = new AbortController().signal): Promise<Outcome> {
    return runRemoteScan(
      guard,
      input('text-that-must-not-leak'),
      signal,
      () => 0,
      error => rig.faults.push(error),
    )
  }

  /** Hands out this key for an hour, and has Bedrock take no other. */
  function handOut(from: IdentityStub, name: string): void {
    const accessKey = key(name)
    from.handOut({ key: accessKey, expiresAtMs: Date.now() + HOUR })
    rig.stub.accept({ accessKey })
  }

  /** Of the one failure there was. */
  function expectNoLeak(): void {
    expect(rig.faults).toHaveLength(1)
    for (const error of rig.faults) {
      const told = error instanceof Error ? `${error.stack} ${error.cause} ${JSON.stringify(error)}` : ''
      expect(told).toContain('credentials')
      for (const leak of ['must-not-leak', ROLE, folder]) expect(told).not.toContain(leak)
    }
  }

  return {
    rig,
    file,
    guardrail,
    scan,
    handOut,
    expectNoLeak,
    sts: () => sts,
    pod: () => pod,
    imds: () => imds,
  }
}
