import type { Snapshot } from '../config/snapshot.ts'
import { WeirError } from '../errors.ts'
import type { Scrubber } from '../telemetry/scrub.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import type { OpenedSnapshot } from './open-snapshot.ts'

export interface RenewalDeps {
  readonly opened: Pick<OpenedSnapshot, 'reopen'>
  /** Gets the snapshot that new exchanges are to run on. */
  readonly use: (snapshot: Snapshot) => void
  readonly scrubber: Scrubber
  readonly telemetry: Pick<Telemetry, 'log' | 'metrics'>
}

/**
 * What puts the secrets and lists of today in the place of those in use; it never rejects. Where they cannot be used
 * those in use stay, and the log says why, once until that changes.
 */
export function configRenewal({
  opened,
  use,
  scrubber,
  telemetry,
}: RenewalDeps): () => Promise<'done' | 'failed'> {
  const { log, metrics } = telemetry
  let said = ''
  return async () => {
    try {
      const next = await opened.reopen(values => scrubber.add(values))
      if (next === undefined) {
        metrics.renewal('config', 'unchanged')
        if (said !== '') log.info('config as it was: what was wrong with its files or its Vault is over')
      } else {
        use(next.snapshot)
        metrics.renewal('config', 'changed')
        log.info(next.changed.includes('secrets') ? 'secrets rotated' : 'lists renewed', {
          changed: next.changed,
          snapshot: next.snapshot.version,
        })
      }
      said = ''
      return 'done'
    } catch (error) {
      metrics.renewal('config', 'failed')
      const fields = fieldsOf(error)
      const saying = JSON.stringify(fields)
      if (saying !== said)
        log.error('config not renewed', error instanceof WeirError ? fields : { err: error })
      said = saying
      return 'failed'
    }
  }
}

function fieldsOf(error: unknown): { readonly problems: readonly string[] } {
  const problems = error instanceof WeirError ? error.problems : []
  return { problems: problems.map(({ path, message }) => `${path}: ${message}`) }
}
