import type { Archive } from '../archive.ts'
import type { AttackText } from '../item.ts'
import { jsonLines, readme, sections, stringAt } from './reading.ts'

const CATEGORIES: Readonly<Record<string, string>> = {
  indirect_injection: 'indirect',
  obfuscation: 'encoded',
  jailbreak_persona: 'jailbreak',
  exfiltration: 'exfiltration',
}

/** Labelled as its authors label it; all that is harmless there is made to look like an attack. */
export function readBastioncorpus(archive: Archive): AttackText[] {
  const records = jsonLines(archive.text('bastioncorpus/corpus/injections.jsonl'))
  const labelled = records.map((record): AttackText => {
    const isAttack = stringAt(record, 'label') === 'malicious'
    const category = stringAt(record, 'category')
    return {
      label: isAttack ? 'attack' : 'hard',
      category: isAttack ? (CATEGORIES[category] ?? 'hijack') : 'look-alike',
      channel: stringAt(record, 'channel') === 'user_input' ? 'user' : 'tool',
      text: stringAt(record, 'text'),
    }
  })
  const discussions = sections(readme(archive), 200, 4000).map(
    (text): AttackText => ({ label: 'hard', category: 'discussion', channel: 'user', text }),
  )
  return [...labelled, ...discussions]
}
