import { DecodedFrame, factsOf, type Told } from '../decoded-frame.ts'
import type { Frame, JsonPath, Part, StreamDecoder, TextKind, TextSyntax } from '../format.ts'
import { isJsonObject, type JsonObject } from '../json-body.ts'
import { openJsonEvents, SAYS_NOTHING } from '../json-events.ts'
import {
  type ItemKey,
  indexIn,
  isEnd,
  isLifecycle,
  isOpaque,
  itemKey,
  partPlace,
  saidIn,
  textOf,
} from './event.ts'
import { isToolCall, readItem } from './item.ts'
import { Reading, readAnnotation, readPart, readStrings, type Voice } from './message.ts'
import { placeInResponse, readOutput } from './response.ts'

/** A frame that remembers its event. */
export class ResponsesFrame extends DecodedFrame<JsonObject> {}

export function openStream(): StreamDecoder {
  const reader = new EventReader()
  // `[DONE]` is not the API's, but many servers write it behind the last event.
  return openJsonEvents(ResponsesFrame, (event, name) => reader.read(event, name), { repeats: true })
}

/** The event of a frame; read again where the frame was made or changed elsewhere. */
export function eventOf(frame: Frame): JsonObject | undefined {
  return factsOf(ResponsesFrame, frame, openStream)
}

const MODEL: Voice = { role: 'assistant', kind: 'content' }
const TOOL: Voice = { role: 'tool', kind: 'tool-result' }

/** A text of the answer: in which item and where there, whatever event says it. Undefined: the answer's own. */
interface TextKey {
  readonly item: ItemKey | undefined
  readonly place: JsonPath
}

interface Said {
  readonly kind: TextKind
  readonly text: string
  readonly syntax?: TextSyntax
  /** In the event. */
  readonly path: JsonPath
}

/**
 * Reads a stream's events. The API says each text up to five times: in deltas, then whole when the text, the part, the
 * item and the answer are done. A text is known by its place in the answer's `output`, which all of them tell: the
 * first to say something of it makes it a running text, whole ones after that repeat it. So a server that sends no
 * deltas, or no such events at all, is read as well.
 */
class EventReader {
  readonly #blocks = new Map<string, Block>()
  /** The blocks of each item's tool call: they end with the item. */
  readonly #calls = new Map<ItemKey, Set<number>>()

  read(json: JsonObject, name: string | undefined): Told<JsonObject> {
    const event = { ...json, type: json.type ?? name }
    const { type } = event
    // An error of the upstream, which clients raise: there is no answer in it.
    if (type === 'error' || (type === undefined && isJsonObject(json.error)))
      return { ...SAYS_NOTHING, facts: event }
    if (typeof type !== 'string') return 'wrong-shape'
    const parts: Part[] = []
    return this.#readEvent(parts, type, event) === 'wrong-shape' ? 'wrong-shape' : { parts, facts: event }
  }

