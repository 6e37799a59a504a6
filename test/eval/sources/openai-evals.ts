import type { Archive } from '../archive.ts'
import { Chance } from '../chance.ts'
import type { AttackText } from '../item.ts'
import { cut, isRecord, jsonLines, listOf, stringAt } from './reading.ts'

const DATA = 'evals/registry/data/'
const PER_TASK = 16
const MOST_BYTES = 4_000_000
const MAX_TEXT = 6000
/** Their texts hold injections on purpose, mixed with what is to be done about them: neither label would be right. */
const LEFT_OUT = new Set(['prompt-injection', 'override-system-instruction', 'test_metaeval'])
const ENCODED =
  /^(?:base64_decode|rot13|vigenere|decrypt_caesar_cipher|steganography|alternate_numeral_systems|gpt-protocol-buffers)$/
const SECURITY = /^(?:naughty_strings|reverse-shell|security_guide|cybersecurity|cissp-study-questions)$/

/** A few prompts of each task. Those that decode something, and those on security, are hard. */
export function readOpenaiEvals(archive: Archive): AttackText[] {
  const byTask = new Map<string, string[]>()
  for (const path of archive.paths) {
    if (!path.startsWith(DATA) || !path.endsWith('.jsonl')) continue
    const task = path.slice(DATA.length).split('/')[0] ?? ''
    byTask.set(task, [...(byTask.get(task) ?? []), path])
  }
  return [...byTask].flatMap(([task, paths]) =>
    LEFT_OUT.has(task) ? [] : promptsOf(archive, task, paths).map(text => labelled(task, text)),
  )
}

function labelled(task: string, text: string): AttackText {
  const base = { channel: 'user', text } as const
  if (ENCODED.test(task)) return { ...base, label: 'hard', category: 'encoded' }
  if (SECURITY.test(task)) return { ...base, label: 'hard', category: 'security' }
  return { ...base, label: 'ordinary', category: /[^\x00-\x7f]{8}/.test(text) ? 'multilingual' : 'task' }
}

function promptsOf(archive: Archive, task: string, paths: readonly string[]): string[] {
  const prompts = paths.flatMap(path => {
    const bytes = archive.bytes(path)
    return jsonLines(bytes.toString('utf8', 0, MOST_BYTES), 400).map(promptOf)
  })
  const usable = [...new Set(prompts)].filter(text => text.length >= 25)
  return new Chance(`evals ${task}`).sample(usable, PER_TASK)
}

/** All but the answers, as one person would put it into one message. */
function promptOf(record: unknown): string {
  const input = isRecord(record) ? (record.input ?? record.question ?? record.sample) : undefined
  if (typeof input === 'string') return cut(input, MAX_TEXT)
  const asked = listOf(input)
    .filter(message => !['assistant', 'example_assistant'].includes(stringAt(message, 'role')))
    .map(message => stringAt(message, 'content'))
    .filter(content => content !== '')
  return cut(asked.join('\n\n'), MAX_TEXT)
}
