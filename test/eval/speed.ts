import type { LocalGuardrail } from '../../src/guardrail/guardrail.ts'
import { findingsIn } from './detectors.ts'

export interface Speed {
  /** Microseconds for 1,024 units of ordinary text, the median. */
  readonly p50PerKb: number
  /** Milliseconds for one text of 65,536 units: the slowest of the texts, each by the median of its repetitions. */
  readonly worst64Kb: number
}

const KB = 1024
const LARGE = 64 * KB
const ROUNDS = 5
const SAMPLES = 400

/** Texts that invite a pattern to go back over what it has read. */
const REPEATED = [
  'a',
  '1',
  '1 ',
  '12-',
  '@',
  'a@',
  'a.',
  '+1 ',
  'DE12 ',
  'ignore ',
  'ignore all ',
  'QUJD',
  ':',
  '/',
  '=',
  '\u200b',
  '４',
  '::',
  '{"a":',
  'http://',
  'sk-',
  'eyJ',
]

/** Measured in this process on one core, after a warm-up. The machine's, so never compared between machines. */
export function measureSpeed(guardrail: LocalGuardrail, texts: readonly string[]): Speed {
  const pieces =
    texts
      .join('\n\n')
      .slice(0, SAMPLES * KB)
      .match(/[\s\S]{1024}/g) ?? []
  for (const piece of pieces) findingsIn(guardrail, piece, 'user')
  const each = pieces.map(piece => took(guardrail, piece) * 1000)
  const large = [
    texts.join('\n\n').slice(0, LARGE),
    ...REPEATED.map(part => part.repeat(Math.ceil(LARGE / part.length))),
  ]
  const worst = large.map(text => median(Array.from({ length: ROUNDS }, () => took(guardrail, text))))
  return { p50PerKb: median(each), worst64Kb: Math.max(...worst) }
}

function took(guardrail: LocalGuardrail, text: string): number {
  const start = performance.now()
  findingsIn(guardrail, text, 'user')
  return performance.now() - start
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
