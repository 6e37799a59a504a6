import { assertNever } from '../errors.ts'
import type { TextSyntax } from '../llm/format.ts'
import type { Redaction } from './redaction.ts'

/** What takes the place of a text that was found. `syntax`: that of the text it stands in. */
export type Name = (
  redaction: Pick<Redaction, 'detector' | 'style'>,
  original: string,
  syntax?: TextSyntax,
) => string

/** For texts that nobody restores. */
export const plainName: Name = ({ detector, style }, original) => {
  switch (style.kind) {
    case 'replace':
      return `<${entityOf(detector)}>`
    case 'mask':
      return '*'.repeat(Array.from(original).length)
    case 'hash':
      return `<${entityOf(detector)}_${style.digest(original)}>`
    default:
      return assertNever(style)
  }
}

/** `pii/email` is EMAIL. */
function entityOf(detector: string): string {
  const entity = detector.slice(detector.lastIndexOf('/') + 1)
  return entity.toUpperCase().replace(/[^A-Z0-9]+/g, '_')
}

/**
 * Names what is found in one request, and remembers what each name stands for, so that the answer can be given its
 * originals back. The same text always gets the same name; no name is one that the request holds by itself.
 */
export class Placeholders {
  readonly #texts: () => readonly string[]
  /** What looks like a placeholder in the request itself; read when the first is made. */
  #taken: ReadonlySet<string> | undefined
  readonly #originals = new Map<string, string>()
  readonly #names = new Map<string, string>()
  readonly #last = new Map<string, number>()

  /** `texts`: those of the request. */
  constructor(texts: () => readonly string[]) {
    this.#texts = texts
  }

  /** What stands behind each placeholder. */
  get originals(): ReadonlyMap<string, string> {
    return this.#originals
  }

  readonly name: Name = (redaction, raw, syntax) => {
    const { detector, style } = redaction
    const original = syntax === 'json' ? unescaped(raw) : raw
    if (style.kind === 'mask' || !style.restore) return plainName(redaction, original)
    if (style.kind === 'hash') return this.#remember(plainName(redaction, original), original)
    const key = `${detector} ${original}`
    const known = this.#names.get(key)
    if (known !== undefined) return known
    const name = this.#nextName(entityOf(detector))
    this.#names.set(key, name)
    return this.#remember(name, original)
  }

  #nextName(entity: string): string {
    this.#taken ??= new Set(this.#texts().flatMap(text => text.match(/<[A-Z0-9_]+>/g) ?? []))
    for (let number = (this.#last.get(entity) ?? 0) + 1; ; number++) {
      const name = `<${entity}_${number}>`
      if (this.#taken.has(name)) continue
      this.#last.set(entity, number)
      return name
    }
  }

  #remember(placeholder: string, original: string): string {
    this.#originals.set(placeholder, original)
    return placeholder
  }
}

/** A stretch of a JSON string's source, read; as it stands where it is cut inside an escape. */
function unescaped(raw: string): string {
  try {
    return JSON.parse(`"${raw}"`)
  } catch {
    return raw
  }
}
