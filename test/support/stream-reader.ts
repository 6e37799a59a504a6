import type OpenAI from 'openai'

/** What a client that looks at bytes got. */
export interface RawAnswer {
  /** 0 when no answer came at all. */
  readonly status: number
  readonly type: string | undefined
  /** Heartbeats left out. */
  readonly body: string
  /** `cut`: by a connection that broke. */
  readonly ended: 'complete' | 'cut'
}

/** What a client got that reads with the official SDK. */
export interface SdkAnswer {
  readonly text: string
  readonly reasoning: string
  /** Every call with its arguments, as in `f({})`. */
  readonly calls: string
  readonly finish: string | undefined
  /** The class of what the SDK threw. */
  readonly error: string | undefined
}

type Ask = OpenAI.ChatCompletionCreateParamsStreaming

/** Called, perhaps many times, once the headers or some text of the answer have come. */
export type OnSeen = (what: 'head' | 'text') => void

export async function readRaw(pending: Promise<Response>, onSeen: OnSeen): Promise<RawAnswer> {
  const response = await pending.catch(() => undefined)
  if (response === undefined) return { status: 0, type: undefined, body: '', ended: 'cut' }
  onSeen('head')
  const chunks: Uint8Array[] = []
  const bodySoFar = (): string => Buffer.concat(chunks).toString()
  let ended: RawAnswer['ended'] = 'complete'
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk)
      if (/"(?:reasoning_)?content":"[^"]/.test(bodySoFar())) onSeen('text')
    }
  } catch {
    ended = 'cut'
  }
  const type = response.headers.get('content-type') ?? undefined
  return { status: response.status, type, body: withoutHeartbeats(bodySoFar()), ended }
}

/** Takes whole events only, so that a heartbeat inside of an event shows. */
function withoutHeartbeats(body: string): string {
  return body
    .split('\n\n')
    .filter(event => event !== ':')
    .join('\n\n')
}

/** By the plain iterator over events. */
export async function readEvents(
  client: OpenAI,
  ask: Ask,
  onSeen: OnSeen,
  options: { signal?: AbortSignal },
): Promise<SdkAnswer> {
  const seen = new SeenEvents()
  try {
    const events = await client.chat.completions.create(ask, options)
    onSeen('head')
    for await (const event of events) {
      seen.add(event)
      if (seen.hasText) onSeen('text')
    }
  } catch (error) {
    return seen.answer(error)
  }
  return seen.answer()
}

/** By the helper, which is strict about roles, indexes and finish reasons. */
export async function readByHelper(client: OpenAI, ask: Ask, onSeen: OnSeen): Promise<SdkAnswer> {
  const seen = new SeenEvents()
  const run = client.chat.completions.stream(ask)
  run.on('chunk', event => {
    seen.add(event)
    if (seen.hasText) onSeen('text')
  })
  try {
    const [choice] = (await run.finalChatCompletion()).choices
    const calls = choice?.message.tool_calls ?? []
    return {
      ...seen.answer(),
      text: choice?.message.content ?? '',
      calls: calls.map(call => `${call.function.name}(${call.function.arguments})`).join(' '),
      finish: choice?.finish_reason,
    }
  } catch (error) {
    return seen.answer(error)
  }
}

interface Delta {
  readonly content?: string | null
  /** Not in the SDK's types: it hands on what it does not know. */
  readonly reasoning_content?: string
  readonly tool_calls?: readonly {
    readonly index: number
    readonly function?: { readonly name?: string; readonly arguments?: string }
  }[]
}

class SeenEvents {
  #text = ''
  #reasoning = ''
  #finish: string | undefined
  readonly #calls = new Map<number, { name: string; arguments: string }>()

  get hasText(): boolean {
    return this.#text !== '' || this.#reasoning !== ''
  }

  add(event: OpenAI.ChatCompletionChunk): void {
    const [choice] = event.choices
    const delta: Delta = choice?.delta ?? {}
    this.#text += delta.content ?? ''
    this.#reasoning += delta.reasoning_content ?? ''
    this.#finish = choice?.finish_reason ?? this.#finish
    for (const { index, function: called } of delta.tool_calls ?? []) {
      const known = this.#calls.get(index) ?? { name: '', arguments: '' }
      this.#calls.set(index, {
        name: known.name + (called?.name ?? ''),
        arguments: known.arguments + (called?.arguments ?? ''),
      })
    }
  }

  answer(error?: unknown): SdkAnswer {
    return {
      text: this.#text,
      reasoning: this.#reasoning,
      calls: [...this.#calls.values()].map(call => `${call.name}(${call.arguments})`).join(' '),
      finish: this.#finish,
      error: error instanceof Error ? error.constructor.name : undefined,
    }
  }
}
