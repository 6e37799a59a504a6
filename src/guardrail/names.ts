import { z } from 'zod'

/** Names end up in headers, placeholders and logs: only what looks like a name is passed on. */
const NAME = /^[\w./:-]{1,128}$/

/** The detector that an operator gives his own findings. */
export function detectorSchema() {
  return z.string().regex(/^[\w./:-]{1,64}$/)
}

/** A service's name for something, such as the id of its check; undefined for what could be anything else. */
export function nameOrUndefined(value: unknown): string | undefined {
  return typeof value === 'string' && NAME.test(value) ? value : undefined
}

/** A service's category as a detector, in lower case; `otherwise` for what does not look like a name. */
export function detectorName(value: unknown, otherwise: string): string {
  return nameOrUndefined(value)?.toLowerCase() ?? otherwise
}
