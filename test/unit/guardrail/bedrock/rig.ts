import { bedrock } from '../../../../src/guardrail/bedrock/bedrock.ts'
import { type BedrockStub, startBedrockStub } from '../../../support/bedrock-guardrail-stub.ts'
import type { RigParts } from '../rig.ts'

export const KEY = 'bedrock-api-key-1'

export const guardrailService = {
  start: () => startBedrockStub({ auth: { apiKey: KEY } }),
  create: (stub, config, client) => {
    const given = {
      kind: 'bedrock',
      guardrail_id: 'gr1',
      guardrail_version: '1',
      region: 'eu-west-1',
      endpoint: stub.origin,
      api_key: KEY,
      ...config,
    }
    return bedrock.create('guard', bedrock.configSchema.parse(given), client)
  },
} satisfies RigParts<BedrockStub>
