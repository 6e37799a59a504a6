import type { Archive } from '../archive.ts'
import { Chance } from '../chance.ts'
import type { AttackText } from '../item.ts'
import { cut, sections } from './reading.ts'

const MOST_CODE = 450
const MOST_DOCS = 450
const QUESTIONS = [
  'What does this code do?',
  'Review this file.',
  'Is there a bug in here?',
  'Write tests for this.',
  'Explain this step by step.',
]

/** Files of code and their documentation, as a person pastes them or a tool reads them. */
export function readNpmCli(archive: Archive): AttackText[] {
  const chance = new Chance('npm')
  const code = codeFiles(archive, MOST_CODE).map((file, index): AttackText => {
    const isResult = index % 2 === 0
    return {
      label: 'ordinary',
      category: 'code',
      channel: isResult ? 'tool' : 'user',
      text: isResult ? file : `${chance.pick(QUESTIONS)}\n\n\`\`\`js\n${file}\n\`\`\``,
      basis: file,
    }
  })
  const documents = documentation(archive, MOST_DOCS).map(
    (text): AttackText => ({ label: 'ordinary', category: 'docs', channel: 'tool', text }),
  )
  return [...code, ...documents]
}

/** Beginnings of files of code, the same ones in every run. */
export function codeFiles(archive: Archive, most: number): string[] {
  const paths = archive.paths.filter(path => /\.(?:js|cjs|mjs|json|ts|py|sh)$/.test(path))
  const texts = new Chance('npm code')
    .sample(paths, most * 2)
    .map(path => cut(archive.text(path), 5000))
    .filter(text => text.length > 200)
  return [...new Set(texts)].slice(0, most)
}

/** Sections of READMEs and manual pages. */
export function documentation(archive: Archive, most: number): string[] {
  const found = archive.paths
    .filter(path => path.endsWith('.md') && !/CHANGELOG|LICEN[CS]E/i.test(path))
    .flatMap(path => sections(archive.text(path), 250, 4000))
  return new Chance('npm documentation').sample([...new Set(found)], most)
}