  #readEvent(parts: Part[], type: string, event: JsonObject): 'read' | 'wrong-shape' {
    const text = textOf(type, event)
    const part = partPlace(type, event)
    if (text !== undefined) {
      this.#say(parts, text, { ...text, path: [text.field] }, text.stage)
    } else if (part !== undefined) {
      const reading = new Reading('response')
      readPart(reading, event.part, MODEL, [])
      this.#sayAll(parts, reading, itemKey(event), [part.list, part.index], ['part'])
    } else if (type === 'response.output_item.added' || type === 'response.output_item.done') {
      if (!isJsonObject(event.item)) return 'wrong-shape'
      this.#readItem(parts, event, event.item, type.endsWith('.added') ? 'added' : 'done')
    } else if (type === 'response.output_text.annotation.added') this.#readAnnotation(parts, event)
    else if (type.startsWith('response.shell_call_output_content.')) this.#readShellOutput(parts, event)
    else if (isLifecycle(type)) return this.#readAnswer(parts, type, event)
    else this.#readUnknown(parts, type, event)
    return 'read'
  }

  #readItem(parts: Part[], event: JsonObject, item: JsonObject, stage: 'added' | 'done'): void {
    const key = itemKey(event)
    const reading = new Reading('response')
    readItem(reading, item)
    this.#sayAll(parts, reading, key, [], ['item'])
    if (stage === 'done') {
      for (const block of this.#calls.get(key) ?? []) parts.push({ kind: 'finish', choice: 0, block })
    } else if (isToolCall(item)) {
      const said = reading.texts.find(text => text.kind === 'tool-call')
      const place = said?.place ?? ['type']
      if (said === undefined || said.text === '') {
        const begin = { kind: 'tool-call', text: '', syntax: said?.syntax, path: ['item', ...place] } as const
        this.#say(parts, { item: key, place }, begin, 'delta')
      }
    }
  }

  #readAnnotation(parts: Part[], event: JsonObject): void {
    const place = [
      'content',
      indexIn(event, 'content_index'),
      'annotations',
      indexIn(event, 'annotation_index'),
    ]
    const reading = new Reading('response')
    readAnnotation(reading, event.annotation, MODEL, [])
    this.#sayAll(parts, reading, itemKey(event), place, ['annotation'])
  }

  /** `delta` has pieces of what a command wrote, `output` the whole of it. */
  #readShellOutput(parts: Part[], event: JsonObject): void {
    const item = itemKey(event)
    const first = indexIn(event, 'command_index')
    if (isJsonObject(event.delta)) {
      for (const [stream, text] of Object.entries(event.delta)) {
        if (typeof text !== 'string' || text === '') continue
        const said = { kind: TOOL.kind, text, path: ['delta', stream] }
        this.#say(parts, { item, place: ['output', first, stream] }, said, 'delta')
      }
    }
    if (!Array.isArray(event.output)) return
    for (const [index, output] of event.output.entries()) {
      const reading = new Reading('response')
      readStrings(reading, output, TOOL, [])
      this.#sayAll(parts, reading, item, ['output', first + index], ['output', index])
    }
  }

  #readAnswer(parts: Part[], type: string, event: JsonObject): 'read' | 'wrong-shape' {
    const { response } = event
    if (!isJsonObject(response)) return 'wrong-shape'
    const readings = readOutput(response)
    // A failed answer need not have come so far as to have an output.
    if (readings === undefined && Array.isArray(response.output)) return 'wrong-shape'
    for (const { item, reading } of readings ?? []) {
      for (const text of reading.texts) {
        const path = ['response', ...placeInResponse(item, text)]
        this.#say(parts, { item, place: text.place }, { ...text, path }, 'whole')
      }
      addUninspectable(parts, reading)
    }
    if (isEnd(type)) parts.push({ kind: 'finish', choice: 0 }, { kind: 'terminator' })
    return 'read'
  }

  /** Most tell only how far something has come. In one that is not known every string may be text. */
  #readUnknown(parts: Part[], type: string, event: JsonObject): void {
    const said = saidIn(event)
    if (said.length === 0) return
    parts.push({ kind: 'uninspectable' })
    if (isOpaque(type)) return
    const subject = type.replace(/\.[^.]*$/, '')
    for (const [field, value] of said) {
      const reading = new Reading('response')
      readStrings(reading, value, MODEL, [field])
      for (const text of reading.texts) {
        const place = [subject, indexIn(event, 'content_index'), ...text.place]
        this.#say(parts, { item: itemKey(event), place }, { ...text, path: text.place }, 'delta')
      }
    }
  }

  #sayAll(parts: Part[], reading: Reading, item: ItemKey, base: JsonPath, path: JsonPath): void {
    for (const text of reading.texts) {
      const said = { ...text, path: [...path, ...text.place] }
      this.#say(parts, { item, place: [...base, ...text.place] }, said, 'whole')
    }
    addUninspectable(parts, reading)
  }

  #say(parts: Part[], { item, place }: TextKey, said: Said, stage: 'delta' | 'whole'): void {
    const { kind: textKind, text, syntax, path } = said
    if (text === '' && (stage === 'whole' || textKind !== 'tool-call')) return
    const block = this.#blockOf({ item, place })
    if (textKind === 'tool-call' && item !== undefined) this.#callsOf(item).add(block.number)
    const kind = stage === 'whole' && block.begun ? 'text-repeat' : 'text-delta'
    block.begun ||= text !== ''
    parts.push({ kind, choice: 0, textKind, block: block.number, text, syntax, path })
  }

  #blockOf({ item, place }: TextKey): Block {
    const key = JSON.stringify([item ?? null, ...place])
    const known = this.#blocks.get(key)
    if (known !== undefined) return known
    const block = { number: this.#blocks.size, begun: false }
    this.#blocks.set(key, block)
    return block
  }

  #callsOf(item: ItemKey): Set<number> {
    const known = this.#calls.get(item)
    if (known !== undefined) return known
    const calls = new Set<number>()
    this.#calls.set(item, calls)
    return calls
  }
}

/** There are at most as many as the answer has texts. */
interface Block {
  readonly number: number
  /** Something of it was said. */
  begun: boolean
}

function addUninspectable(parts: Part[], reading: Reading): void {
  for (let count = 0; count < reading.uninspectable; count++) parts.push({ kind: 'uninspectable' })
}
