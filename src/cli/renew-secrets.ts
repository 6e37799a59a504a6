import type { Snapshot } from '../config/snapshot.ts'
import { WeirError } from '../errors.ts'
import type { Log } from '../telemetry/log.ts'
import type { Scrubber } from '../telemetry/scrub.ts'
import type { OpenedSnapshot } from './open-snapshot.ts'

export interface RenewalDeps {
  readonly opened: Pick<OpenedSnapshot, 'reopen'>
  /** Gets the snapshot that new exchanges are to run on. */
  readonly use: (snapshot: Snapshot) => void
  readonly scrubber: Scrubber
  readonly log: Log
}

/**
 * What puts the secrets of today in the place of those in use; it never rejects. Where they cannot be used those in use
 * stay, and the log says why, once until that changes.
 */
export function secretRenewal({ opened, use, scrubber, log }: RenewalDeps): () => Promise<'done' | 'failed'> {
  let said = ''
  return async () => {
    try {
      const snapshot = await opened.reopen(values => scrubber.add(values))
      if (snapshot !== undefined) {
        use(snapshot)
        log.info('secrets rotated', { snapshot: snapshot.version })
      } else if (said !== '') log.info('secrets are as they were')
      said = ''
      return 'done'
    } catch (error) {
      const fields = fieldsOf(error)
      const saying = JSON.stringify(fields)
      if (saying !== said)
        log.error('secret rotation failed', error instanceof WeirError ? fields : { err: error })
      said = saying
      return 'failed'
    }
  }
}

function fieldsOf(error: unknown): { readonly problems: readonly string[] } {
  const problems = error instanceof WeirError ? error.problems : []
  return { problems: problems.map(({ path, message }) => `${path}: ${message}`) }
}
