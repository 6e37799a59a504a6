import { type Change, changesBetween } from './config-diff.ts'

/** More changes than these, and longer values, are cut: the whole stands at `/config`. */
const MAX_CHANGES = 200
const MAX_VALUE_LENGTH = 1000

/** A change with its values as JSON, each cut where it is long. */
export interface ShownChange {
  readonly path: string
  readonly before?: string
  readonly after?: string
}

/** The config in force and what tells it from the one before. */
export interface SnapshotView {
  readonly version: string
  /** ISO 8601: since when it is in force here. */
  readonly since: string
  /** The version before it; absent until the first change. */
  readonly previous?: string
  readonly changes: readonly ShownChange[]
  /** Changes that are not shown. */
  readonly changesLeftOut: number
  /** In the order they are tried. */
  readonly policies: readonly string[]
}

interface Used {
  readonly version: string
  readonly masked: unknown
}

/** Remembers the config in force and the one before it, secrets masked. */
export class SnapshotHistory {
  readonly #nowMs: () => number
  #current: Used
  #previous: Used | undefined
  #since: number

  /** `nowMs`: Unix time. */
  constructor(version: string, masked: unknown, nowMs: () => number = Date.now) {
    this.#nowMs = nowMs
    this.#current = { version, masked }
    this.#since = nowMs()
  }

  /** Another snapshot is in force; one of the same version changes nothing that is shown, such as a secret. */
  use(version: string, masked: unknown): void {
    if (version === this.#current.version) return
    this.#previous = this.#current
    this.#current = { version, masked }
    this.#since = this.#nowMs()
  }

  view(): SnapshotView {
    const { version, masked } = this.#current
    const changes = this.#previous === undefined ? [] : changesBetween(this.#previous.masked, masked)
    return {
      version,
      since: new Date(this.#since).toISOString(),
      ...(this.#previous !== undefined && { previous: this.#previous.version }),
      changes: changes.slice(0, MAX_CHANGES).map(shown),
      changesLeftOut: Math.max(0, changes.length - MAX_CHANGES),
      policies: policyNames(masked),
    }
  }
}

function shown({ path, before, after }: Change): ShownChange {
  return {
    path,
    ...(before !== undefined && { before: cut(before) }),
    ...(after !== undefined && { after: cut(after) }),
  }
}

function cut(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length <= MAX_VALUE_LENGTH ? text : `${text.slice(0, MAX_VALUE_LENGTH)}…`
}

function policyNames(masked: unknown): readonly string[] {
  if (typeof masked !== 'object' || masked === null || !('policies' in masked)) return []
  const { policies } = masked
  if (!Array.isArray(policies)) return []
  return policies.flatMap(policy => (typeof policy?.name === 'string' ? [policy.name] : []))
}
