import type { TextSegment } from '../../llm/format.ts'
import { messageTexts, splitText } from '../pieces.ts'

/** "For higher accuracy, try splitting long pieces of text into smaller chunks each less than 2,000 characters." */
const MAX_INPUT_UNITS = 1999
/**
 * The model's window is 32,768 tokens, and the service clips what is longer without a word. A token is never less than
 * a byte, so that as many bytes are never clipped, whether the window is one input's or the whole request's.
 */
const MAX_REQUEST_BYTES = 32_768
/** The service names no limit; its answer has a list of scores for each input, and answers are capped. */
const MAX_REQUEST_INPUTS = 32

/**
 * The texts as lists of inputs, one list per request. The service knows no roles: each message, or choice of an answer,
 * is a text of its own, which is cut where it is too long. Blank text is left out.
 */
export function moderationRequests(segments: readonly TextSegment[]): readonly (readonly string[])[] {
  return batches(messageTexts(segments).flatMap(text => splitText(text, MAX_INPUT_UNITS)))
}

function batches(inputs: readonly string[]): readonly (readonly string[])[] {
  const requests: string[][] = []
  let bytes = 0
  for (const input of inputs) {
    const inputBytes = Buffer.byteLength(input)
    const open = requests.at(-1)
    if (open && open.length < MAX_REQUEST_INPUTS && bytes + inputBytes <= MAX_REQUEST_BYTES) {
      open.push(input)
      bytes += inputBytes
    } else {
      requests.push([input])
      bytes = inputBytes
    }
  }
  return requests
}
