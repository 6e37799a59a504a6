import { type Decoded, type LlmRequest, type RequestPlace, type Role, WRONG_SHAPE } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject, type JsonText, textsInside } from '../json-body.ts'
import { decodeRequestObject } from '../strict-json.ts'
import { type Call, entriesOf, fieldsOf, Gathering, type PartSink, type Place, readParts } from './message.ts'

/** Far above the API's own bound on `candidateCount`, which is 8 and may rise. */
export const MAX_CANDIDATES = 128

/** `function` is an old name for what the client's tools gave back. A role that is not here is `user`. */
const ROLES: ReadonlyMap<unknown, Role> = new Map<unknown, Role>([
  ['user', 'user'],
  ['model', 'assistant'],
  ['function', 'tool'],
])

/** A `POST …:generateContent` body, or one of `:streamGenerateContent`. */
export function decodeRequest(
  body: Uint8Array,
  place: RequestPlace,
  delivery: 'whole' | 'streamed',
): Decoded<LlmRequest> {
  return decodeWith(body, root => {
    const conversation = new Conversation()
    conversation.readRequest({ value: root, path: [] }, 'must-have-contents')
    const choices = readCandidateCount(root)
    return choices === 'wrong-shape'
      ? choices
      : conversation.toRequest({
          model: modelOf(place, root),
          streams: delivery === 'streamed',
          choices,
          structuredOutput: isStructured(root),
        })
  })
}

/** A `POST …:countTokens` body: the request itself, or one inside `generateContentRequest`. */
export function decodeCountRequest(body: Uint8Array, place: RequestPlace): Decoded<LlmRequest> {
  return decodeWith(body, root => {
    const conversation = new Conversation()
    const inner = fieldsOf(root, 'generateContentRequest', [])
    conversation.readRequest(
      { value: root, path: [] },
      inner.length > 0 || isPresent(root.instances) ? 'may-lack-contents' : 'must-have-contents',
    )
    for (const request of inner) conversation.readRequest(request, 'must-have-contents')
    conversation.readWords(textsInside(root.instances, ['instances']))
    return conversation.toRequest({ model: modelOf(place, root) })
  })
}

/** A `POST …:embedContent` body, or one of `:batchEmbedContents`, which holds several. */
export function decodeEmbedRequest(body: Uint8Array, place: RequestPlace): Decoded<LlmRequest> {
  return decodeWith(body, root => {
    const conversation = new Conversation()
    const requests = isPresent(root.requests)
      ? entriesOf(root.requests, ['requests'])
      : [{ value: root, path: [] }]
    for (const request of requests) conversation.readEmbedding(request)
    return conversation.toRequest({ model: modelOf(place, root) })
  })
}

function decodeWith(
  body: Uint8Array,
  read: (root: JsonObject) => LlmRequest | 'wrong-shape',
): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const value = read(json.value)
  return value === 'wrong-shape' ? WRONG_SHAPE : { kind: 'ok', value }
}

/** The messages of a request; what the upstream would refuse as well makes it of the wrong shape. */
class Conversation {
  readonly #into = new Gathering('request')
  #messages = 0

  readRequest({ value: request, path }: Place, contents: 'must-have-contents' | 'may-lack-contents'): void {
    if (!isJsonObject(request)) {
      this.#into.addOddShape()
      return
    }
    for (const instruction of fieldsOf(request, 'systemInstruction', path))
      this.#readTurn(instruction, 'system')
    const turns = entriesOf(request.contents, [...path, 'contents'])
    for (const turn of turns) this.#readTurn(turn, undefined)
    if (contents === 'must-have-contents' && !isPresent(request.contents)) this.#into.addOddShape()
    // What the cache holds and what an answer that is continued has said go to the model unseen.
    for (const key of ['cachedContent', 'continuationToken'] as const) {
      this.#into.uninspectable += fieldsOf(request, key, path).length
    }
  }

  readEmbedding({ value: request, path }: Place): void {
    if (!isJsonObject(request) || !isPresent(request.content)) {
      this.#into.addOddShape()
      return
    }
    this.readWords(textsInside(request.title, [...path, 'title']))
    for (const config of fieldsOf(request, 'embedContentConfig', path)) {
      if (isJsonObject(config.value))
        this.readWords(textsInside(config.value.title, [...config.path, 'title']))
    }
    this.#readTurn({ value: request.content, path: [...path, 'content'] }, undefined)
  }

