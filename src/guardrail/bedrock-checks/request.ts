import { assertNever } from '../../errors.ts'
import type { Role, TextSegment } from '../../llm/format.ts'
import type { Piece } from '../pieces.ts'

/** As the InvokeGuardrailChecks reference has it. */
interface ChecksMessage {
  readonly role: 'user' | 'assistant' | 'system'
  readonly content: readonly { readonly text: string }[]
}

/** The messages of one request, and which piece each block of each message is. */
export interface ChecksMessages {
  readonly messages: readonly ChecksMessage[]
  readonly places: readonly (readonly Piece[])[]
}

/** The reference names no limit of blocks in a message; ten are reported to be the most. */
const MAX_BLOCKS = 10

/**
 * Neighbours that belong to one message stay together, as blocks of it. A message of more blocks than the service takes
 * goes on in another of the same role.
 */
export function checksMessages(batch: readonly Piece[], segments: readonly TextSegment[]): ChecksMessages {
  const places: Piece[][] = []
  for (const piece of batch) {
    const open = places.at(-1)
    const last = open?.at(-1)
    const message = segments[piece.segment]?.message
    const isSame = last?.role === piece.role && segments[last.segment]?.message === message
    if (open !== undefined && isSame && open.length < MAX_BLOCKS) open.push(piece)
    else places.push([piece])
  }
  const messages = places.map(pieces => ({
    role: roleOf(pieces[0]!.role),
    content: pieces.map(({ text }) => ({ text })),
  }))
  return { messages, places }
}

/**
 * The service knows three roles. What a tool returned is nobody's instruction and comes from outside: it is judged as
 * what users write, which is where attacks are looked for.
 */
function roleOf(role: Role): ChecksMessage['role'] {
  switch (role) {
    case 'system':
    case 'developer':
      return 'system'
    case 'user':
    case 'tool':
      return 'user'
    case 'assistant':
      return 'assistant'
    default:
      return assertNever(role)
  }
}
