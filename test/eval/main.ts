import { statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CACHE, openPackages, writeSet } from './data.ts'
import { detector, shippedThreshold } from './detectors.ts'
import { isPatterned } from './entities.ts'
import type { Placed, SpanText } from './item.ts'
import { measureAttacks } from './measure-attacks.ts'
import { type Matching, measureSpans } from './measure-spans.ts'
import { PACKAGES } from './packages.ts'
import { type Chapter, type CountedSet, goalTable, page, speedTable, summaryTable } from './report.ts'
import { attackChapter, attackGoals, attackOverall } from './report-attacks.ts'
import { overall, PII, PII_GROUPS, SECRET, type SpanGroup, spanChapter, spanGoals } from './report-spans.ts'
import { type AttackItem, attackSet } from './sets/attacks.ts'
import { piiSet } from './sets/pii.ts'
import { secretSet } from './sets/secrets.ts'
import { measureSpeed } from './speed.ts'

/** Low enough to see every score. */
const LOWEST_THRESHOLD = 0.001
const PAGE = 'docs/detection.md'

/** Measures every local detector on the sets made from pinned packages, prints the figures and writes the page. */
async function main(): Promise<void> {
  const open = await openPackages()
  const attacks = attackSet(open)
  const pii = piiSet(open)
  const secrets = secretSet(open)
  await writeSet('attacks', attacks)
  await writeSet('pii', pii)
  await writeSet('secrets', secrets)
  const ordinary = attacks.filter(({ label, side }) => label === 'ordinary' && side === 'heldout')
  const texts = ordinary.map(({ text }) => text)
  const everySecret: SpanGroup = { title: 'By kind', counts: () => true }
  const chapters = [
    spans('local-pii', pii, PII, PII_GROUPS, isPatterned, texts),
    spans('local-secrets', secrets, SECRET, [everySecret], () => true, texts),
    promptAttacks(attacks, texts),
    speedOnly('local-links', texts),
  ]
  const sets: readonly CountedSet[] = [
    { name: 'attacks', items: attacks.map(item => ({ ...item, kind: item.label })) },
    { name: 'pii', items: pii.map(withKind) },
    { name: 'secrets', items: secrets.map(withKind) },
  ]
  const files = Object.values(PACKAGES).map(({ file }) => file)
  const sizes = new Map(files.map(file => [file, statSync(join(CACHE, 'packages', file)).size]))
  await writeFile(PAGE, page(chapters, sets, sizes))
  console.log(
    `${summaryTable(chapters)}\n\n${goalTable(chapters)}\n\n${speedTable(chapters)}\n\nThe whole report: ${PAGE}`,
  )
}

const withKind = (item: Placed<SpanText>) => ({
  ...item,
  kind: item.spans.length === 0 ? 'negative' : 'positive',
})

const absent = (kind: string): Chapter => ({
  kind,
  summary: 'absent',
  goals: [],
  text: '',
  speed: undefined,
})

function spans(
  kind: string,
  items: readonly Placed<SpanText>[],
  matching: Matching,
  groups: readonly SpanGroup[],
  counts: (name: string) => boolean,
  texts: readonly string[],
): Chapter {
  const guardrail = detector(kind)
  if (guardrail === undefined) return absent(kind)
  const results = measureSpans(guardrail, items, matching)
  return {
    kind,
    summary: overall(results, 'heldout', counts),
    goals: kind === 'local-pii' ? spanGoals(results, counts) : [],
    text: spanChapter(results, groups),
    speed: speedOf(kind, texts),
  }
}

function promptAttacks(items: readonly AttackItem[], texts: readonly string[]): Chapter {
  const kind = 'local-prompt-attack'
  const guardrail = detector(kind, { threshold: LOWEST_THRESHOLD })
  if (guardrail === undefined) return absent(kind)
  const scored = measureAttacks(guardrail, items)
  const shipped = shippedThreshold(kind)
  return {
    kind,
    summary: attackOverall(scored, 'heldout', shipped),
    goals: attackGoals(scored, shipped),
    text: attackChapter(scored, shipped),
    speed: speedOf(kind, texts),
  }
}

function speedOnly(kind: string, texts: readonly string[]): Chapter {
  const speed = speedOf(kind, texts)
  return { kind, summary: speed === undefined ? 'absent' : 'no data', goals: [], text: '', speed }
}

function speedOf(kind: string, texts: readonly string[]): Chapter['speed'] {
  const guardrail = detector(kind)
  if (guardrail === undefined) return undefined
  return measureSpeed(guardrail, texts)
}

await main()
