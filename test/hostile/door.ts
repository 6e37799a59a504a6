import { afterAll, beforeAll } from 'vitest'
import type { PolicySet } from '../../src/policy/policy.ts'
import { CHAT_HEADERS, chatRequest } from '../support/chat.ts'
import { policySet } from '../support/policies.ts'
import { connectProcessor, type ProcessorCall, type ProcessorClient } from '../support/processor-client.ts'
import { type RunningWeir, startWeir } from '../support/weir.ts'

/** What became of a message's body at the gRPC door. */
export type Fate =
  | { readonly kind: 'passed'; readonly body: Buffer }
  | {
      readonly kind: 'refused'
      readonly status: string
      readonly why: string | undefined
      readonly text: string
    }
  | { readonly kind: 'ended'; readonly code: number }

/** Header values as bytes, names as they are. */
export type Headers = readonly (readonly [string, string | Uint8Array])[]

/** A processor and a client that speaks to it as Envoy does, in full duplex. */
export interface Door {
  readonly weir: RunningWeir
  use(policies: PolicySet): void
  /** One request, in pieces of 64 KiB. `given` stands behind the headers of a chat request. */
  ask(body: Uint8Array, given?: Headers, metadata?: Record<string, string>): Promise<Fate>
  /** One answer to a chat request that streams. */
  answer(headers: Readonly<Record<string, string>>, body: Uint8Array): Promise<Fate>
  /** Every call since `use` has ended at Weir's side too. */
  idle(): Promise<void>
}

const PIECE = 65_536

export function useDoor(): () => Door {
  let door: (Door & { stop(): Promise<void> }) | undefined
  beforeAll(async () => {
    door = await openDoor()
  })
  afterAll(() => door?.stop())
  return () => {
    if (door === undefined) throw new Error('the door opens with the tests')
    return door
  }
}

async function openDoor(): Promise<Door & { stop(): Promise<void> }> {
  const weir = await startWeir(policySet())
  const client = connectProcessor(weir.address, { 'grpc.max_receive_message_length': -1 })
  let calls = 0
  return {
    weir,
    use(policies) {
      calls = 0
      weir.telemetry.clear()
      weir.policies = policies
    },
    ask(body, given = [], metadata = {}) {
      calls += 1
      return ask(client, body, given, metadata)
    },
    answer(headers, body) {
      calls += 1
      return answer(client, headers, body)
    },
    idle: () => weir.telemetry.until(() => weir.telemetry.ends.length >= calls),
    async stop() {
      client.close()
      await weir.stop()
    },
  }
}

const MODES = { request_body_mode: 'FULL_DUPLEX_STREAMED', response_body_mode: 'FULL_DUPLEX_STREAMED' }

function headersMessage(side: string, headers: Headers, ends: boolean): Record<string, unknown> {
  const list = headers.map(([key, value]) => ({ key, raw_value: Buffer.from(value) }))
  return { [`${side}_headers`]: { headers: { headers: list }, end_of_stream: ends }, protocol_config: MODES }
}

async function ask(
  client: ProcessorClient,
  body: Uint8Array,
  given: Headers,
  metadata: Record<string, string>,
): Promise<Fate> {
  const call = client.process(metadata)
  call.send(headersMessage('request', [...Object.entries(CHAT_HEADERS), ...given], body.byteLength === 0))
  sendBody(call, 'request', body)
  return settled(call, await fateOf(call, 'request', body.byteLength > 0))
}

async function answer(
  client: ProcessorClient,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): Promise<Fate> {
  const call = client.process()
  call.send(headersMessage('request', Object.entries(CHAT_HEADERS), false))
  sendBody(call, 'request', Buffer.from(chatRequest('hello', { stream: true })))
  const request = await fateOf(call, 'request', true)
  if (request.kind !== 'passed') return settled(call, request)
  call.send(headersMessage('response', Object.entries(headers), body.byteLength === 0))
  sendBody(call, 'response', body)
  return settled(call, await fateOf(call, 'response', body.byteLength > 0))
}

function settled(call: ProcessorCall, fate: Fate): Fate {
  call.cancel()
  return fate
}

function sendBody(call: ProcessorCall, side: string, body: Uint8Array): void {
  for (let at = 0; at < body.byteLength; at += PIECE) {
    const piece = body.subarray(at, at + PIECE)
    call.send({ [`${side}_body`]: { body: piece, end_of_stream: at + PIECE >= body.byteLength } })
  }
}

async function fateOf(call: ProcessorCall, side: string, hasBody: boolean): Promise<Fate> {
  const pieces: Buffer[] = []
  try {
    for (;;) {
      const reply = await call.reply()
      if (reply.immediate_response) return refusalIn(reply.immediate_response)
      if (reply[`${side}_headers`] && !hasBody) return { kind: 'passed', body: Buffer.alloc(0) }
      const streamed: unknown = at(reply[`${side}_body`], 'response', 'body_mutation', 'streamed_response')
      if (streamed === undefined) continue
      const bytes = at(streamed, 'body')
      if (bytes instanceof Uint8Array) pieces.push(Buffer.from(bytes))
      if (at(streamed, 'end_of_stream') === true) return { kind: 'passed', body: Buffer.concat(pieces) }
    }
  } catch {
    return { kind: 'ended', code: (await call.status).code }
  }
}

function refusalIn(response: unknown): Fate {
  const set = at(response, 'headers', 'set_headers')
  const reason = Array.isArray(set)
    ? set.map(one => at(one, 'header')).find(header => at(header, 'key') === 'x-weir-reason')
    : undefined
  const why = at(reason, 'raw_value')
  return {
    kind: 'refused',
    status: String(at(response, 'status', 'code') ?? 'OK'),
    why: why === undefined ? undefined : String(why),
    text: String(at(response, 'body')),
  }
}

/** A member of a member, as far as there are any. */
function at(value: unknown, ...path: readonly string[]): unknown {
  let node: unknown = value
  for (const step of path)
    node = node === null || node === undefined ? undefined : Reflect.get(Object(node), step)
  return node
}
