import { BodyTexts } from '../body-texts.ts'
import { type Decoded, type JsonPath, type LlmRequest, type Role, WRONG_SHAPE } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject } from '../json-body.ts'
import { readModel, readStream } from '../request-settings.ts'
import { decodeRequestObject } from '../strict-json.ts'
import { readItem } from './item.ts'
import { Reading, readPart } from './message.ts'

/** A `POST …/responses` body. What the upstream would refuse as well is `wrong-shape`. */
export function decodeRequest(body: Uint8Array): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  const streams = readStream(root.stream)
  const transcript = readTranscript(root)
  if (streams === 'wrong-shape' || transcript === 'wrong-shape') return WRONG_SHAPE
  const { model, text } = root
  return {
    kind: 'ok',
    value: {
      model: readModel(model),
      streams,
      choices: 1,
      segments: transcript.segments,
      uninspectable: transcript.uninspectable,
      structuredOutput: isJsonObject(text) && isJsonObject(text.format) && text.format.type === 'json_schema',
      // The usage stands in the last event, asked for or not.
      streamUsage: false,
    },
  }
}

/** What the server keeps and puts before the input: the model sees it, a guard does not. */
const KEPT_BY_SERVER = ['previous_response_id', 'conversation', 'prompt'] as const

function readTranscript(root: JsonObject): Transcript | 'wrong-shape' {
  const transcript = new Transcript()
  const { instructions, input } = root
  transcript.read(['instructions'], into => readSole(into, instructions, 'system'))
  for (const key of KEPT_BY_SERVER) if (isPresent(root[key])) transcript.uninspectable++
  if (isPresent(root.prompt)) readPrompt(transcript, root.prompt)
  if (Array.isArray(input)) {
    for (const [index, item] of input.entries()) {
      transcript.read(['input', index], into => {
        if (isJsonObject(item)) readItem(into, item)
        else into.addOddShape()
      })
    }
  } else if (isPresent(input)) transcript.read(['input'], into => readSole(into, input, 'user'))
  // The upstream has nothing to answer: what was said may stand where only another reader looks for it.
  else if (transcript.uninspectable === 0) return 'wrong-shape'
  return transcript.malformed ? 'wrong-shape' : transcript
}

function readSole(into: Reading, text: unknown, role: Role): void {
  if (typeof text === 'string') into.add({ role, kind: 'content' }, [], text)
  else if (isPresent(text)) into.addOddShape()
}

/** The server puts the variables into a prompt of its own: texts, or parts as in a message. */
function readPrompt(transcript: Transcript, prompt: unknown): void {
  transcript.read(['prompt', 'variables'], into => {
    const variables = isJsonObject(prompt) ? (prompt.variables ?? {}) : undefined
    if (!isJsonObject(variables)) into.addOddShape()
    else {
      for (const [name, value] of Object.entries(variables))
        readPart(into, value, { role: 'user', kind: 'content' }, [name])
    }
  })
}

/** The texts of a body, item by item: each is a message of its own, and so is what a tool said inside one. */
class Transcript extends BodyTexts {
  #message = -1

  constructor() {
    super('request')
  }

  read(path: JsonPath, reader: (into: Reading) => void): void {
    const reading = new Reading('request')
    reader(reading)
    this.uninspectable += reading.uninspectable
    this.malformed ||= reading.malformed
    let role: Role | undefined
    for (const { place, ...text } of reading.texts) {
      if (text.text === '') continue
      if (text.role !== role) this.#message++
      role = text.role
      this.push({ ...text, message: this.#message, path: [...path, ...place] })
    }
  }
}
