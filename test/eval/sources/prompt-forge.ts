import type { Archive } from '../archive.ts'
import { Chance } from '../chance.ts'
import type { AttackText } from '../item.ts'
import { cut, filesUnder } from './reading.ts'

const PROMPTS = 'prompt_forge/prompts/'
const MAX_TEXT = 6000
const MOST_PERSONAS = 700
const MOST_PER_FOLDER = 130
/** A jailbreak among the personas. */
const ATTACKS = new Set(['act-as-unconstrained-ai-model-dan.md'])

/** System prompts of coding agents and assistants, and “act as a …” prompts: they order about, and attack nobody. */
export function readPromptForge(archive: Archive): AttackText[] {
  const folders = [...new Set(filesUnder(archive, PROMPTS, '.md').map(path => path.split('/')[2] ?? ''))]
  return folders.flatMap(folder => {
    const isPersona = folder === 'general' || folder === 'writing' || folder === 'agents'
    const paths = filesUnder(archive, `${PROMPTS}${folder}/`, '.md').filter(
      path => !ATTACKS.has(path.split('/').at(-1) ?? ''),
    )
    const most = folder === 'general' ? MOST_PERSONAS : MOST_PER_FOLDER
    return new Chance(`prompt forge ${folder}`).sample(paths, most).flatMap((path): AttackText[] => {
      const text = archive.text(path).replace(/^# [^\n]*\n+/, '')
      // A long prompt is more than one text: how it begins, and how it goes on.
      const parts = isPersona ? [cut(text, MAX_TEXT)] : pieces(text)
      return parts
        .filter(part => part.length > 60)
        .map(part => ({
          label: 'hard',
          category: isPersona ? 'persona' : 'system-prompt',
          channel: 'user',
          text: part,
          basis: path,
        }))
    })
  })
}

const MOST_PIECES = 4

function pieces(text: string): string[] {
  const found: string[] = []
  let rest = text
  while (rest !== '' && found.length < MOST_PIECES) {
    const piece = cut(rest, MAX_TEXT)
    found.push(piece)
    rest = rest.slice(piece.length)
  }
  return found
}
