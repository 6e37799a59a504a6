import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** The checkout, with a slash at its end. */
export const CHECKOUT = ROOT

/** A fenced block of a page. */
export interface Block {
  /** `page:line`, the line of its first fence. */
  readonly at: string
  /** Its info string: `sh`, `yaml` … */
  readonly info: string
  readonly text: string
  /** What HTML comments right above it say, by the word before the colon: `<!-- file: weir.yaml -->`. */
  readonly notes: Readonly<Record<string, string>>
}

export interface Page {
  /** From the checkout on. */
  readonly path: string
  readonly text: string
  readonly blocks: readonly Block[]
  /** The lines of headings, outside of blocks. */
  readonly headings: readonly string[]
  /** All of the page but its blocks. */
  readonly prose: string
}

/** Every page that people read: at the top, and under docs/. */
export function allPages(): readonly string[] {
  const top = readdirSync(ROOT).filter(name => name.endsWith('.md'))
  return [...top, ...pagesUnder('docs')].sort()
}

/** The pages whose blocks are run: what a user reads. The others are about the code, or made by a measurement. */
export function guidePages(): readonly string[] {
  return ['README.md', ...pagesUnder('docs/en')]
}

/** The pages in another language. */
export function pagesUnder(folder: string): readonly string[] {
  if (!existsSync(`${ROOT}${folder}`)) return []
  const names = readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' })
  return names
    .filter(name => name.endsWith('.md'))
    .map(name => `${folder}/${name}`)
    .sort()
}

export function readPage(path: string): Page {
  const text = readFileSync(`${ROOT}${path}`, 'utf8')
  const lines = text.split('\n')
  const blocks: Block[] = []
  const prose: string[] = []
  for (let index = 0; index < lines.length; index += 1) {
    const fence = /^( *)(```+)(.*)$/.exec(lines[index]!)
    if (fence === null) {
      prose.push(lines[index]!)
      continue
    }
    const [, indent = '', ticks = '', info = ''] = fence
    const end = lines.findIndex((line, at) => at > index && line === `${indent}${ticks}`)
    const at = `${path}:${index + 1}`
    if (end === -1) throw new Error(`${at}: this block does not end`)
    const body = lines.slice(index + 1, end).map(line => line.slice(indent.length))
    blocks.push({ at, info: info.trim(), text: `${body.join('\n')}\n`, notes: notesAbove(lines, index) })
    index = end
  }
  const headings = prose.filter(line => /^#{1,6} /.test(line))
  return { path, text, blocks, headings, prose: prose.join('\n') }
}

function notesAbove(lines: readonly string[], fence: number): Record<string, string> {
  const notes: Record<string, string> = {}
  for (let index = fence - 1; index >= 0; index -= 1) {
    const note = /^ *<!-- ([\w ]+?): (.*) -->$/.exec(lines[index]!)
    if (note === null) break
    notes[note[1]!] = note[2]!
  }
  return notes
}
