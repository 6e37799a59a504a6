import type { Role, TextSegment } from '../llm/format.ts'

/** Which messages of a request a rule judges. */
export interface View {
  readonly scan: 'conversation' | 'latest_turn'
  /** Undefined: every role. */
  readonly roles: ReadonlySet<Role> | undefined
}

/** The places, in `segments`, of the texts that the view shows; in order. */
export function viewed(segments: readonly TextSegment[], view: View): readonly number[] {
  const from = view.scan === 'latest_turn' ? latestTurn(segments) : Number.NEGATIVE_INFINITY
  return segments.flatMap(({ message, role }, index) =>
    message >= from && (view.roles === undefined || view.roles.has(role)) ? [index] : [],
  )
}

/**
 * The first message of what has been said since the model's last answer: what the user wrote, or what tools gave back.
 * Where the conversation ends with the assistant (a prefilled answer, which the client wrote), the turn is what stands
 * between that and the answer before, and the prefilled one as well.
 */
function latestTurn(segments: readonly TextSegment[]): number {
  let at = segments.length - 1
  while (at >= 0 && segments[at]!.role === 'assistant') at -= 1
  while (at >= 0 && segments[at]!.role !== 'assistant') at -= 1
  return at < 0 ? Number.NEGATIVE_INFINITY : segments[at]!.message + 1
}
