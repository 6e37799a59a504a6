import type { Archive } from '../archive.ts'
import type { AttackText } from '../item.ts'
import { pythonStrings } from './python.ts'
import { filesUnder, sections } from './reading.ts'

/** A coding agent's prompts, and its documentation as an ordinary text that a tool brings. */
export function readAider(archive: Archive): AttackText[] {
  const prompts = filesUnder(archive, 'aider/', 'prompts.py')
    .flatMap(path => pythonStrings(archive.text(path)))
    .filter(({ text }) => text.length > 150)
    .map(({ text }): AttackText => ({ label: 'hard', category: 'system-prompt', channel: 'user', text }))
  const docs = filesUnder(archive, 'aider/website/docs/', '.md')
    .flatMap(path => sections(archive.text(path), 250, 4000))
    .map((text): AttackText => ({ label: 'ordinary', category: 'docs', channel: 'tool', text }))
  return [...prompts, ...docs]
}
