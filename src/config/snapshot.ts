import type { Guardrail } from '../guardrail/guardrail.ts'
import type { PolicySet } from '../policy/policy.ts'
import type { ServerConfig } from './schema.ts'

/** A compiled config, immutable. An exchange pins the snapshot at its start and keeps it to its end. */
export interface Snapshot {
  /** Twelve hex digits that change with the config, never with a secret's value. */
  readonly version: string
  readonly server: ServerConfig
  readonly policySet: PolicySet
  readonly guardrails: ReadonlyMap<string, Guardrail>
  /** One sentence each, for the log at load and for `weir check`: what acts otherwise than one may expect. */
  readonly warnings: readonly string[]
  /** The whole config with its defaults, every secret replaced by `***`: safe to show. */
  readonly masked: unknown
  /** The kind of a guardrail, by its name in the config. */
  readonly kindOf: (guardrail: string) => string | undefined
  /**
   * `server.telemetry.otlp.headers`, references resolved; undefined where there are none. A function, so that no dump of
   * a snapshot holds them.
   */
  readonly otlpHeaders: () => Readonly<Record<string, string>> | undefined
  /**
   * Gives back what it was opened with. Call it when no exchange pins the snapshot any more: nothing would be looked up
   * or remembered for it.
   */
  readonly close: () => Promise<void>
}
