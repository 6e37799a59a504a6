import type { RenewalCause } from '../config/config-watch.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { showProblem, WeirError } from '../errors.ts'
import type { Log } from '../telemetry/log.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import type { ChangedPart, OpenedSnapshot, RenewedSnapshot } from './open-snapshot.ts'

export interface RenewalDeps {
  readonly opened: Pick<OpenedSnapshot, 'reopen'>
  /** Gets the snapshot that new exchanges are to run on. */
  readonly use: (next: RenewedSnapshot) => void
  readonly telemetry: Pick<Telemetry, 'log' | 'metrics'>
}

/**
 * What puts the config of today in the place of the one in use; it never rejects. Where it cannot be used the one in use
 * stays, and the log says why, once until that changes.
 */
export function configRenewal({
  opened,
  use,
  telemetry,
}: RenewalDeps): (cause: RenewalCause) => Promise<'done' | 'failed'> {
  const { log, metrics } = telemetry
  let said = ''
  return async cause => {
    try {
      const next = await opened.reopen()
      if (next === undefined) {
        metrics.renewal('config', 'unchanged')
        if (cause === 'asked') log.info('config unchanged')
        else if (said !== '') log.info('config as it was: what was wrong with its files or its Vault is over')
      } else {
        const { snapshot, changed, atNextStart } = next
        use(next)
        metrics.renewal('config', 'changed')
        log.info(messageOf(changed), { changed, snapshot: snapshot.version })
        if (changed.includes('config')) tellOfConfig(snapshot, atNextStart, log)
      }
      said = ''
      return 'done'
    } catch (error) {
      metrics.renewal('config', 'failed')
      const fields = fieldsOf(error)
      const saying = JSON.stringify(fields)
      if (saying !== said || cause === 'asked')
        log.error('config not renewed', error instanceof WeirError ? fields : { err: error })
      said = saying
      return 'failed'
    }
  }
}

function messageOf(changed: readonly ChangedPart[]): string {
  if (changed.includes('config')) return 'config reloaded'
  return changed.includes('secrets') ? 'secrets rotated' : 'lists renewed'
}

function tellOfConfig({ warnings }: Snapshot, atNextStart: readonly string[], log: Log): void {
  for (const warning of warnings) log.warn('config warning', { warning })
  if (atNextStart.length > 0)
    log.warn('server settings changed: they take effect at the next start', { atNextStart })
}

function fieldsOf(error: unknown): { readonly problems: readonly string[] } {
  const problems = error instanceof WeirError ? error.problems : []
  return { problems: problems.map(showProblem) }
}
