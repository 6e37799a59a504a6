import type { TextSegment } from '../../llm/format.ts'
import {
  type Finding,
  type IncrementalScan,
  type LocalGuardrail,
  type RunningText,
  type ScanProgress,
  type ScanSubject,
  verdictFrom,
} from '../guardrail.ts'
import { configSchema, type LocalPromptAttackConfig } from './config.ts'
import type { Encoding } from './encodings.ts'
import type { Channel } from './features.ts'
import { guide } from './guide.ts'
import { judgePage } from './judge.ts'
import { type Model, shippedModel } from './model.ts'
import { INPUT_PAGES, OUTPUT_PAGES, openPages } from './pages.ts'

const DETECTOR = 'prompt_attack'

/** A config, and what it needs, made once. */
interface Judge {
  readonly model: Model
  readonly encodings: ReadonlySet<Encoding>
  readonly config: LocalPromptAttackConfig
}

/** Throws WeirError `bug` when the model is missing or damaged. */
function create(name: string, config: LocalPromptAttackConfig): LocalGuardrail {
  const judge: Judge = { model: shippedModel(), encodings: new Set(config.decode), config }
  return {
    name,
    locality: 'local',
    scan(subject) {
      return verdictFrom(
        subject.segments.flatMap((segment, index) => findAttack(judge, segment, index, subject)),
      )
    },
    openScan: text => openAttackScan(judge, text, 0),
  }
}

function findAttack(
  judge: Judge,
  { role, kind, text }: TextSegment,
  index: number,
  { side }: ScanSubject,
): readonly Finding[] {
  const scan = openAttackScan(judge, { side, role, kind }, index)
  return [...scan.push(text).findings, ...scan.end().findings]
}

function thresholdFor({ side, role }: RunningText, config: LocalPromptAttackConfig): number {
  const isOperators = side === 'input' && (role === 'system' || role === 'developer')
  return isOperators ? config.operator_threshold : config.threshold
}

function channelOf({ role, kind }: RunningText): Channel {
  return role === 'tool' || kind === 'tool-result' ? 'tool' : 'user'
}

/** Judges page by page; what no page that is still to come reaches is safe. */
function openAttackScan(
  { model, encodings, config }: Judge,
  running: RunningText,
  segment: number,
): IncrementalScan {
  const pages = openPages(running.side === 'input' ? INPUT_PAGES : OUTPUT_PAGES)
  const channel = channelOf(running)
  const threshold = thresholdFor(running, config)
  /** Where the last finding ends: pages overlap, and what two of them show is told once. */
  let told = 0
  const judgeAll = (ready: ReturnType<typeof pages.push>): ScanProgress => {
    const findings: Finding[] = []
    for (const { text, start } of ready.pages) {
      for (const evidence of judgePage(model, text, channel, encodings, threshold)) {
        const span = { segment, start: start + evidence.start, end: start + evidence.end }
        if (span.end <= told) continue
        findings.push({ detector: DETECTOR, score: evidence.score, span })
      }
      for (const { span } of findings) told = Math.max(told, span?.end ?? 0)
    }
    return { findings, safeTo: ready.safeTo }
  }
  return { push: text => judgeAll(pages.push(text)), end: () => judgeAll(pages.end()) }
}

/** Prompt attacks by a small trained classifier, in this process. It catches what is like the known ones, not a determined author. */
export const localPromptAttack = { configSchema, secretKeys: [], locality: 'local', guide, create } as const
