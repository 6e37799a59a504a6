import { afterEach } from 'vitest'
import { type ConsoleDeps, createConsole } from '../../../src/console/console.ts'
import { DecisionRing } from '../../../src/console/decision-ring.ts'
import { SnapshotHistory } from '../../../src/console/snapshot-history.ts'
import { type AdminServer, createAdminServer } from '../../../src/telemetry/admin.ts'
import { captureLog } from '../telemetry/lines.ts'

const open: AdminServer[] = []
afterEach(() => Promise.all(open.splice(0).map(server => server.close())))

export interface RunningConsole {
  readonly url: string
  readonly ring: DecisionRing
  /** What was put on the bench. */
  readonly questions: string[]
  readonly log: ReturnType<typeof captureLog>
  close(): Promise<void>
}

/** An admin listener with a console, gone after the test. */
export async function startConsole(given: Partial<ConsoleDeps> = {}): Promise<RunningConsole> {
  const log = captureLog()
  const ring = given.ring ?? new DecisionRing({ scrub: line => line })
  const questions: string[] = []
  const server = createAdminServer({
    readiness: () => ({ ready: true }),
    metrics: { contentType: 'text/plain', render: async () => '' },
    maskedConfig: () => ({}),
    hosts: [],
    log: log.log,
    more: createConsole({
      access: 'full',
      hosts: ['weir.example.com'],
      ring,
      readiness: () => ({ ready: true }),
      look: async () => [],
      snapshots: new SnapshotHistory('v1', { policies: [{ name: 'chat' }] }),
      judge: async question => {
        questions.push(question)
        return { status: 200, body: '{}\n' }
      },
      log: log.log,
      ...given,
    }),
  })
  open.push(server)
  const address = await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 })
  return { url: `http://${address}`, ring, questions, log, close: () => server.close() }
}
