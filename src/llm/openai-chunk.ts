import { DecodedFrame } from './decoded-frame.ts'
import { isJsonObject, type JsonObject } from './json-body.ts'

/** What a refusal that goes on with a stream of OpenAI chunks must repeat or keep to. */
export interface ChunkFacts {
  /** Undefined where the upstream leaves it out or empty, as in the first chunk of Azure. */
  readonly id: string | undefined
  readonly model: string | undefined
  /** Unix time in seconds. */
  readonly createdSec: number | undefined
  readonly hasUsage: boolean
}

export class ChunkFrame extends DecodedFrame<ChunkFacts> {}

export function readChunkFacts({ id, model, created, usage }: JsonObject): ChunkFacts {
  return {
    id: typeof id === 'string' && id !== '' ? id : undefined,
    model: typeof model === 'string' && model !== '' ? model : undefined,
    createdSec: typeof created === 'number' && created > 0 ? created : undefined,
    hasUsage: isJsonObject(usage),
  }
}
