import type { Frame, StreamPosition } from '../format.ts'
import { isJsonObject, type JsonObject } from '../json-body.ts'
import { type ItemKey, indexIn, isLifecycle, itemKey, partPlace, textOf } from './event.ts'
import { eventOf } from './stream.ts'

/** A part of a message's content or of a summary, as far as the client has it. */
export interface PartState {
  /** The item's field whose list it stands in. */
  readonly list: string
  readonly index: number
  /** As it was opened, or as it was when it was done. */
  part: JsonObject
  text: string
  readonly annotations: unknown[]
  textDone: boolean
  done: boolean
}

/** An item of the answer, as far as the client has it. */
export interface ItemState {
  readonly index: number
  /** As it was opened, or as it was when it was done. */
  item: JsonObject
  /** By list and index; empty once the item is done. */
  readonly parts: Map<string, PartState>
  done: boolean
}

/**
 * What the client has seen of a stream; fresh, it has seen nothing. It keeps each text of the answer once, so it grows
 * with what was released, which the policy bounds by `max_response_bytes`.
 */
export class ResponsesPosition implements StreamPosition {
  /** The answer's own object, as it was told last. */
  response: JsonObject | undefined
  /** By `output_index`, in the order in which they were opened. */
  readonly items = new Map<ItemKey, ItemState>()
  /** Of the next event. */
  sequence = 0
  /** Text of the answer itself, which a refusal must stand apart from. */
  hasContent = false
  terminated = false

  /** `output_index` of the next item. */
  nextIndex = 0

  released(frame: Frame): void {
    for (const part of frame.parts) {
      if (part.kind === 'terminator') this.terminated = true
      else if (part.kind === 'text-delta' || part.kind === 'text-repeat')
        this.hasContent ||= part.textKind === 'content' && part.text !== ''
    }
    const event = eventOf(frame)
    if (event === undefined || typeof event.type !== 'string') return
    const { sequence_number: number } = event
    this.sequence = (typeof number === 'number' && number >= this.sequence ? number : this.sequence) + 1
    this.#take(event.type, event)
  }

  #take(type: string, event: JsonObject): void {
    if (isLifecycle(type) && isJsonObject(event.response)) this.#takeAnswer(event.response)
    else if (type === 'response.output_item.added' && isJsonObject(event.item)) this.#open(event, event.item)
    else if (type === 'response.output_item.done' && isJsonObject(event.item)) {
      const state = this.#open(event, event.item)
      state.done = true
      state.parts.clear()
    } else if (type === 'response.output_text.annotation.added') {
      this.#partOf(event, 'content', indexIn(event, 'content_index'), 'output_text').annotations.push(
        event.annotation,
      )
    } else this.#takePart(type, event)
  }

  /** An answer that is taken up again tells what it has so far. */
  #takeAnswer(response: JsonObject): void {
    this.response = response
    if (!Array.isArray(response.output)) return
    for (const [index, item] of response.output.entries()) {
      if (isJsonObject(item)) this.#keep(index, { index, item, parts: new Map(), done: true })
    }
  }

  #keep(key: ItemKey, state: ItemState): void {
    this.items.set(key, state)
    this.nextIndex = Math.max(this.nextIndex, state.index + 1)
  }

  #open(event: JsonObject, item: JsonObject): ItemState {
    const key = itemKey(event)
    const known = this.items.get(key)
    if (known !== undefined) {
      known.item = item
      return known
    }
    const index = typeof key === 'number' ? key : this.nextIndex
    const state: ItemState = { index, item, parts: new Map(), done: false }
    this.#keep(key, state)
    return state
  }

  #takePart(type: string, event: JsonObject): void {
    const place = partPlace(type, event)
    const said = textOf(type, event)
    if (place !== undefined && isJsonObject(event.part)) {
      const state = this.#partOf(event, place.list, place.index, undefined)
      state.part = event.part
      state.text = textIn(event.part)
      state.done ||= place.stage === 'done'
    } else if (said !== undefined && said.kind !== 'tool-call') {
      const [list, index] = said.place
      if (typeof list !== 'string' || typeof index !== 'number') return
      const state = this.#partOf(event, list, index, PART_TYPES.get(`${list}/${said.kind}`))
      state.text = said.stage === 'delta' ? state.text + said.text : said.text
      state.textDone ||= said.stage === 'whole'
    }
  }

  /** A server may speak into a part, and into an item, that it never opened. */
  #partOf(event: JsonObject, list: string, index: number, type: string | undefined): PartState {
    const item = this.#itemOf(event)
    const key = `${list}/${index}`
    const known = item.parts.get(key)
    if (known !== undefined) return known
    const part = { type }
    const state = { list, index, part, text: '', annotations: [], textDone: false, done: false }
    item.parts.set(key, state)
    return state
  }

  #itemOf(event: JsonObject): ItemState {
    return this.items.get(itemKey(event)) ?? this.#open(event, { type: 'message', id: event.item_id })
  }
}

/** The type of a part by its list and what is said in it. */
const PART_TYPES: ReadonlyMap<string, string> = new Map([
  ['content/content', 'output_text'],
  ['content/refusal', 'refusal'],
  ['content/reasoning', 'reasoning_text'],
  ['summary/reasoning', 'summary_text'],
])

/** The field of a part that holds its text. */
export function textField({ type }: JsonObject): 'text' | 'refusal' {
  return type === 'refusal' ? 'refusal' : 'text'
}

function textIn(part: JsonObject): string {
  const text = part[textField(part)]
  return typeof text === 'string' ? text : ''
}
