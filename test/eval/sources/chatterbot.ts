import { parse } from 'yaml'
import type { Archive } from '../archive.ts'
import { Chance } from '../chance.ts'
import type { AttackText } from '../item.ts'
import { filesUnder, isRecord, listOf, stringsOf } from './reading.ts'

const DATA = 'chatterbot_corpus/data/'
const PER_LANGUAGE = 60

/** Single turns of small talk. */
export function readChatterbot(archive: Archive): AttackText[] {
  const byLanguage = new Map<string, string[]>()
  for (const path of filesUnder(archive, DATA, '.yml')) {
    const language = path.slice(DATA.length).split('/')[0] ?? ''
    byLanguage.set(language, [...(byLanguage.get(language) ?? []), ...turns(archive.text(path))])
  }
  return [...byLanguage].flatMap(([language, texts]) =>
    new Chance(`chatterbot ${language}`)
      .sample(
        [...new Set(texts)].filter(text => text.length >= 12),
        PER_LANGUAGE,
      )
      .map(text => ({
        label: 'ordinary',
        category: language === 'english' ? 'small-talk' : 'multilingual',
        channel: 'user',
        text,
      })),
  )
}

/** A file that is no YAML after all gives nothing. */
function turns(yaml: string): string[] {
  try {
    const data: unknown = parse(yaml)
    return isRecord(data) ? listOf(data.conversations).flatMap(stringsOf) : []
  } catch {
    return []
  }
}
