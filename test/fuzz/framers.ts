import fc from 'fast-check'
import { type AwsEventStreamFramer, openAwsEventStream } from '../../src/llm/aws-event-stream.ts'
import { openEventStream } from '../../src/llm/event-stream.ts'
import { openJsonArray } from '../../src/llm/json-array.ts'
import { openNdjson } from '../../src/llm/ndjson.ts'
import { anyBytes, cuts, nearly, pieces } from './bytes.ts'
import { streamBody } from './corpus.ts'
import { must, mustEqual } from './require.ts'
import { type FuzzTarget, fuzzTarget } from './target.ts'

interface FramerFrame {
  readonly kind: string
  readonly bytes: Uint8Array
}

interface Framer {
  push(chunk: Uint8Array): readonly FramerFrame[]
  end(): readonly FramerFrame[]
  readonly buffered: number
}

function framed(framer: Framer, chunks: readonly Buffer[]): readonly FramerFrame[] {
  let given = 0
  let taken = 0
  const counted = (frames: readonly FramerFrame[]): readonly FramerFrame[] => {
    for (const { bytes } of frames) taken += bytes.byteLength
    must(framer.buffered === given - taken, 'held bytes that are not those that no frame has')
    return frames
  }
  const frames = chunks.flatMap(chunk => {
    given += chunk.byteLength
    return counted(framer.push(chunk))
  })
  return [...frames, ...counted(framer.end())]
}

/** Any bytes at any cuts: the frames are the bytes, and the same frames whatever the cuts. */
function framing(name: string, open: () => Framer): FuzzTarget {
  const cases = fc.record({ bytes: fc.oneof(nearly(streamBody), anyBytes(80)), cuts })
  return fuzzTarget(name, 300, cases, ({ bytes, cuts }) => {
    const frames = framed(open(), pieces(bytes, cuts))
    must(bytes.equals(Buffer.concat(frames.map(frame => frame.bytes))), 'bytes were lost or gained')
    const whole = framed(open(), [bytes])
    // What no reader can frame any more, and blanks behind an array, come in the pieces that they came in.
    const readable = (of: readonly FramerFrame[]) =>
      of.filter(({ kind }) => kind !== 'undecodable' && kind !== 'space')
    mustEqual(readable(whole).map(plain), readable(frames).map(plain), 'frames depend on the cuts')
  })
}

/** Without the memory that the bytes lie in. */
function plain(frame: FramerFrame): unknown {
  return { ...frame, payload: undefined, bytes: Buffer.from(frame.bytes).toString('latin1') }
}

const openAws: () => AwsEventStreamFramer = openAwsEventStream
export const sseFrames = framing('sse-frames', openEventStream)
export const ndjsonFrames = framing('ndjson-frames', openNdjson)
export const arrayFrames = framing('json-array-frames', openJsonArray)
export const awsFrames = framing('bedrock-frames', openAws)
