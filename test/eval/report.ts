import type { Placed } from './item.ts'
import { PACKAGES } from './packages.ts'
import type { Speed } from './speed.ts'
import { share, table } from './table.ts'

/** What a detector should reach on the held-out side. */
export interface Goal {
  readonly what: string
  readonly measured: number
  readonly limit: number
  readonly reached: 'at least' | 'at most'
}

export interface Chapter {
  readonly kind: string
  /** Cells of the summary, or why there are none. */
  readonly summary: readonly string[] | 'absent' | 'no data'
  readonly goals: readonly Goal[]
  readonly text: string
  readonly speed: Speed | undefined
}

export interface CountedSet {
  readonly name: string
  readonly items: readonly (Placed<object> & { readonly kind: string })[]
}

const SUMMARY = ['detector', 'positives', 'precision', 'recall', 'F1', 'false-positive rate']

export const summaryTable = (chapters: readonly Chapter[]): string =>
  table(
    SUMMARY,
    chapters.map(({ kind, summary }) =>
      typeof summary === 'string' ? [kind, summary, '', '', '', ''] : [kind, ...summary],
    ),
  )

export const goalTable = (chapters: readonly Chapter[]): string =>
  table(
    ['goal, held out', 'wanted', 'measured', 'met'],
    chapters.flatMap(({ kind, goals }) =>
      goals.map(({ what, measured, limit, reached }) => [
        `${kind}: ${what}`,
        `${reached} ${limit}`,
        share(measured),
        (reached === 'at least' ? measured >= limit : measured <= limit) ? 'yes' : 'no',
      ]),
    ),
  )

export function speedTable(chapters: readonly Chapter[]): string {
  const measured = chapters.flatMap(({ kind, speed }) => (speed === undefined ? [] : [{ kind, ...speed }]))
  const together = measured.reduce((sum, { p50PerKb }) => sum + p50PerKb, 0)
  return table(
    ['detector', 'µs per KB, p50', 'ms for 64 KB, worst'],
    [
      ...measured.map(({ kind, p50PerKb, worst64Kb }) => [kind, rounded(p50PerKb), rounded(worst64Kb)]),
      ['together', rounded(together), ''],
    ],
  )
}

/** To one digit, so that the page does not change with every breath of the machine. */
const rounded = (value: number): string => `≈ ${Number(value.toPrecision(1))}`

/** The whole page. No date and no path: the same data and the same detectors give the same page. */
export function page(
  chapters: readonly Chapter[],
  sets: readonly CountedSet[],
  sizes: ReadonlyMap<string, number>,
): string {
  return `# What the local guardrails find

Made by \`make eval\`, which anyone can repeat: it fetches the packages below in the pinned versions, checks each by its
sha256, reads their data without running them, and measures the detectors as this checkout has them. Nothing of the
data is part of this repository.

Every set is split once and for all by a hash into a side to tune on (about 70 %) and one that is held out; texts that
are near copies of each other, or filled from one template, are on the same side. All figures are those of the held-out
side unless a table says otherwise. Behind each share stands its 95 % interval: Wilson's for shares, a bootstrap over
texts for F1.

${summaryTable(chapters)}

${goalTable(chapters)}

The false-positive rate is the share of harmless texts in which anything at all was found: for \`local-prompt-attack\`
of ordinary texts, with the hard ones in its own chapter.

${chapters
  .filter(({ text }) => text !== '')
  .map(({ kind, text }) => `## \`${kind}\`\n\n${text}`)
  .join('\n\n')}

## Speed

Of the machine that last ran \`make eval\`, on one core, rounded: a measure of size, not to be compared between
machines. The goal for all of them together is 60 µs per KB at p50, and never more than 5 ms for 64 KB.

${speedTable(chapters)}

## Data

${sourcesTable(sets, sizes)}

\`own\` is made by the generators in \`test/eval\`: values with valid check digits in sentences written for it, near
misses, and harmless texts with an attack's words. No real person's data and no real key is in it.

${DECISIONS}
`
}

const DECISIONS = `How texts got their labels:

- A text is an attack when it turns a model against its instructions: a jailbreak, an injected command, a request for the
  system prompt, in plain words or encoded. A plain request for something harmful is in no set: judging content is not
  what these detectors do.
- Jailbreaks keep the label that their source gives them. Lists of jailbreaks from the wild hold some prompts that are
  only role play, so a recall of 1 is not to be had there, and should not be.
- Places in templates are filled with harmless requests: the template is what has to be found.
- A harmless text that is nearly a copy of another source's attack is left out: one of the two labels would be wrong.
- What is on one side only is the wording of an attack. Documents that carry injections, and what an injection asks
  for, may be on both; the documents without an injection are among the ordinary texts.
- Prompts of the task \`prompt-injection\` and its like are left out of the ordinary ones: they hold injections on purpose.
- Code counts as free of personal data only without an at sign, a dotted quad or a copyright line, whose data may be real.
- A span of personal data is found when a finding of its kind has an intersection over union of at least 0.75 with it
  (an address: any overlap); a secret, when any finding overlaps it.`

function sourcesTable(sets: readonly CountedSet[], sizes: ReadonlyMap<string, number>): string {
  const packages = Object.values(PACKAGES).map(({ registry, name, version, licence, what, file }) => [
    `${name} ${version}`,
    registry,
    licence,
    `${Math.ceil((sizes.get(file) ?? 0) / 1e3)} kB`,
    what,
  ])
  const counts = sets.flatMap(({ name, items }) => {
    const keys = [...new Set(items.map(({ source, kind }) => `${source}\n${kind}`))].sort()
    return keys.map(key => {
      const own = items.filter(({ source, kind }) => `${source}\n${kind}` === key)
      const tune = own.filter(({ side }) => side === 'tune').length
      const [source = '', kind = ''] = key.split('\n')
      return [source, name, kind, String(tune), String(own.length - tune)]
    })
  })
  return `${table(['package', 'registry', 'licence', 'size', 'what is used of it'], packages)}

Licences are the packages' own; data of others in them keeps its own licence, which the package names.

${table(['source', 'set', 'label', 'tune', 'held out'], counts)}`
}
