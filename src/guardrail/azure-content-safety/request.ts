import type { TextSegment } from '../../llm/format.ts'
import type { ScanSubject } from '../guardrail.ts'
import { messageTexts, splitText } from '../pieces.ts'

/** "Maximum of 10k Unicode characters (Unicode code points)"; UTF-16 units are never fewer than code points. */
const MAX_UNITS = 10_000
/** Prompt Shields: "up to five documents with a total of 10K characters". */
const MAX_DOCUMENTS = 5
/** Between messages that share a request. */
const SEPARATOR = '\n\n'

/** What one request asks. */
export type Question =
  | { readonly check: 'prompt_shield'; readonly userPrompt: string; readonly documents: readonly string[] }
  | { readonly check: 'analyze'; readonly text: string }

/**
 * Prompt Shields for the subject. What was said to the model is the prompt, whoever said it: the service knows no
 * roles, and a client may write any of them. What reached it otherwise is a document: tool results, and on the output
 * side the answer, which the next reader gets as that.
 */
export function shieldQuestions(subject: ScanSubject): readonly Question[] {
  const isDocument = ({ kind, role }: TextSegment) =>
    subject.side === 'output' || kind === 'tool-result' || role === 'tool'
  const prompts = packed(messageTexts(subject.segments.filter(segment => !isDocument(segment))))
  const documents = documentLists(messageTexts(subject.segments.filter(isDocument)))
  return Array.from({ length: Math.max(prompts.length, documents.length) }, (_, index) => ({
    check: 'prompt_shield',
    userPrompt: prompts[index] ?? '',
    documents: documents[index] ?? [],
  }))
}

/** All texts of the subject for text:analyze. */
export function analyzeQuestions({ segments }: ScanSubject): readonly Question[] {
  return packed(messageTexts(segments)).map(text => ({ check: 'analyze', text }))
}

function pieces(texts: readonly string[]): readonly string[] {
  return texts.flatMap(text => splitText(text, MAX_UNITS))
}

/** Neighbours share a request as long as they fit: a conversation is not one request per message. */
function packed(texts: readonly string[]): readonly string[] {
  const packs: string[] = []
  for (const piece of pieces(texts)) {
    const open = packs.at(-1)
    if (open !== undefined && open.length + SEPARATOR.length + piece.length <= MAX_UNITS) {
      packs[packs.length - 1] = open + SEPARATOR + piece
    } else {
      packs.push(piece)
    }
  }
  return packs
}

/** Each document on its own, so that one does not hide in another's text; as many to a request as it takes. */
function documentLists(texts: readonly string[]): readonly (readonly string[])[] {
  const lists: string[][] = []
  let units = 0
  for (const piece of pieces(texts)) {
    const open = lists.at(-1)
    if (open && open.length < MAX_DOCUMENTS && units + piece.length <= MAX_UNITS) {
      open.push(piece)
      units += piece.length
    } else {
      lists.push([piece])
      units = piece.length
    }
  }
  return lists
}
