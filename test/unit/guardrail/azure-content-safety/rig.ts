import { azureContentSafety } from '../../../../src/guardrail/azure-content-safety/azure-content-safety.ts'
import { startContentSafetyStub } from '../../../support/azure-content-safety-stub.ts'
import type { RigParts } from '../rig.ts'

const KEY = 'azure-content-safety-key'

export const contentSafety = {
  start: () => startContentSafetyStub({ apiKey: KEY }),
  create: (stub, config, client) => {
    const given = { kind: 'azure-content-safety', api_key: KEY, endpoint: stub.origin, ...config }
    return azureContentSafety.create('guard', azureContentSafety.configSchema.parse(given), client)
  },
} satisfies RigParts<Awaited<ReturnType<typeof startContentSafetyStub>>>
