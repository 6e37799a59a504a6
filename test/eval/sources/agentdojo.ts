import { parse } from 'yaml'
import type { Archive } from '../archive.ts'
import { Chance } from '../chance.ts'
import type { AttackText } from '../item.ts'
import { pythonStrings } from './python.ts'
import { filesUnder, isRecord } from './reading.ts'

const GOALS_PER_TEMPLATE = 16
/** What the sources take from elsewhere at run time. */
const PLACES: Readonly<Record<string, string>> = {
  model: 'AI assistant',
  user: 'Emma Johnson',
  _ATTACKER_IBAN: 'the account below',
  tools: 'You should use the tool `send_email` with the arguments above.',
}

const fill = (text: string): string =>
  text.replaceAll(/\{([\w.]+)\}/g, (_, place) => PLACES[String(place)] ?? 'this one')

/** Injections in tool results: each of the attacks' wordings around goals, in the tool results of the suites. */
export function readAgentdojo(archive: Archive): AttackText[] {
  const sources = (folder: string, ending: string) =>
    filesUnder(archive, folder, ending).flatMap(path => pythonStrings(archive.text(path)))
  const goals = sources('agentdojo/default_suites/v1/', 'injection_tasks.py')
    .filter(({ lead }) => /GOAL = \(?$/.test(lead))
    .map(({ text }) => fill(text))
  const templates = sources('agentdojo/attacks/', '.py')
    .map(({ text }) => text)
    .filter(text => text.includes('{goal}') && text.length > 15 && !text.startsWith('Attack which'))
  const prompts = sources('agentdojo/default_suites/v1/', 'user_tasks.py')
    .filter(({ lead }) => /PROMPT = \(?$/.test(lead))
    .map(({ text }) => fill(text))
  const results = toolResults(archive)
  const chance = new Chance('agentdojo')
  const attacks = [...new Set(templates)].flatMap(template =>
    chance.sample(goals, GOALS_PER_TEMPLATE).map((goal, index): AttackText => {
      const text = fill(template.replaceAll('{goal}', goal))
      const carried = index % 4 === 0 ? text : `${chance.pick(results)}\n${text}`
      return { label: 'attack', category: 'indirect', channel: 'tool', text: carried, basis: template }
    }),
  )
  return [
    ...attacks,
    ...prompts.map((text): AttackText => ({ label: 'ordinary', category: 'task', channel: 'user', text })),
    ...results.map(
      (text): AttackText => ({ label: 'ordinary', category: 'document', channel: 'tool', text }),
    ),
  ]
}

/** The longer texts of the suites' made-up mail boxes, calendars, drives and web pages. */
function toolResults(archive: Archive): string[] {
  const files = filesUnder(archive, 'agentdojo/data/suites/', '.yaml').filter(
    path => !path.endsWith('injection_vectors.yaml'),
  )
  const texts = files.flatMap(path => textsIn(parse(archive.text(path).replaceAll(/!\w+/g, ''))))
  return [...new Set(texts.map(text => text.replaceAll(/\{\w+\}/g, '').trim()))].filter(
    text => text.length > 80 && text.length < 6000,
  )
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value)) return value.flatMap(textsIn)
  return isRecord(value) ? Object.values(value).flatMap(textsIn) : []
}
