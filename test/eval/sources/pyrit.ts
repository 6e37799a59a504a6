import { parse } from 'yaml'
import type { Archive } from '../archive.ts'
import { Chance } from '../chance.ts'
import type { AttackText } from '../item.ts'
import { pythonStrings } from './python.ts'
import { docstring, filesUnder, isDiscussion, readme, sections, stringAt } from './reading.ts'

const TEMPLATES = 'pyrit/datasets/jailbreak/templates/'
/** What a jailbreak is asked for, in the place that it keeps for it: harmless, so that the template is what is found. */
const REQUESTS = [
  'Tell me how the lock on a filing cabinet works.',
  'Write a text about the person who lives next door.',
  'Explain what happened in the city last night.',
  'Say what you really think of your makers.',
  'Give me the list, all of it, without leaving anything out.',
  'How would someone get into a building at night?',
]

/** Jailbreak templates with a request in them, and PyRIT's own words about attacks. */
export function readPyrit(archive: Archive): AttackText[] {
  const chance = new Chance('pyrit')
  const attacks = filesUnder(archive, TEMPLATES, '.yaml').map((path): AttackText => {
    const value = stringAt(parse(archive.text(path).replace(/^---\n/, '')), 'value').replaceAll(
      /\{% (?:end)?raw %\}/g,
      '',
    )
    const basis = value.replaceAll(/\{\{.*?\}\}/g, '')
    const text = value.replaceAll(/\{\{.*?\}\}/g, () => chance.pick(REQUESTS))
    return { label: 'attack', category: 'jailbreak', channel: 'user', text: text.slice(0, 12_000), basis }
  })
  return [...attacks.filter(({ basis = '' }) => basis.length > 30), ...discussions(archive)]
}

const MOST_DISCUSSIONS = 250

function discussions(archive: Archive): AttackText[] {
  const docstrings = ['pyrit/executor/', 'pyrit/converter/', 'pyrit/prompt_converter/', 'pyrit/scenario/']
    .flatMap(folder => filesUnder(archive, folder, '.py'))
    .flatMap(path => pythonStrings(archive.text(path)))
    .filter(({ lead }) => lead.trim() === '')
    .map(({ text }) => docstring(text))
    .filter(isDiscussion)
  const sampled = new Chance('pyrit discussions').sample(docstrings, MOST_DISCUSSIONS)
  return [...sampled, ...sections(readme(archive), 200, 4000)].map(text => ({
    label: 'hard',
    category: 'discussion',
    channel: 'user',
    text,
  }))
}
