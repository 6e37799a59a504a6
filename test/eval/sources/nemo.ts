import type { Archive } from '../archive.ts'
import type { AttackText } from '../item.ts'
import { pythonStrings } from './python.ts'
import { docstring, filesUnder, isDiscussion, readme, sections } from './reading.ts'

const user = { channel: 'user' } as const

/** A guardrail's documentation and the questions it puts to a model about a user's message; its sample bots' handbook. */
export function readNemo(archive: Archive): AttackText[] {
  const prompts = filesUnder(archive, 'nemoguardrails/', '.yml')
    .filter(path => path.includes('prompts'))
    .flatMap(path =>
      archive
        .text(path)
        .split(/\n\s*- task:/)
        .slice(1),
    )
    .filter(text => text.length > 200)
    .map((text): AttackText => ({ ...user, label: 'hard', category: 'system-prompt', text: text.trim() }))
  const handbook = filesUnder(archive, 'nemoguardrails/examples/', 'handbook.md')
    .flatMap(path => sections(archive.text(path), 200, 4000))
    .map((text): AttackText => ({ label: 'ordinary', category: 'document', channel: 'tool', text }))
  const docs = [
    readme(archive),
    ...filesUnder(archive, 'nemoguardrails/', '.md').map(path => archive.text(path)),
  ]
    .flatMap(text => sections(text, 200, 4000))
    .filter(text => /jailbreak|inject|guardrail|attack|moderation/i.test(text))
    .map((text): AttackText => ({ ...user, label: 'hard', category: 'discussion', text }))
  return [...prompts, ...handbook, ...docs]
}

/** The documentation of a red-team tool, and what its attacks and weaknesses are, in its own words. */
export function readDeepteam(archive: Archive): AttackText[] {
  const docstrings = filesUnder(archive, 'deepteam/', '.py')
    .flatMap(path => pythonStrings(archive.text(path)))
    .filter(({ lead }) => lead.trim() === '')
    .map(({ text }) => docstring(text))
    .filter(isDiscussion)
  return [...sections(readme(archive), 200, 4000), ...docstrings].map(text => ({
    ...user,
    label: 'hard',
    category: 'discussion',
    text,
  }))
}
