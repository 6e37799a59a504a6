import { readFileSync } from 'node:fs'
import { EventStreamCodec } from '@smithy/eventstream-codec'

/** The frames of Bedrock as AWS's own codec writes and reads them. */
const codec = new EventStreamCodec(
  bytes => Buffer.from(bytes).toString('utf8'),
  text => Buffer.from(text, 'utf8'),
)

export const BEDROCK_STREAM = 'application/vnd.amazon.eventstream'

/** One line of a recorded stream. `chunk`: a provider's JSON inside a frame of InvokeModelWithResponseStream. */
export type WireLine =
  | { readonly event: string; readonly payload: unknown }
  | { readonly exception: string; readonly payload: unknown }
  | { readonly chunk: unknown }

export function wireFrame(line: WireLine): Buffer {
  if ('chunk' in line) {
    const bytes = Buffer.from(JSON.stringify(line.chunk)).toString('base64')
    return wireFrame({ event: 'chunk', payload: { bytes, p: 'abcdefgh' } })
  }
  const [type, name] = 'event' in line ? ['event', line.event] : ['exception', line.exception]
  return rawFrame(
    { [`:${type}-type`]: name, ':content-type': 'application/json', ':message-type': type },
    Buffer.from(JSON.stringify(line.payload)),
  )
}

export function rawFrame(headers: Readonly<Record<string, string>>, body: Uint8Array): Buffer {
  const typed = Object.entries(headers).map(([name, value]) => [name, { type: 'string' as const, value }])
  return Buffer.from(codec.encode({ headers: Object.fromEntries(typed), body }))
}

const fixtures = new URL('../fixtures/bedrock/', import.meta.url)

export const readBedrockFixture = (name: string): Buffer => readFileSync(new URL(name, fixtures))

/** The frames of a recorded stream. */
export function wireFrames(name: string): readonly Buffer[] {
  const lines = readBedrockFixture(name).toString().trimEnd().split('\n')
  return lines.map(line => wireFrame(JSON.parse(line)))
}

/** What AWS's codec reads in frames; it throws where a CRC or a length is wrong. */
export function readWire(bytes: Uint8Array): readonly WireLine[] {
  const lines: WireLine[] = []
  for (let rest = Buffer.from(bytes); rest.length > 0; ) {
    const length = rest.readUInt32BE(0)
    const { headers, body } = codec.decode(rest.subarray(0, length))
    const payload = JSON.parse(Buffer.from(body).toString())
    const event = String(headers[':event-type']?.value)
    lines.push(
      event === 'chunk'
        ? { chunk: JSON.parse(Buffer.from(payload.bytes, 'base64').toString()) }
        : { event, payload },
    )
    rest = rest.subarray(length)
  }
  return lines
}
