import {
  type Decoded,
  type JsonPath,
  type LlmRequest,
  type RequestPlace,
  type Role,
  type TextSegment,
  WRONG_SHAPE,
} from '../format.ts'
import { isJsonObject, type JsonObject } from '../json-body.ts'
import { readStream } from '../request-settings.ts'
import { decodeRequestObject } from '../strict-json.ts'
import { Gathering, gatherContent, gatherText } from './message.ts'

/** `system` stands there for what an operator says in the middle of a conversation. A role not here is `user`. */
const ROLES: ReadonlyMap<unknown, Role> = new Map<unknown, Role>([
  ['user', 'user'],
  ['assistant', 'assistant'],
  ['system', 'system'],
])

/**
 * A `POST …/messages` or `…/messages/count_tokens` body. What the upstream would refuse as well is `wrong-shape`.
 * Vertex AI has the model in the path: `…/models/claude-x:rawPredict`.
 */
export function decodeRequest(body: Uint8Array, place: RequestPlace): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  const streams = readStream(root.stream)
  const into = new Gathering('request')
  gatherPrompt(into, root, [])
  if (into.malformed || streams === 'wrong-shape') return WRONG_SHAPE
  const model = typeof root.model === 'string' ? root.model : modelIn(place.path)
  const structuredOutput = wantsStructure(root)
  return requestOf(into.segments, into.uninspectable, { model, streams, structuredOutput })
}

/** A `POST …/messages/batches` body: many requests, none of which is answered here. */
export function decodeBatches(body: Uint8Array): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  if (!Array.isArray(root.requests)) return WRONG_SHAPE
  const prompts: (readonly TextSegment[])[] = []
  let uninspectable = 0
  for (const [index, request] of root.requests.entries()) {
    if (!isJsonObject(request) || !isJsonObject(request.params)) return WRONG_SHAPE
    const into = new Gathering('request')
    gatherPrompt(into, request.params, ['requests', index, 'params'])
    if (into.malformed) return WRONG_SHAPE
    prompts.push(into.segments)
    uninspectable += into.uninspectable
  }
  const facts = { model: undefined, streams: false, structuredOutput: false }
  return requestOf(asOneConversation(prompts), uninspectable, facts)
}

function requestOf(
  segments: readonly TextSegment[],
  uninspectable: number,
  facts: Pick<LlmRequest, 'model' | 'streams' | 'structuredOutput'>,
): Decoded<LlmRequest> {
  // The API gives one answer, and its streams always tell the usage.
  return { kind: 'ok', value: { ...facts, choices: 1, segments, uninspectable, streamUsage: false } }
}

/** Everything that is said in the body of a Messages request, which is also what a batch has as `params`. */
function gatherPrompt(into: Gathering, prompt: JsonObject, path: JsonPath): void {
  into.open('system')
  gatherContent(into, prompt.system, 'content', [...path, 'system'])
  gatherInstructions(into, prompt, path)
  // The conversation lies with the server: this body holds only its end.
  if (isJsonObject(prompt.thread) && prompt.thread.type !== 'create') into.uninspectable++
  if (!Array.isArray(prompt.messages)) {
    into.addOddShape()
    return
  }
  for (const [index, message] of prompt.messages.entries()) {
    if (!isJsonObject(message)) {
      into.addOddShape()
      continue
    }
    into.open(ROLES.get(message.role) ?? 'user')
    gatherContent(into, message.content, 'content', [...path, 'messages', index, 'content'])
  }
}

/** Prompts for the model that sums up a conversation which has become too long. */
function gatherInstructions(into: Gathering, prompt: JsonObject, path: JsonPath): void {
  const { compaction, context_management: management } = prompt
  const gather = (holder: unknown, place: JsonPath): void => {
    if (!isJsonObject(holder)) return
    gatherText(into, holder.instructions, 'content', [...path, ...place, 'instructions'])
  }
  gather(compaction, ['compaction'])
  if (!isJsonObject(management) || !Array.isArray(management.edits)) return
  for (const [index, edit] of management.edits.entries()) gather(edit, ['context_management', 'edits', index])
}

/**
 * The prompts of a batch in an order in which the newest turn of all is that of each: first what was said up to each
 * one's last answer, then what was said since, then the answers that they begin for the model.
 */
function asOneConversation(prompts: readonly (readonly TextSegment[])[]): readonly TextSegment[] {
  const past: TextSegment[][] = []
  const turns: TextSegment[][] = []
  const begun: TextSegment[][] = []
  for (const segments of prompts) {
    const turnEnd = segments.findLastIndex(({ role }) => role !== 'assistant') + 1
    const turnStart = segments.slice(0, turnEnd).findLastIndex(({ role }) => role === 'assistant') + 1
    past.push(segments.slice(0, turnStart))
    turns.push(segments.slice(turnStart, turnEnd))
    begun.push(segments.slice(turnEnd))
  }
  return numbered([...past, ...turns, ...begun])
}

/** All of them in one row, their messages numbered through. */
function numbered(runs: readonly (readonly TextSegment[])[]): readonly TextSegment[] {
  let message = -1
  return runs.flatMap(run =>
    run.map((segment, index) => {
      if (segment.message !== run[index - 1]?.message) message++
      return { ...segment, message }
    }),
  )
}

function modelIn(path: string): string | undefined {
  return /\/models\/([^/:]+):(?:r|streamR)awPredict\/?$/.exec(path)?.[1]
}

/** `output_format` is the name that the beta had for it. */
function wantsStructure({ output_config, output_format }: JsonObject): boolean {
  const format = isJsonObject(output_config) ? (output_config.format ?? output_format) : output_format
  return isJsonObject(format) && format.type === 'json_schema'
}
