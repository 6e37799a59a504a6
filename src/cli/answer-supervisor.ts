import type { BenchResponse } from '../console/bench.ts'
import { type DecisionRing, KEPT_DECISIONS } from '../console/decision-ring.ts'
import { assertNever } from '../errors.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { ToWorker } from '../workers/messages.ts'
import type { SupervisorLine } from '../workers/supervisor-line.ts'

export interface WorkerAnswers {
  readonly metrics: Pick<Metrics, 'asObjects' | 'look'>
  /** Kept where there is a console. */
  readonly decisions: DecisionRing | undefined
  /** Never rejects. */
  readonly judge: (question: string) => Promise<BenchResponse>
}

/** Answers what a worker's supervisor asks for its admin listener. */
export function answerSupervisor(supervisor: SupervisorLine, answers: WorkerAnswers): void {
  supervisor.onMessage(message => void answer(message, supervisor, answers))
}

async function answer(
  message: ToWorker,
  supervisor: SupervisorLine,
  { metrics, decisions, judge }: WorkerAnswers,
): Promise<void> {
  switch (message.kind) {
    case 'give-metrics': {
      const { request, only } = message
      const told = await (only === undefined ? metrics.asObjects() : metrics.look(only))
      supervisor.send({ kind: 'metrics', request, metrics: told })
      return
    }
    case 'give-decisions': {
      const { request, after } = message
      const { lines, missed, last } = decisions?.after(after, KEPT_DECISIONS) ?? NOTHING
      supervisor.send({ kind: 'decisions', request, lines: lines.map(({ line }) => line), missed, last })
      return
    }
    case 'judge':
      supervisor.send({ kind: 'answer', request: message.request, ...(await judge(message.question)) })
      return
    case 'stop':
    case 'reload':
      // For others here to hear.
      return
    default:
      assertNever(message)
  }
}

const NOTHING = { lines: [], missed: 0, last: 0 }
