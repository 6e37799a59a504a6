import { modelInPath } from '../bedrock.ts'
import { type Decoded, type LlmRequest, type RequestPlace, type Role, WRONG_SHAPE } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject, textsInside } from '../json-body.ts'
import { readModel } from '../request-settings.ts'
import { decodeRequestObject } from '../strict-json.ts'
import { Gathering, gatherBlock, gatherBlocks } from './message.ts'

/** A role that is not here is `user`. */
const ROLES: ReadonlyMap<unknown, Role> = new Map<unknown, Role>([
  ['assistant', 'assistant'],
  ['system', 'system'],
])

/** Instead of a model the path may name a prompt that Bedrock keeps: what it says nobody sees here. */
const MANAGED_PROMPT = /:prompt\//

/**
 * A body of `POST /model/{id}/converse` or `…/converse-stream`, which of them the path says. The request is signed
 * (SigV4) over its body: an upstream refuses a redacted one, unless it is signed after Weir has seen it.
 */
export function decodeRequest(
  body: Uint8Array,
  { path }: RequestPlace,
  answer: 'json' | 'event-stream',
): Decoded<LlmRequest> {
  const model = modelInPath(path)
  const decoded = decodeConversation(body)
  if (decoded.kind !== 'ok') return decoded
  const { root, gathered } = decoded.value
  if (model !== undefined && MANAGED_PROMPT.test(model)) gathered.uninspectable++
  return { kind: 'ok', value: toRequest(root, gathered, { model, streams: answer === 'event-stream' }) }
}

/** A body that says its model and whether to stream itself, as an invoke format makes it whole for Nova. */
export function decodeOwnRequest(body: Uint8Array): Decoded<LlmRequest> {
  const decoded = decodeConversation(body)
  if (decoded.kind !== 'ok') return decoded
  const { root, gathered } = decoded.value
  const model = readModel(root.model)
  const streams = typeof root.stream === 'boolean' ? root.stream : undefined
  return { kind: 'ok', value: toRequest(root, gathered, { model, streams }) }
}

function toRequest(
  { outputConfig }: JsonObject,
  { segments, uninspectable }: Gathering,
  said: Pick<LlmRequest, 'model' | 'streams'>,
): LlmRequest {
  return {
    ...said,
    choices: 1,
    segments,
    uninspectable,
    structuredOutput: isJsonObject(outputConfig) && isPresent(outputConfig.textFormat),
    // Its streams always tell the usage.
    streamUsage: false,
  }
}

interface Conversation {
  readonly root: JsonObject
  readonly gathered: Gathering
}

function decodeConversation(body: Uint8Array): Decoded<Conversation> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  const gathered = new Gathering('request')
  gatherSystem(gathered, root)
  if (!gatherMessages(gathered, root.messages)) return WRONG_SHAPE
  gatherVariables(gathered, root.promptVariables)
  return gathered.malformed ? WRONG_SHAPE : { kind: 'ok', value: { root, gathered } }
}

function gatherSystem(into: Gathering, { system, additionalModelRequestFields }: JsonObject): void {
  const at = { role: 'system', kind: 'content' } as const
  gatherBlocks(into, system, { ...at, path: ['system'] })
  // Goes to the model's own API as it is, which may read a prompt in it.
  const fields = textsInside(additionalModelRequestFields, ['additionalModelRequestFields'])
  for (const { path, text } of fields) into.add({ ...at, path }, text)
}

/** A managed prompt has its messages itself, so that there may be none. */
function gatherMessages(into: Gathering, messages: unknown): boolean {
  if (!isPresent(messages)) return true
  if (!Array.isArray(messages)) return false
  for (const [index, message] of messages.entries()) {
    if (!isJsonObject(message)) return false
    into.nextMessage()
    const role = ROLES.get(message.role) ?? 'user'
    gatherBlocks(into, message.content, { role, kind: 'content', path: ['messages', index, 'content'] })
  }
  return true
}

/** What the client fills into a managed prompt. */
function gatherVariables(into: Gathering, variables: unknown): void {
  if (!isPresent(variables)) return
  if (!isJsonObject(variables)) {
    into.addOddShape()
    return
  }
  into.nextMessage()
  for (const [name, value] of Object.entries(variables)) {
    if (!isJsonObject(value)) into.addOddShape()
    else gatherBlock(into, value, { role: 'user', kind: 'content', path: ['promptVariables', name] })
  }
}
