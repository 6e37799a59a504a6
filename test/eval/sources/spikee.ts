import type { Archive } from '../archive.ts'
import { Chance } from '../chance.ts'
import type { AttackText } from '../item.ts'
import { filesUnder, jsonLines, readme, sections, stringAt } from './reading.ts'

const DATA = 'spikee/data/workspace/datasets/'
const INSTRUCTIONS_PER_JAILBREAK = 3
/** Asks for advice on money or for harm, without an attack in it. */
const NO_ATTACK = /investment-advice|harmful|toxic/

/** Jailbreaks with an instruction in them, alone and inside of a document; questions on money as ordinary prompts. */
export function readSpikee(archive: Archive): AttackText[] {
  const chance = new Chance('spikee')
  const records = (name: string, folder: (path: string) => boolean): unknown[] =>
    filesUnder(archive, DATA, name)
      .filter(folder)
      .flatMap(path => jsonLines(archive.text(path)))
  const everywhere = (): boolean => true
  const attacking = (path: string): boolean => !NO_ATTACK.test(path)
  const instructions = records('instructions.jsonl', attacking)
  const documents = records('base_user_inputs.jsonl', attacking).filter(
    record => stringAt(record, 'document').length > 100,
  )
  const templates = new Map(
    records('jailbreaks.jsonl', everywhere).map(record => [
      stringAt(record, 'text'),
      stringAt(record, 'lang'),
    ]),
  )
  const attacks = [...templates]
    .filter(([template]) => template.replace('<INSTRUCTION>', '').length > 15)
    .flatMap(([template, language]) => {
      const category = categoryOf(language, 'hijack')
      const said = instructions.filter(record => stringAt(record, 'lang') === language)
      return chance.sample(said, INSTRUCTIONS_PER_JAILBREAK).flatMap((record, index): AttackText[] => {
        const text = template.replaceAll('<INSTRUCTION>', stringAt(record, 'instruction'))
        const direct: AttackText = { label: 'attack', category, channel: 'user', text, basis: template }
        return index === 0 ? [direct, hidden(text, template, chance.pick(documents))] : [direct]
      })
    })
  const extractions = records('instructions.jsonl', path => path.includes('sysmsg-extraction')).map(
    (record): AttackText => ({
      label: 'attack',
      category: categoryOf(stringAt(record, 'lang'), 'extraction'),
      channel: 'user',
      text: stringAt(record, 'instruction'),
    }),
  )
  // The documents without an injection: what carries it must not be what gives it away.
  const carriers = documents.map((record): AttackText => {
    const place = stringAt(record, 'placeholder')
    const text = stringAt(record, 'document')
    return {
      label: 'ordinary',
      category: 'document',
      channel: 'tool',
      text: place === '' ? text : text.replaceAll(place, ''),
    }
  })
  return [...attacks, ...extractions, ...carriers, ...harmless(archive)]
}

/** Albanian, Irish, Gaelic and Zulu stand apart: a model reads them, and hardly anything else does. */
const categoryOf = (language: string, category: string): string =>
  language === '' ? category : 'rare-language'

function hidden(text: string, basis: string, record: unknown): AttackText {
  const document = stringAt(record, 'document')
  const place = stringAt(record, 'placeholder')
  return {
    label: 'attack',
    category: 'indirect',
    channel: 'tool',
    text: place === '' ? `${document}\n\n${text}` : document.replaceAll(place, text),
    basis,
  }
}

function harmless(archive: Archive): AttackText[] {
  const questions = filesUnder(archive, DATA, 'standalone_user_inputs.jsonl')
    .filter(path => path.includes('investment-advice'))
    .flatMap(path => jsonLines(archive.text(path)))
    .map(
      (record): AttackText => ({
        label: 'ordinary',
        category: 'question',
        channel: 'user',
        text: stringAt(record, 'text'),
      }),
    )
  const texts = [readme(archive), ...filesUnder(archive, DATA, '.md').map(path => archive.text(path))]
  const discussions = texts
    .flatMap(text => sections(text, 200, 4000))
    .map((text): AttackText => ({ label: 'hard', category: 'discussion', channel: 'user', text }))
  return [...questions, ...discussions]
}