  /** Texts that stand in no message: one by itself. */
  readWords(texts: readonly JsonText[]): void {
    if (texts.length === 0) return
    const message = this.#messages++
    for (const text of texts) this.#into.add(message, 'user', 'content', text)
  }

  toRequest(facts: Partial<LlmRequest>): LlmRequest | 'wrong-shape' {
    const { segments, uninspectable, malformed } = this.#into
    if (malformed) return 'wrong-shape'
    return {
      model: undefined,
      streams: false,
      choices: 1,
      structuredOutput: false,
      streamUsage: false,
      ...facts,
      segments,
      uninspectable,
    }
  }

  /** `role`: of an instruction, whatever it says of itself. */
  #readTurn({ value: content, path }: Place, role: Role | undefined): void {
    const own = isJsonObject(content) ? (ROLES.get(content.role) ?? 'user') : 'user'
    readParts(new Turn(this.#into, role ?? own, () => this.#messages++), content, path)
  }
}

/** One `Content` of a request. What a tool gave back is a message of its own, whoever's turn it stands in. */
class Turn implements PartSink {
  readonly #into: Gathering
  readonly #role: Role
  readonly #nextMessage: () => number
  /** Undefined at the start and behind a tool's result. */
  #message: number | undefined

  constructor(into: Gathering, role: Role, nextMessage: () => number) {
    this.#into = into
    this.#role = role
    this.#nextMessage = nextMessage
  }

  said(kind: 'content' | 'reasoning' | 'transcript', text: JsonText): void {
    const said = kind === 'reasoning' ? kind : 'content'
    this.#into.add(this.#own(), this.#role, this.#role === 'tool' ? 'tool-result' : said, text)
  }

  aside(text: JsonText): void {
    this.said('content', text)
  }

  called({ texts, fragments }: Call): void {
    for (const text of [...texts, ...fragments]) this.#into.add(this.#own(), this.#role, 'tool-call', text)
  }

  returned(texts: readonly JsonText[]): void {
    const message = this.#nextMessage()
    this.#message = undefined
    for (const text of texts) this.#into.add(message, 'tool', 'tool-result', text)
  }

  uninspectable(): void {
    this.#into.uninspectable++
  }

  oddShape(): void {
    this.#into.addOddShape()
  }

  #own(): number {
    this.#message ??= this.#nextMessage()
    return this.#message
  }
}

/** What names a model in a path; a tuned one may stand there as an endpoint. */
const MODEL_FOLDERS = ['/models/', '/tunedModels/', '/endpoints/']

/** The path says `…/models/{model}:{method}`; a body that names one as well says `models/{model}`. */
function modelOf({ path }: RequestPlace, { model }: JsonObject): string | undefined {
  const resource = path.slice(0, Math.max(0, path.lastIndexOf(':')))
  for (const folder of MODEL_FOLDERS) {
    const start = resource.lastIndexOf(folder)
    if (start !== -1 && start + folder.length < resource.length) return resource.slice(start + folder.length)
  }
  return typeof model === 'string' && model !== '' ? model.replace(/^models\//, '') : undefined
}

/** A setting in all its spellings. */
function settingsOf(root: JsonObject, key: string): readonly unknown[] {
  return fieldsOf(root, 'generationConfig', [])
    .flatMap(({ value }) => (isJsonObject(value) ? fieldsOf(value, key, []) : []))
    .map(({ value }) => value)
}

/** JSON for protocol buffers: a number may come as a string, and 0 is what an absent one means. */
function readCandidateCount(root: JsonObject): number | 'wrong-shape' {
  const counts = settingsOf(root, 'candidateCount').map(value =>
    typeof value === 'string' && /^\d{1,4}$/.test(value) ? Number(value) : value,
  )
  return counts.every(isCount) ? Math.max(1, ...counts) : 'wrong-shape'
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_CANDIDATES
}

/** The client wants JSON, by a schema or by the content type. */
function isStructured(root: JsonObject): boolean {
  const schemas = ['responseSchema', 'responseJsonSchema'].flatMap(key => settingsOf(root, key))
  return schemas.length > 0 || settingsOf(root, 'responseMimeType').includes('application/json')
}
