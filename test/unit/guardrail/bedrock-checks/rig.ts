import { bedrockChecks } from '../../../../src/guardrail/bedrock-checks/bedrock-checks.ts'
import { type ChecksStub, startChecksStub } from '../../../support/bedrock-checks-stub.ts'
import type { RigParts } from '../rig.ts'

export const KEY = 'bedrock-api-key-1'

export const checksService = {
  start: () => startChecksStub({ auth: { apiKey: KEY } }),
  create: (stub, config, client) => {
    const given = {
      kind: 'bedrock-checks',
      region: 'eu-west-1',
      endpoint: stub.origin,
      api_key: KEY,
      ...config,
    }
    return bedrockChecks.create('guard', bedrockChecks.configSchema.parse(given), client)
  },
} satisfies RigParts<ChecksStub>
