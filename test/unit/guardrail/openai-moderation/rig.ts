import { openaiModeration } from '../../../../src/guardrail/openai-moderation/openai-moderation.ts'
import { startModerationStub } from '../../../support/openai-moderation-stub.ts'
import type { RigParts } from '../rig.ts'

const KEY = 'sk-moderation-key'

export const moderation = {
  start: () => startModerationStub(KEY),
  create: (stub, config, client) => {
    const given = { kind: 'openai-moderation', api_key: KEY, endpoint: stub.url, ...config }
    return openaiModeration.create('guard', openaiModeration.configSchema.parse(given), client)
  },
} satisfies RigParts<Awaited<ReturnType<typeof startModerationStub>>>
