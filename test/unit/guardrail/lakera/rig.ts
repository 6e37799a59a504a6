import type { Outcome, ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import { lakera } from '../../../../src/guardrail/lakera/lakera.ts'
import { type LakeraStub, startLakeraStub } from '../../../support/lakera-stub.ts'
import type { Rig, RigParts } from '../rig.ts'

const KEY = 'lakera-key'

/** A service that takes only its key and `project-1`. */
export const lakeraService = {
  start: () => startLakeraStub({ apiKey: KEY, projects: ['project-1'], maxBytes: 1_000_000 }),
  create: (stub, config, client) => {
    const given = { kind: 'lakera', api_key: KEY, lakera_endpoint: stub.url, ...config }
    return lakera.create('guard', lakera.configSchema.parse(given), client)
  },
} satisfies RigParts<LakeraStub>

/** The outcome of a scan that the service answers so, whatever it was asked. */
export function answeredBy(rig: Rig<LakeraStub>, answer: unknown, subject: ScanSubject): Promise<Outcome> {
  rig.stub.failNext({ kind: 'body', body: JSON.stringify(answer) })
  return rig.scan(subject)
}
