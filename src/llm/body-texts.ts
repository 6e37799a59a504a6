import type { Completion, Decoded, JsonPath, Role, TextKind, TextSegment, TextSyntax } from './format.ts'
import { isPresent, textsInside } from './json-body.ts'

/** What stands in the way of reading a body. */
export class BodyReading {
  /** Parts that hold something no guard can read. */
  uninspectable = 0
  /** A text stood in a shape that the API does not have: the body must count as undecodable. */
  malformed = false
  /**
   * Of a request a value of the wrong type makes a malformed body: the upstream would refuse it as well. An upstream's
   * own extension in an answer is no reason to refuse the answer: it counts as uninspectable.
   */
  readonly side: 'request' | 'response'

  constructor(side: 'request' | 'response') {
    this.side = side
  }

  addOddShape(): void {
    if (this.side === 'request') this.malformed = true
    else this.uninspectable++
  }
}

/** The texts of a body, in the order in which they are said. */
export class BodyTexts extends BodyReading {
  readonly segments: TextSegment[] = []

  /** Nobody says an empty text: it is left out. */
  push(segment: TextSegment): void {
    if (segment.text !== '') this.segments.push(segment)
  }

  toCompletion(): Decoded<Completion> {
    return { kind: 'ok', value: { segments: this.segments, uninspectable: this.uninspectable } }
  }
}

/** Whose message is read: its index and role for the segments, its place in the body for their paths. */
export interface Speaker {
  readonly message: number
  readonly role: Role
  readonly path: JsonPath
}

/** The texts of a body whose messages each have one speaker. `place` leads to a text from its message. */
export class MessageTexts extends BodyTexts {
  add(speaker: Speaker, kind: TextKind, place: JsonPath, text: string, syntax?: TextSyntax): void {
    const { message, role, path } = speaker
    this.push({ message, role, kind, text, syntax, path: [...path, ...place] })
  }

  /** A text, if anything stands there. */
  addText(speaker: Speaker, kind: TextKind, place: JsonPath, text: unknown): void {
    if (typeof text === 'string') this.add(speaker, kind, place, text)
    else if (isPresent(text)) this.addOddShape()
  }

  /** A tool's arguments: JSON inside a string; lenient servers also take and send the bare object. */
  addArguments(speaker: Speaker, place: JsonPath, called: unknown): void {
    const syntax = typeof called === 'string' ? 'json' : undefined
    for (const { path, text } of textsInside(called, place))
      this.add(speaker, 'tool-call', path, text, syntax)
  }
}
