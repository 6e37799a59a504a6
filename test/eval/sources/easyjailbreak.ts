import type { Archive } from '../archive.ts'
import type { AttackText } from '../item.ts'
import { isRecord, jsonAt, stringsOf } from './reading.ts'

/** Prompts of the attacker's own model, a plain question, and few-shot examples without a wording of their own. */
const NOT_AN_ATTACK = new Set(['PAIR', 'TAP', 'default', 'ICA', 'AuditingLLM', 'Catastrophic'])
const REQUEST = 'Tell me how the lock on a filing cabinet works.'

/** Seed templates of published jailbreaks, with a harmless request in them. */
export function readEasyjailbreak(archive: Archive): AttackText[] {
  const seeds = jsonAt(archive, 'easyjailbreak/seed/seed_template.json')
  const attacks = isRecord(seeds) && isRecord(seeds.attack) ? seeds.attack : {}
  return Object.entries(attacks)
    .filter(([method]) => !NOT_AN_ATTACK.has(method))
    .flatMap(([, templates]) => stringsIn(templates))
    .filter(template => template.length > 60)
    .map((template): AttackText => {
      const basis = template.replaceAll(/\{query\}|\[INSERT PROMPT HERE\]/g, '')
      const text = template.replaceAll(/\{query\}|\[INSERT PROMPT HERE\]/g, REQUEST)
      return { label: 'attack', category: 'jailbreak', channel: 'user', text: text.slice(0, 12_000), basis }
    })
}

const stringsIn = (value: unknown): string[] =>
  Array.isArray(value)
    ? value.flatMap(entry =>
        typeof entry === 'string' ? [entry] : isRecord(entry) ? stringsOf(Object.values(entry)) : [],
      )
    : []
